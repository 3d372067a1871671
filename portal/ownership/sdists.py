"""What a source distribution says of itself, read without unpacking or running any of it."""

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

MEBIBYTE = 1024 * 1024
MAX_UNPACKED = 256 * MEBIBYTE
MAX_MEMBERS = 50_000
MAX_TEXT = 4 * MEBIBYTE

_WANTED = ("PKG-INFO", "pyproject.toml")
# As build backends find them when nothing is said (PEP 639 names these as the usual patterns).
_LICENCE = re.compile(r"(?i)(licen[cs]e|copying)[\w.-]*")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


_OPENERS: dict[str, Callable[[io.BytesIO], _Readable]] = {
    "gz": lambda packed: gzip.GzipFile(fileobj=packed),
    "tgz": lambda packed: gzip.GzipFile(fileobj=packed),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}


class UnreadableSdist(Exception):
    """It is no archive, or one that wants more than it should; the message says which."""


@dataclass(frozen=True, slots=True)
class SdistTexts:
    """The files of the top folder that say what this is; empty where there is none."""

    pkg_info: bytes = b""
    pyproject: bytes = b""
    licences: tuple[tuple[str, bytes], ...] = ()
    """By file name, in the archive's order."""


class _Bounded(io.RawIOBase):
    """A stream that ends in an error rather than in a bomb."""

    def __init__(self, stream: _Readable) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(chunk)
        if self._left < 0:
            raise UnreadableSdist(f"it unpacks to more than {MAX_UNPACKED // MEBIBYTE} MiB")
        return chunk


def read_sdist(filename: str, data: bytes) -> SdistTexts:
    """PKG-INFO, pyproject.toml and the licences of the one top folder. Raises `UnreadableSdist`."""
    found: dict[str, bytes] = {}
    tops: set[str] = set()
    reader = _from_zip if filename.endswith(".zip") else _from_tar
    try:
        for top, name, text in reader(filename, data):
            tops.add(top)
            found[name] = text
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise UnreadableSdist(f"it cannot be read as an archive: {error}") from error
    if len(tops) > 1:
        raise UnreadableSdist("it has more than one top folder")
    licences = tuple((name, text) for name, text in found.items() if _LICENCE.fullmatch(name))
    return SdistTexts(found.get("PKG-INFO", b""), found.get("pyproject.toml", b""), licences)


def _from_tar(filename: str, data: bytes) -> Iterator[tuple[str, str, bytes]]:
    opener = _OPENERS.get(filename.rpartition(".")[2])
    packed = io.BytesIO(data)
    bounded = _Bounded(opener(packed) if opener else packed)
    # As a stream: no member is sought, none is written, links are never followed.
    with tarfile.open(fileobj=bounded, mode="r|") as archive:
        for count, member in enumerate(archive):
            if count >= MAX_MEMBERS:
                raise UnreadableSdist(f"it has more than {MAX_MEMBERS} members")
            place = _place(member.name)
            if place and member.isreg():
                _refuse_large(member.size)
                stream = archive.extractfile(member)
                yield (*place, stream.read() if stream else b"")


def _from_zip(filename: str, data: bytes) -> Iterator[tuple[str, str, bytes]]:  # noqa: ARG001  # the readers are alike
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise UnreadableSdist(f"it has more than {MAX_MEMBERS} members")
        for member in members:
            place = _place(member.filename)
            if place and not member.is_dir():
                _refuse_large(member.file_size)
                with archive.open(member) as stream:
                    text = stream.read(MAX_TEXT + 1)
                _refuse_large(len(text))
                yield (*place, text)


def _place(path: str) -> tuple[str, str] | None:
    """(top folder, name) of a member that we want, and of no other."""
    top, _, name = path.removeprefix("./").partition("/")
    is_wanted = name in _WANTED or _LICENCE.fullmatch(name)
    return (top, name) if is_wanted and top not in {"", ".", ".."} else None


def _refuse_large(size: int) -> None:
    if size > MAX_TEXT:
        raise UnreadableSdist(f"its metadata is larger than {MAX_TEXT // MEBIBYTE} MiB")
