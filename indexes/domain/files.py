"""Distribution files as an index lists them (simple repository API 1.4)."""

from enum import StrEnum


class FileKind(StrEnum):
    SDIST = "sdist"
    WHEEL = "wheel"
    OTHER = "other"

    @property
    def label(self) -> str:
        return self.value
