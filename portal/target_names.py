"""Targets in people's words. A name we cannot read is shown as it is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import groupby

_NAME = re.compile(r"cp3(?P<minor>\d+)(?P<threads>t?)-(?P<platform>\w+)")
_LINUX = re.compile(
    r"(?P<libc>many|musl)linux_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>\w+)", re.ASCII
)
_LIBCS = {"many": "glibc", "musl": "musl"}


@dataclass(frozen=True, slots=True)
class TargetName:
    name: str
    python: str
    """Short, for a column's head: 3.12."""
    platform: str

    @property
    def minor(self) -> int:
        """Of the interpreter, to sort by; 0 when the name tells of none."""
        found = _NAME.fullmatch(self.name)
        return int(found["minor"]) if found else 0

    def __str__(self) -> str:
        return f"CPython {self.python}, {self.platform}" if self.platform else self.name


@cache
def read_target_name(name: str) -> TargetName:
    """What a target's name says.

    >>> str(read_target_name("cp312-manylinux_2_36_x86_64"))
    'CPython 3.12, Linux x86_64, glibc 2.36+'
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return TargetName(name, name, "")
    python = f"3.{found['minor']}{found['threads']}"
    linux = _LINUX.fullmatch(found["platform"])
    if linux is None:
        return TargetName(name, python, found["platform"])
    libc = f"{_LIBCS[linux['libc']]} {linux['major']}.{linux['minor']}"
    platform = f"Linux {linux['machine']}, {libc}+"
    return TargetName(name, python, platform)


def target_in_words(name: str) -> str:
    return str(read_target_name(name))


def targets_in_words(names: Iterable[str]) -> str:
    """Several targets, those of one platform together.

    >>> targets_in_words(["cp312-manylinux_2_36_x86_64", "cp39-manylinux_2_36_x86_64"])
    'CPython 3.12, 3.9 (Linux x86_64, glibc 2.36+)'
    """
    parts = []
    for platform, targets in groupby(map(read_target_name, names), key=lambda each: each.platform):
        pythons = ", ".join(target.python for target in targets)
        parts.append(f"CPython {pythons} ({platform})" if platform else pythons)
    return "; ".join(parts)
