"""Stage inspect: the sdist is unpacked as if it meant harm, and read without running it."""

import bz2
import calendar
import gzip
import io
import lzma
import os
import posixpath
import re
import stat
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import compat32
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, Protocol, cast

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from builds.domain.limits import MEBIBYTE
from builds.domain.outcomes import Outcome
from builds.runner.problems import JobProblem
from builds.runner.workfolder import UntrustedFileError, read_left
from builds.runner.zips import verify_directory

EARLIEST = 315_532_800
"""1980-01-01 UTC, in seconds since 1970: zip archives, and so wheels, know nothing before it."""
LATEST = 4_354_819_198
"""The last moment that zip archives know."""
CHUNK = 1 << 16
LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
LEGACY_REQUIRES = ("setuptools>=40.8.0",)
UNSOUND = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What the readers of archives raise for one that is broken."""
MOST_EXTERNAL = 50
"""Entries of `[external]` that are looked at."""
LONGEST_EXTERNAL = 200
"""Letters of one."""
_BACKEND = re.compile(r"[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*)?")


@dataclass(frozen=True, slots=True)
class SdistLimits:
    """How large an sdist may be. Sizes in bytes."""

    size: int = 512 * MEBIBYTE
    members: int = 20_000
    unpacked: int = 2048 * MEBIBYTE
    ratio: int = 200
    """Unpacked to packed; not asked of what unpacks to less than `ratio_from`."""
    ratio_from: int = 64 * MEBIBYTE
    depth: int = 64
    """Folders within folders."""
    one_read: int = 4 * MEBIBYTE
    """Of a tar header: longer ones would be held in memory."""
    document: int = 4 * MEBIBYTE
    """Of PKG-INFO and pyproject.toml."""


@dataclass(frozen=True, slots=True)
class SdistFacts:
    """What an unpacked sdist says of itself."""

    folder: str
    """Its one top folder."""
    source_date_epoch: int
    """Of its newest member, in seconds since 1970."""
    requires: tuple[str, ...]
    backend: str
    backend_path: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Name, Version and the like of PKG-INFO; empty without one."""
    external: tuple[str, ...] = ()
    """What the build needs beside Python packages, as PEP 725 names it."""


def has_pyx(sources: Path) -> bool:
    """Whether there are Cython sources, of which C or C++ can be made anew."""
    return any(name.endswith(".pyx") for _, _, names in os.walk(sources) for name in names)


class Kind(StrEnum):
    FOLDER = "folder"
    FILE = "file"
    LINK = "link"
    HARD_LINK = "hard-link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    kind: Kind
    size: int
    mode: int
    mtime: int
    target: str = ""
    """Of a link, as written."""


class _Archive(Protocol):
    def entries(self) -> Iterator[_Entry]:
        """The members in their order. Each is read before the next is asked for."""

    def open(self) -> IO[bytes]:
        """The content of the last entry."""


def unpack(archive: Path, into: Path, *, filename: str, limits: SdistLimits) -> tuple[str, int]:
    """Unpack into the folder `into`; returns the one top folder and SOURCE_DATE_EPOCH.

    Modes become `u+rwX,go+rX,go-w`. Raises `JobProblem` with SDIST_MALFORMED for what no tool
    could read, SDIST_HOSTILE for what means harm.
    """
    size = archive.stat().st_size
    try:
        with _opened(archive, filename, size, limits) as opened:
            unpacker = _Unpacker(into, size, limits)
            for entry in opened.entries():
                unpacker.place(entry, opened)
            return unpacker.finish(), unpacker.epoch
    except UNSOUND as error:
        raise malformed("it is no sound archive", str(error)) from error


def read_sdist(
    folder: Path, *, top: str, epoch: int, project: str, version: str, limits: SdistLimits
) -> SdistFacts:
    """Read PKG-INFO and pyproject.toml of an unpacked sdist, statically; raises `JobProblem`."""
    names = {path.name for path in (folder / top).iterdir()}
    metadata: dict[str, str] = {}
    if "PKG-INFO" in names:
        document = _document(folder, f"{top}/PKG-INFO", limits)
        message = BytesParser(policy=compat32).parsebytes(document, headersonly=True)
        metadata = {
            key: str(message[key])
            for key in ("Name", "Version", "Requires-Python", "License-Expression", "License")
            if key in message
        }
        _verify_identity(metadata, project, version)
    if "pyproject.toml" in names:
        return _read_pyproject(folder, top, epoch, metadata, limits)
    if "setup.py" not in names:
        raise malformed("it holds neither pyproject.toml nor setup.py", top)
    return SdistFacts(top, epoch, LEGACY_REQUIRES, LEGACY_BACKEND, (), metadata)


