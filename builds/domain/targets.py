"""Targets: one (interpreter, ABI, platform) each, with the tags that pip accepts there.

The tags are the target's own, made from its name alone and never from the running machine
(`packaging.tags.platform_tags` would describe that one).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import Version

from builds.errors import BuildsError

EXAMPLE = "cp312-manylinux_2_36_x86_64"

# PEP 600: the oldest glibc an architecture may ask for, and the older names of three of them.
_OLDEST_GLIBC = {"x86_64": 5, "i686": 5, "aarch64": 17}
_LEGACY_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# Bounds of what is worth listing: no libc or CPython has been released beyond them.
_NEWEST_GLIBC = 60
_NEWEST_MUSL = 5
_OLDEST_CPYTHON = 6
_NEWEST_CPYTHON = 20
_FIRST_FREE_THREADED = 13

_NAME = re.compile(
    r"cp3(?P<minor>0|[1-9]\d?)(?P<threading>t?)"
    r"-(?P<platform>(?P<libc>manylinux|musllinux)_(?P<libc_major>\d)_(?P<libc_minor>0|[1-9]\d?)"
    r"_(?P<machine>x86_64|i686|aarch64))",
    re.ASCII,
)


class UnknownTarget(BuildsError):
    """A target's name that nothing can be built for."""

    code = "unknown-target"

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(
            f"{name[:64]!r} is no target: {reason}. Name a CPython, '-' and a Linux platform, "
            f"as in {EXAMPLE} (also cp313t for free-threaded, musllinux_1_2, aarch64)."
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What a wheel is built for.

    `tags` are in the order of pip's preference. `full_python_version` stands for any patch
    release of the interpreter: a newer one than will ever be, so that `>=3.12.1` is met by
    cp312 as it is by any CPython 3.12 that is kept up to date.
    """

    name: str
    interpreter: str = field(compare=False)
    abi: str = field(compare=False)
    platform: str = field(compare=False)
    platforms: tuple[str, ...] = field(compare=False, repr=False)
    python_version: str = field(compare=False)
    tags: tuple[Tag, ...] = field(compare=False, repr=False)
    ranks: Mapping[Tag, int] = field(compare=False, repr=False)
    """Of each tag, its place in `tags`."""

    @property
    def minor(self) -> int:
        return int(self.python_version.partition(".")[2])

    @property
    def full_python_version(self) -> Version:
        return Version(f"{self.python_version}.99")

    def __str__(self) -> str:
        return self.name


@lru_cache(maxsize=512)
def parse_target(name: str) -> Target:
    """The target of that name; raises `UnknownTarget`.

    >>> target = parse_target("cp312-manylinux_2_36_x86_64")
    >>> target.python_version, str(target.tags[0]), str(target.tags[-1])
    ('3.12', 'cp312-cp312-manylinux_2_36_x86_64', 'py30-none-any')
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownTarget(name, "it is not written as one")
    minor = int(match["minor"])
    if not _OLDEST_CPYTHON <= minor <= _NEWEST_CPYTHON:
        raise UnknownTarget(name, f"there is no CPython 3.{minor} to build with")
    if match["threading"] and minor < _FIRST_FREE_THREADED:
        raise UnknownTarget(name, f"CPython 3.{minor} has no free-threaded build")
    interpreter = f"cp3{minor}"
    # CPython 3.7 and older have the allocator in the name of their ABI.
    flags = "m" if minor < 8 else match["threading"]  # noqa: PLR2004 - explained above
    abi = f"{interpreter}{flags}"
    platforms = tuple(_platforms(name, match))
    python = (3, minor)
    tags = (
        *cpython_tags(python, [abi], platforms),
        *compatible_tags(python, interpreter, platforms),
    )
    return Target(
        name=name,
        interpreter=interpreter,
        abi=abi,
        platform=match["platform"],
        platforms=platforms,
        python_version=f"3.{minor}",
        tags=tags,
        ranks=MappingProxyType({tag: rank for rank, tag in enumerate(tags)}),
    )


def parse_targets(names: Iterable[str]) -> tuple[Target, ...]:
    """The targets of these names, each once, in order; raises `UnknownTarget` for the first bad."""
    return tuple(parse_target(name) for name in dict.fromkeys(names))


def _platforms(name: str, match: re.Match[str]) -> Iterator[str]:
    """The platform and those it runs the wheels of, newest first, as pip prefers them."""
    machine = match["machine"]
    major, newest = int(match["libc_major"]), int(match["libc_minor"])
    if match["libc"] == "musllinux":
        if major != 1 or newest > _NEWEST_MUSL:
            raise UnknownTarget(name, f"there is no musl {major}.{newest}")
        return (f"musllinux_1_{minor}_{machine}" for minor in range(newest, -1, -1))
    oldest = _OLDEST_GLIBC[machine]
    if major != 2 or not oldest <= newest <= _NEWEST_GLIBC:  # noqa: PLR2004 - glibc is at 2
        raise UnknownTarget(name, f"there is no glibc {major}.{newest} for {machine}")
    return _manylinux_platforms(newest, oldest, machine)


def _manylinux_platforms(newest: int, oldest: int, machine: str) -> Iterator[str]:
    for minor in range(newest, oldest - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY_NAMES:
            yield f"{_LEGACY_NAMES[minor]}_{machine}"
