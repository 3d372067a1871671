"""What an ELF file says of itself, read as if it meant harm.

Bounded in time and memory whatever the file holds, and read as the dynamic loader reads it: by
program headers and addresses, never by section headers. Implements as much of the System V ABI
(gABI, "Object Files", "Program Loading and Dynamic Linking") as wheels are judged by.
"""

import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import BinaryIO

MAGIC = b"\x7fELF"
_MACHINES = {(1, 3): "i686", (2, 62): "x86_64", (2, 183): "aarch64"}
"""By class (32 or 64 bits) and e_machine, as platform tags name them."""
_BYTE_ORDERS = {1: "<", 2: ">"}
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 10, 14, 15, 29
_MOST_HEADERS = 512
_MOST_ENTRIES = 8192
"""Of the dynamic section."""
_MOST_STRINGS = 64 << 20
"""Bytes of its string table that are read."""
_LONGEST = 4096
"""Bytes of one string."""


class ElfError(ValueError):
    """A program or library that no loader could read, or one beyond all bounds."""


class ElfKind(StrEnum):
    PROGRAM = "program"
    """Started by its own name: it names its loader, or needs none."""
    LIBRARY = "library"
    """Extension modules are of this kind too."""
    OTHER = "other"
    """Object files and what else nothing loads."""


@dataclass(frozen=True, slots=True)
class Elf:
    """`machine` as in platform tags; empty for one that no target is of."""

    kind: ElfKind
    machine: str = ""
    needed: tuple[str, ...] = ()
    soname: str = ""
    runpath: tuple[str, ...] = ()
    """Entries of DT_RPATH and DT_RUNPATH: where else the loader looks for libraries."""
    has_loader: bool = False
    """Whether it names the dynamic loader that starts it."""
    is_module: bool = False
    """Whether it names a function that initialises a Python module (PEP 489)."""


def read_elf(file: BinaryIO) -> Elf:
    """Read the ELF file; raises `ElfError`."""
    try:
        return _Reader(file).read()
    except (struct.error, OverflowError, OSError) as error:
        raise ElfError(f"it is cut off, or points outside itself: {error}") from error


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        ident = self._at(0, 16)
        if ident[:4] != MAGIC:
            raise ElfError("it is no ELF file")
        self._class = ident[4]
        self._order = _BYTE_ORDERS.get(ident[5], "")
        self._loads: list[tuple[int, int, int]] = []

    def read(self) -> Elf:
        if self._class not in {1, 2} or not self._order:
            return Elf(ElfKind.OTHER)
        is_64 = self._class == 2  # noqa: PLR2004 - ELFCLASS64
        header = self._fields(16, "HHIQQQIHHH" if is_64 else "HHIIIIIHHH")
        kind, machine, table, size, count = (header[place] for place in (0, 1, 4, 8, 9))
        if kind not in {2, 3}:
            return Elf(ElfKind.OTHER)
        layout = "IIQQQQQQ" if is_64 else "IIIIIIII"
        if count > _MOST_HEADERS or (count and size != struct.calcsize("<" + layout)):
            raise ElfError(f"it has {count} program headers of {size} bytes")
        dynamic: tuple[int, int] | None = None
        has_loader = False
        for number in range(count):
            fields = self._fields(table + number * size, layout)
            # p_flags stands elsewhere in the two classes.
            places = (2, 3, 5) if is_64 else (1, 2, 4)
            offset, address, in_file = (fields[place] for place in places)
            if fields[0] == _LOAD:
                self._loads.append((address, in_file, offset))
            elif fields[0] == _DYNAMIC:
                dynamic = (address, in_file)
            has_loader = has_loader or fields[0] == _INTERPRETER
        is_program = kind == 2 or has_loader  # noqa: PLR2004 - ET_EXEC
        elf = Elf(
            ElfKind.PROGRAM if is_program else ElfKind.LIBRARY,
            _MACHINES.get((self._class, machine), ""),
            has_loader=has_loader,
        )
        return elf if dynamic is None else self._linked(elf, *dynamic, is_64=is_64)

    def _linked(self, elf: Elf, address: int, length: int, *, is_64: bool) -> Elf:
        """`elf` with what its dynamic section says."""
        layout = "qQ" if is_64 else "iI"
        size = struct.calcsize("<" + layout)
        held: dict[int, list[int]] = {}
        start = self._offset(address)
        for number in range(length // size):
            if number >= _MOST_ENTRIES:
                raise ElfError(f"its dynamic section has {length} bytes")
            tag, value = self._fields(start + number * size, layout)
            if tag == 0:
                break
            held.setdefault(tag, []).append(value)
        if _STRTAB not in held:
            return elf
        strings = self._offset(held[_STRTAB][-1])
        paths = ":".join(
            self._string(strings + place)
            for tag in (_RPATH, _RUNPATH)
            for place in held.get(tag, [])
        )
        has_paths = held.get(_RPATH) or held.get(_RUNPATH)
        names = self._upto(strings, min(held.get(_STRSZ, [0])[-1], _MOST_STRINGS))
        return replace(
            elf,
            needed=tuple(self._string(strings + place) for place in held.get(_NEEDED, [])),
            soname=self._string(strings + held[_SONAME][-1]) if _SONAME in held else "",
            runpath=tuple(paths.split(":")) if has_paths else (),
            is_module=b"\0PyInit_" in names,
        )

    def _offset(self, address: int) -> int:
        """Where in the file the loader finds what it maps at `address`."""
        for start, length, offset in self._loads:
            if start <= address < start + length:
                return offset + address - start
        raise ElfError(f"it says that something is at address {address:#x}, and maps nothing there")

    def _fields(self, offset: int, layout: str) -> tuple[int, ...]:
        whole = self._order + layout
        return struct.unpack(whole, self._at(offset, struct.calcsize(whole)))

    def _string(self, offset: int) -> str:
        content, end, _ = self._upto(offset, _LONGEST).partition(b"\0")
        if not end:
            raise ElfError(f"a name in it is longer than {_LONGEST} bytes")
        return content.decode("utf-8", "backslashreplace")

    def _at(self, offset: int, length: int) -> bytes:
        content = self._upto(offset, length)
        if len(content) != length:
            raise ElfError(f"it ends before byte {offset + length}")
        return content

    def _upto(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)