def malformed(what: str, evidence: str) -> JobProblem:
    return JobProblem(
        Outcome.SDIST_MALFORMED,
        f"The sdist cannot be read as one: {what}. The project made it: its turn.",
        evidence,
    )


def hostile(what: str, evidence: str) -> JobProblem:
    return JobProblem(
        Outcome.SDIST_HOSTILE,
        f"The sdist was not unpacked: {what}. The project should look at its release.",
        evidence,
    )


class _Unpacker:
    """Puts entries below one folder, and nothing anywhere else."""

    def __init__(self, into: Path, size: int, limits: SdistLimits) -> None:
        self._into = into
        self._most = min(limits.unpacked, max(limits.ratio_from, limits.ratio * size))
        self._limits = limits
        self._kinds: dict[str, Kind] = {}
        self._mtimes: dict[str, int] = {}
        self._members = 0
        self._bytes = 0

    @property
    def epoch(self) -> int:
        newest = max(self._mtimes.values(), default=EARLIEST)
        return min(max(newest, EARLIEST), LATEST)

    def place(self, entry: _Entry, archive: _Archive) -> None:
        self._count(entry)
        path = self._verified_path(entry)
        if not path:
            return
        self._mtimes[path] = entry.mtime
        match entry.kind:
            case Kind.FOLDER:
                self._make_folders(path)
            case Kind.FILE:
                self._write(path, entry, archive.open())
            case Kind.LINK:
                self._link(path, entry)
            case Kind.HARD_LINK:
                self._copy(path, entry)
            case Kind.OTHER:
                raise hostile("a member is a device or a pipe", entry.path)

    def finish(self) -> str:
        """Return the one top folder, once times are set as the archive has them."""
        tops = sorted({path.split("/")[0] for path in self._kinds})
        if len(tops) != 1 or self._kinds[tops[0]] is not Kind.FOLDER:
            said = ", ".join(tops[:3]) or "nothing"
            raise malformed("it must hold exactly one top folder", said)
        for path in sorted(self._kinds, reverse=True):
            if self._kinds[path] is not Kind.LINK:
                mtime = min(max(self._mtimes.get(path, self.epoch), 0), LATEST)
                os.utime(self._into / path, (mtime, mtime))
        return tops[0]

    def _count(self, entry: _Entry) -> None:
        self._members += 1
        if entry.size < 0:
            raise malformed("a member has a negative size", entry.path)
        if self._members > self._limits.members:
            raise hostile(
                f"it has more than {self._limits.members} members", f"at member {entry.path}"
            )
        if entry.kind is Kind.FILE:
            self._bytes += entry.size
        if self._bytes > self._most:
            raise hostile(f"it unpacks to more than {self._most} bytes", f"at member {entry.path}")

    def _verified_path(self, entry: _Entry) -> str:
        """Return the path below the folder; nothing for what is to be passed over."""
        raw = entry.path
        if raw.startswith("/") or "\\" in raw or "\0" in raw or re.match(r"[A-Za-z]:", raw):
            raise hostile("a member's path leaves the archive", raw)
        parts = [part for part in raw.split("/") if part not in {"", "."}]
        if ".." in parts:
            raise hostile("a member's path leaves the archive", raw)
        if len(parts) > self._limits.depth or any(len(part.encode()) > 255 for part in parts):  # noqa: PLR2004 - what file systems hold
            raise hostile("a member's path is too long", raw[:200])
        # macOS writes such files beside the one top folder.
        if len(parts) == 1 and parts[0].startswith("._"):
            return ""
        return "/".join(parts)

    def _make_folders(self, path: str) -> None:
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            known = self._kinds.get(parent)
            if known is None:
                (self._into / parent).mkdir(mode=0o755)
                self._kinds[parent] = Kind.FOLDER
            elif known is Kind.LINK:
                raise hostile("a member is to be written through a link", path)
            elif known is not Kind.FOLDER:
                raise malformed("a file stands where a folder must be", parent)

    def _clear(self, path: str) -> Path:
        """Make way for a file at `path`: of one name, an archive's last member counts."""
        parent = path.rpartition("/")[0]
        if parent:
            self._make_folders(parent)
        known = self._kinds.get(path)
        if known is Kind.FOLDER:
            raise malformed("a file stands where a folder must be", path)
        if known is not None:
            (self._into / path).unlink()
        return self._into / path

    def _write(self, path: str, entry: _Entry, content: IO[bytes]) -> None:
        place = self._clear(path)
        left = entry.size
        with content, place.open("xb") as file:
            while chunk := content.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise hostile("a member is longer than it says", path)
                file.write(chunk)
        if left:
            raise malformed("a member is shorter than it says", path)
        place.chmod(0o755 if entry.mode & 0o111 else 0o644)
        self._kinds[path] = Kind.FILE

    def _link(self, path: str, entry: _Entry) -> None:
        top = path.split("/", maxsplit=1)[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.target))
        is_inside = target == top or target.startswith(f"{top}/")
        if not entry.target or entry.target.startswith("/") or not is_inside:
            raise hostile("a link leads out of the archive", f"{path} -> {entry.target}")
        self._clear(path).symlink_to(entry.target)
        self._kinds[path] = Kind.LINK

    def _copy(self, path: str, entry: _Entry) -> None:
        parts = [part for part in entry.target.split("/") if part not in {"", "."}]
        target = "/".join(parts)
        if entry.target.startswith("/") or ".." in parts:
            raise hostile("a link leads out of the archive", f"{path} -> {entry.target}")
        if self._kinds.get(target) is not Kind.FILE or target == path:
            raise malformed("a link leads to nothing", f"{path} -> {entry.target}")
        source = self._into / target
        self._bytes += source.stat().st_size
        place = self._clear(path)
        with source.open("rb") as content, place.open("xb") as file:
            while chunk := content.read(CHUNK):
                file.write(chunk)
        place.chmod(source.stat().st_mode & 0o777)
        self._kinds[path] = Kind.FILE


