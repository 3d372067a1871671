"""The seam between the runner and the packages of a builder's distribution."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from builds.errors import BuildsError


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was asked for: where it is, and the packages that have it, the best first.

    A file that the host has already needs none.
    """

    file: str
    path: str
    packages: tuple[str, ...] = ()
    folder: str = ""
    """Of a header, where compilers do not look by themselves."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was unpacked, and the file it came in."""

    name: str
    version: str
    architecture: str
    filename: str
    sha256: str


LISTINGS = "listings"
"""Folder of a root: what came from each package, by the name of its file."""


@dataclass(frozen=True, slots=True)
class Root:
    """Packages with all they need that the host has not, unpacked; nothing where it has all."""

    folder: Path | None = None
    packages: tuple[Package, ...] = ()


class NotInstallableError(BuildsError):
    """The distribution has no such package, or none that fits the host's."""

    code = "system-package-missing"


class MirrorError(BuildsError):
    """The distribution's packages could not be had now; they may be, later."""

    code = "mirror-unreachable"


class SystemPackages(Protocol):
    """The packages of the builder's own distribution.

    Its methods raise `MirrorError` when what they need cannot be had, `NotInstallableError` when
    it does not exist, and `LeaseGoneError` once `is_live` turns false.
    """

    @property
    def name(self) -> str:
        """With the version, as people say it."""

    @property
    def label(self) -> str:
        """The same as package URLs have it: `debian-12`."""

    def find(self, file: str, *, is_live: Callable[[], bool]) -> Found | None:
        """Where the file is that a build asked for, by exact look-up."""

    def known(self, names: Sequence[str], *, is_live: Callable[[], bool]) -> list[str]:
        """Those of the names that are packages, in their order."""

    def unpack(self, packages: Iterable[str], *, is_live: Callable[[], bool]) -> Root:
        """Get packages with all they need, unpacked; of equal ones, the same every time."""
