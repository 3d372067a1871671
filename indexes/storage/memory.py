"""Bytes in memory, for tests."""

import io
from pathlib import Path
from typing import BinaryIO

from indexes.storage.base import BytesMissing, check_bytes, check_key


class MemoryStorage:
    """Implements `Storage`."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, key: str, path: Path, *, sha256: str) -> None:
        check_bytes(check_key(key), path, sha256)
        self.kept[key] = path.read_bytes()

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self._get(key))

    def exists(self, key: str) -> bool:
        return check_key(key) in self.kept

    def size(self, key: str) -> int:
        return len(self._get(key))

    def _get(self, key: str) -> bytes:
        try:
            return self.kept[check_key(key)]
        except KeyError as error:
            raise BytesMissing(key) from error

    def delete(self, key: str) -> None:
        self.kept.pop(check_key(key), None)

    def download_url(self, key: str, *, filename: str, expires: int) -> None:  # noqa: ARG002 - the seam's
        return None

    def upload_url(self, key: str, *, expires_seconds: int) -> None:  # noqa: ARG002 - the seam's
        return None
