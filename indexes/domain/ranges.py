"""Byte ranges of a download (RFC 9110, 14)."""

import re
from dataclasses import dataclass

from indexes.errors import IndexesError

_SINGLE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")


class RangeNotSatisfiable(IndexesError):
    """Nothing of the range lies in the file (416)."""

    code = "range-not-satisfiable"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"The file has {size} bytes; ask for a range that begins before its end.")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From `start` to `end`, both included."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start + 1


def parse_range(header: str | None, *, size: int) -> ByteRange | None:
    """The one range that a `Range` header asks for; None when the whole file is the answer.

    Several ranges, other units and nonsense are answered with the whole file, as RFC 9110
    allows. Raises `RangeNotSatisfiable`.
    """
    match = _SINGLE.fullmatch(header or "")
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.group(1, 2)
    if not first:
        if int(last) == 0 or size == 0:
            raise RangeNotSatisfiable(size)
        return ByteRange(max(size - int(last), 0), size - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiable(size)
    return ByteRange(int(first), min(int(last), size - 1) if last else size - 1)
