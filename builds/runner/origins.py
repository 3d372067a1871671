"""Which package of the distribution a grafted library comes from, and its licences.

A copy is known by the beginning of the SHA-256 that auditwheel puts into its name, so what is
said of it is true of the very file that was copied. Reads the builder's own system, and nothing
that a project has written.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from builds.domain.sbom import Grafted, Licence, Origin
from builds.runner.elf import ElfError, read_elf
from builds.runner.packages import LISTINGS, Package

HOST = Path("/")
LARGEST_TEXT = 1 << 20
"""Bytes of one licence text that are kept."""

_COPY = re.compile(r"(?P<stem>[^.]+)-(?P<digest>[0-9a-f]{8})(?P<rest>\..+)")
"""auditwheel puts the hash before the first dot, also in `libldap-2-062bb940.5.so.0`."""
_FACT = re.compile(r"^(Package|Version|Architecture): *(.+)$", re.MULTILINE)
_COMMON = re.compile(r"/usr/share/common-licenses/([\w.+-]*\w)")
_DISTRIBUTION = re.compile(r'^ID="?([\w.-]+)"?$', re.MULTILINE)


class Packages(Protocol):
    """Packages whose files a build was shown."""

    def owners_of(self, filenames: AbstractSet[str]) -> Iterator[tuple[Path, str]]:
        """Files of these names on the builder, each with the name of the package that has it."""

    def package(self, name: str) -> Origin | None:
        """What is known of the package that `owners_of` named."""


@dataclass(frozen=True, slots=True)
class DpkgPackages:
    """The packages that dpkg knows of below `root`."""

    root: Path = HOST

    def owners_of(self, filenames: AbstractSet[str]) -> Iterator[tuple[Path, str]]:
        names = b"|".join(re.escape(name.encode()) for name in sorted(filenames))
        wanted = re.compile(rb"^/(.*/(?:" + names + rb"))$", re.MULTILINE)
        for listing in sorted((self.root / "var/lib/dpkg/info").glob("*.list")):
            for match in wanted.finditer(listing.read_bytes()):
                yield self.root / match[1].decode("utf-8", "replace"), listing.stem

    def package(self, name: str) -> Origin | None:
        bare, _, architecture = name.partition(":")
        status = (self.root / "var/lib/dpkg/status").read_text("utf-8", "replace")
        for stanza in status.split("\n\n"):
            if stanza.startswith(f"Package: {bare}\n"):
                facts = dict(_FACT.findall(stanza))
                if architecture in {"", facts.get("Architecture", "")}:
                    return Origin(
                        bare,
                        facts.get("Version", ""),
                        facts.get("Architecture", ""),
                        distribution(self.root),
                        licences(bare, self.root),
                    )
        return None


@dataclass(frozen=True, slots=True)
class UnpackedPackages:
    """Packages that were unpacked for one build, below `root`; dpkg knows nothing of them."""

    root: Path
    packages: Sequence[Package]
    label: str
    """Of the distribution: `debian-12`."""

    def owners_of(self, filenames: AbstractSet[str]) -> Iterator[tuple[Path, str]]:
        for package in self.packages:
            listing = (self.root / LISTINGS / package.filename).read_text("utf-8", "replace")
            for line in listing.splitlines():
                if line.rpartition("/")[2] in filenames:
                    yield self.root / line, package.filename

    def package(self, name: str) -> Origin | None:
        for package in self.packages:
            if package.filename == name:
                return Origin(
                    package.name,
                    package.version,
                    package.architecture,
                    self.label.partition("-")[0],
                    licences(package.name, self.root, HOST),
                )
        return None


def trace(members: Iterable[str], sources: Iterable[Packages]) -> list[Grafted]:
    """Return the grafted members, each with its package as far as one of `sources` has it."""
    left = {member: _original(member) for member in members}
    found: dict[str, Grafted] = {}
    for packages in sources:
        names = {name for member, (name, _) in left.items() if member not in found}
        for path, owner in packages.owners_of(names) if names else ():
            digest = _sha256(path) if path.is_file() else ""
            for member, (name, start) in left.items():
                if name == path.name and start and digest.startswith(start):
                    copy = Grafted(member, _soname(path), packages.package(owner))
                    found.setdefault(member, copy)
    return [
        found.get(member, Grafted(member, name, None)) for member, (name, _) in sorted(left.items())
    ]


def licences(package: str, *roots: Path) -> tuple[Licence, ...]:
    """What Debian ships with a package, and the common licences that it refers to, in full.

    What the first of `roots` has not is looked for in the next.
    """

    def found(path: str) -> Path | None:
        return next((root / path for root in roots if (root / path).is_file()), None)

    notes = found(f"usr/share/doc/{package}/copyright")
    if notes is None:
        return ()
    text = _text(notes)
    names = sorted(set(_COMMON.findall(text)))
    common = [file for name in names if (file := found(f"usr/share/common-licenses/{name}"))]
    return (
        Licence(f"{package} copyright", text),
        *(Licence(file.name, _text(file)) for file in common),
    )


def distribution(root: Path = HOST) -> str:
    """The distribution's name for itself (os-release(5))."""
    path = root / "etc/os-release"
    found = _DISTRIBUTION.search(path.read_text()) if path.is_file() else None
    return found[1] if found else "linux"


def _original(member: str) -> tuple[str, str]:
    """The name of the file that a member is a copy of, and how its SHA-256 begins."""
    name = member.rpartition("/")[2]
    match = _COPY.fullmatch(name)
    return (match["stem"] + match["rest"], match["digest"]) if match else (name, "")


def _soname(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return read_elf(file).soname or path.name
    except ElfError:
        return path.name


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LARGEST_TEXT).decode("utf-8", "replace")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
