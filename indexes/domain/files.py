"""Distribution files: what a filename says (simple repository API 1.4), and which serve which."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from indexes.domain.names import NormalizedName


class FileKind(StrEnum):
    SDIST = "sdist"
    WHEEL = "wheel"
    OTHER = "other"

    @property
    def label(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What a file's name says. OTHER has neither version nor tags."""

    kind: FileKind
    version: Version | None = None
    tags: frozenset[Tag] = frozenset()
    build_tag: BuildTag = ()


_OTHER = ParsedFile(FileKind.OTHER)
_SDIST_ENDINGS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.Z", ".tar")


def parse_filename(filename: str, project: NormalizedName) -> ParsedFile:
    """What the name of a file of `project` says; never raises.

    Sdists of before PEP 625 are understood too: other archives, and names that are not
    normalised, so that `My-Project-1.0-2.zip` is split where the project's name ends.
    """
    if filename.endswith(".whl"):
        return _parse_wheel(filename, project)
    for ending in _SDIST_ENDINGS:
        if filename.endswith(ending):
            version = _sdist_version(filename, ending, project)
            return _OTHER if version is None else ParsedFile(FileKind.SDIST, version)
    return _OTHER


def _parse_wheel(filename: str, project: NormalizedName) -> ParsedFile:
    try:
        name, version, build_tag, tags = parse_wheel_filename(filename)
    except (InvalidWheelFilename, InvalidVersion):
        return _OTHER
    return ParsedFile(FileKind.WHEEL, version, tags, build_tag) if name == project else _OTHER


def _sdist_version(filename: str, ending: str, project: NormalizedName) -> Version | None:
    if ending in {".tar.gz", ".zip"}:
        try:
            name, version = parse_sdist_filename(filename)
        except (InvalidSdistFilename, InvalidVersion):
            pass
        else:
            if name == project:
                return version
    stem = filename.removesuffix(ending)
    for dash in re.finditer("-", stem):
        if canonicalize_name(stem[: dash.start()]) == project:
            try:
                return Version(stem[dash.end() :])
            except InvalidVersion:
                continue
    return None


def is_superseded(ours: Iterable[Tag], upstream: Iterable[Tag]) -> bool:
    """Whether upstream's wheels of a release serve every installer that a wheel of ours would."""
    theirs = frozenset(upstream)
    return all(any(_serves(their, our) for their in theirs) for our in ours)


def _serves(theirs: Tag, ours: Tag) -> bool:
    """Whether every installer that accepts the tag `ours` accepts `theirs` too."""
    return theirs == ours or (
        platform_serves(theirs.platform, ours.platform) and _interpreter_serves(theirs, ours)
    )


_LEGACY = {"manylinux1": "2_5", "manylinux2010": "2_12", "manylinux2014": "2_17"}
_LIBC = re.compile(r"(manylinux|musllinux)_(\d+)_(\d+)_(\w+)")


def platform_serves(theirs: str, ours: str) -> bool:
    """Whether every machine that takes wheels of the platform `ours` takes those of `theirs`."""
    if theirs in {"any", ours}:
        return True
    their, our = _LIBC.fullmatch(_modern(theirs)), _LIBC.fullmatch(_modern(ours))
    return (
        their is not None
        and our is not None
        and their.group(1, 4) == our.group(1, 4)
        and (int(their[2]), int(their[3])) <= (int(our[2]), int(our[3]))
    )


def _modern(platform: str) -> str:
    label, _, machine = platform.partition("_")
    return f"manylinux_{_LEGACY[label]}_{machine}" if label in _LEGACY else platform


_INTERPRETER = re.compile(r"(cp|py)(\d)(\d*)")


def _interpreter_serves(theirs: Tag, ours: Tag) -> bool:
    if (theirs.interpreter, theirs.abi) == (ours.interpreter, ours.abi):
        return True
    their, our = (
        _INTERPRETER.fullmatch(theirs.interpreter),
        _INTERPRETER.fullmatch(ours.interpreter),
    )
    if their is None or our is None or their[2] != our[2]:
        return False
    is_no_newer = int(their[3] or 0) <= int(our[3] or 0)
    if theirs.abi == "none":
        # A pure tag is accepted by later minor versions only when it is written `py`.
        return is_no_newer if their[1] == "py" else theirs.interpreter == ours.interpreter
    # The stable ABI is CPython's with the GIL only: `cp313t` does not accept it.
    is_stable = theirs.abi == "abi3" and our[1] == "cp" and not ours.abi.endswith("t")
    return is_stable and ours.abi != "none" and is_no_newer