class _Metered(io.RawIOBase):
    """A stream being unpacked that stops before it has unpacked too much."""

    def __init__(self, stream: IO[bytes], size: int, limits: SdistLimits) -> None:
        self._stream = stream
        self._limits = limits
        # Headers and padding come on top of what members hold.
        self._most = limits.members * 4 * tarfile.BLOCKSIZE + min(
            limits.unpacked, max(limits.ratio_from, limits.ratio * size)
        )

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < 0:
            raise tarfile.ReadError("a seek that unpacking does not need")
        while (ahead := offset - self._stream.tell()) > 0:
            if not self.read(min(ahead, self._limits.one_read)):
                break
        return self._stream.seek(min(offset, self._stream.tell()))

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._limits.one_read:
            raise hostile("a header in it is too long", f"{size} bytes")
        try:
            content = self._stream.read(size)
        except OSError as error:
            # One without a number is no fault of the disk: the stream is broken.
            if error.errno is not None:
                raise
            raise tarfile.ReadError(str(error)) from error
        position = self._stream.tell()
        if position > self._most:
            raise hostile(f"it unpacks to more than {self._most} bytes", f"{position} bytes")
        return content


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._last: tarfile.TarInfo | None = None

    def entries(self) -> Iterator[_Entry]:
        for member in self._archive:
            self._last = member
            yield _Entry(
                member.name,
                self._kind(member),
                member.size,
                member.mode,
                int(member.mtime),
                member.linkname,
            )

    def open(self) -> IO[bytes]:
        content = self._archive.extractfile(self._last) if self._last else None
        if content is None:
            raise tarfile.ReadError("a member has no content")
        return content

    @staticmethod
    def _kind(member: tarfile.TarInfo) -> Kind:
        if member.issparse():
            return Kind.OTHER
        kinds = (
            (member.isdir(), Kind.FOLDER),
            (member.isreg(), Kind.FILE),
            (member.issym(), Kind.LINK),
            (member.islnk(), Kind.HARD_LINK),
        )
        return next((kind for is_it, kind in kinds if is_it), Kind.OTHER)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._last: zipfile.ZipInfo | None = None

    def entries(self) -> Iterator[_Entry]:
        for info in self._archive.infolist():
            self._last = info
            mode = info.external_attr >> 16
            kind = self._kind(info, mode)
            target = ""
            if kind is Kind.LINK:
                if info.file_size > CHUNK:
                    raise hostile("a link in it is too long", info.filename)
                target = self._archive.read(info).decode()
            # A zip archive knows no time zone; UTC makes every machine read the same.
            mtime = calendar.timegm((*info.date_time, 0, 0, 0))
            yield _Entry(info.orig_filename, kind, info.file_size, mode, mtime, target)

    def open(self) -> IO[bytes]:
        if self._last is None:
            raise zipfile.BadZipFile("no member")
        return self._archive.open(self._last)

    @staticmethod
    def _kind(info: zipfile.ZipInfo, mode: int) -> Kind:
        match stat.S_IFMT(mode):
            case stat.S_IFLNK:
                return Kind.LINK
            case 0 | stat.S_IFREG | stat.S_IFDIR:
                return Kind.FOLDER if info.is_dir() else Kind.FILE
            case _:
                return Kind.OTHER


