"""How large a zip archive's directory is, told before it is read.

`zipfile` holds the whole directory in memory: one of ten million empty members is small as a
file, and gigabytes when it is opened.
"""

import struct
import zipfile
from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_ZIP64_LOCATOR_MAGIC = b"PK\x06\x07"
_ZIP64_LOCATOR_SIZE = 20
_LONGEST_COMMENT = 1 << 16
_PER_MEMBER = 1024
"""Bytes of directory that a member may take: its header, its name, its extra fields."""


def verify_directory(file: BinaryIO, most_members: int) -> None:
    """Leave `file` at its start; raises `zipfile.BadZipFile` for a directory beyond bounds.

    ZIP64 is refused: what needs it is larger than anything we accept.
    """
    file.seek(0, 2)
    size = file.tell()
    start = max(0, size - _LONGEST_COMMENT - _END.size - _ZIP64_LOCATOR_SIZE)
    file.seek(start)
    tail = file.read()
    file.seek(0)
    # As zipfile looks for it: at the very end first, then the last one anywhere.
    found = len(tail) - _END.size
    if not (found >= 0 and tail[found:].startswith(_END_MAGIC) and tail.endswith(b"\0\0")):
        found = tail.rfind(_END_MAGIC)
    if found < 0 or found + _END.size > len(tail):
        raise zipfile.BadZipFile("it has no end of a directory")
    directory_size = _END.unpack_from(tail, found)[5]
    locator = tail[max(0, found - _ZIP64_LOCATOR_SIZE) : found]
    if locator.startswith(_ZIP64_LOCATOR_MAGIC):
        raise zipfile.BadZipFile("it is a ZIP64 archive")
    if directory_size > most_members * _PER_MEMBER:
        raise zipfile.BadZipFile(f"its directory has {directory_size} bytes")