@contextmanager
def _opened(archive: Path, filename: str, size: int, limits: SdistLimits) -> Iterator[_Tar | _Zip]:
    """Open by what the file is; its name only has to be an sdist's."""
    with archive.open("rb") as file:
        magic = file.read(6)
        file.seek(0)
        if magic.startswith(b"PK"):
            verify_directory(file, limits.members)
            with zipfile.ZipFile(file) as zipped:
                yield _Zip(zipped)
            return
        for start, decompress in _COMPRESSIONS.items():
            if magic.startswith(start):
                with decompress(file) as stream:
                    metered = _Metered(stream, size, limits)
                    with tarfile.open(fileobj=metered, mode="r:") as tar:
                        yield _Tar(tar)
                return
    raise malformed("it is neither a tar nor a zip archive", filename)


_COMPRESSIONS: Mapping[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    b"\xfd7zXZ\x00": lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),  # noqa: SIM115 - closed where it is opened
}


def _document(folder: Path, name: str, limits: SdistLimits) -> bytes:
    try:
        return read_left(folder, name, limit=limits.document)
    except UntrustedFileError as error:
        raise malformed("a document of it cannot be read", str(error)) from error


def _verify_identity(metadata: Mapping[str, str], project: str, version: str) -> None:
    name, said = metadata.get("Name", ""), metadata.get("Version", "")
    try:
        is_same_version = Version(said) == Version(version)
    except InvalidVersion:
        is_same_version = said == version
    if canonicalize_name(name) != project or not is_same_version:
        raise JobProblem(
            Outcome.SDIST_OTHER_PROJECT,
            f"The sdist of {project} {version} says that it is of {name} {said}. "
            "The project should release one that names itself.",
            f"Name: {name}, Version: {said}",
        )


def _read_pyproject(
    folder: Path, top: str, epoch: int, metadata: Mapping[str, str], limits: SdistLimits
) -> SdistFacts:
    document = _document(folder, f"{top}/pyproject.toml", limits)
    try:
        pyproject = tomllib.loads(document.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed("its pyproject.toml is not TOML", str(error)) from error
    system, external = pyproject.get("build-system"), _external(pyproject.get("external"))
    if system is None:
        return SdistFacts(top, epoch, LEGACY_REQUIRES, LEGACY_BACKEND, (), metadata, external)
    if not isinstance(system, dict) or "requires" not in system:
        raise malformed("its [build-system] names no `requires`", "pyproject.toml")
    backend = system.get("build-backend", LEGACY_BACKEND)
    if not isinstance(backend, str) or not _BACKEND.fullmatch(backend):
        raise malformed("its `build-backend` is no object reference", repr(backend)[:200])
    return SdistFacts(
        folder=top,
        source_date_epoch=epoch,
        requires=_strings(system, "requires"),
        backend=backend,
        backend_path=_strings(system, "backend-path"),
        metadata=metadata,
        external=external,
    )


def _external(table: Any) -> tuple[str, ...]:
    """What the `[external]` table requires (PEP 725, a draft): one of another shape says nothing.

    Optional dependencies are left out, as pip leaves out extras.
    """
    if not isinstance(table, dict):
        return ()
    lists = [table.get(key) for key in ("build-requires", "host-requires", "dependencies")]
    named = [item for value in lists if isinstance(value, list) for item in value]
    short = [item for item in named if isinstance(item, str) and len(item) <= LONGEST_EXTERNAL]
    return tuple(dict.fromkeys(short))[:MOST_EXTERNAL]


def _strings(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise malformed(f"its `{key}` is no list of strings", "pyproject.toml")
    return tuple(value)
