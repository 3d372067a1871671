"""Targets in people's words. A name we cannot read is shown as it is."""

import re
from dataclasses import dataclass
from functools import cache

_NAME = re.compile(r"cp3(?P<minor>\d+)(?P<threads>t?)-(?P<platform>\w+)")
_MANYLINUX = re.compile(r"manylinux_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>\w+)")


@dataclass(frozen=True, slots=True)
class TargetName:
    name: str
    python: str
    """Short, for a column's head: 3.12."""
    platform: str

    def __str__(self) -> str:
        return f"CPython {self.python}, {self.platform}" if self.platform else self.name


@cache
def read_target_name(name: str) -> TargetName:
    """What a target's name says.

    >>> str(read_target_name("cp312-manylinux_2_36_x86_64"))
    'CPython 3.12, Linux x86_64 with glibc 2.36 or later'
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return TargetName(name, name, "")
    python = f"3.{found['minor']}{found['threads']}"
    linux = _MANYLINUX.fullmatch(found["platform"])
    if linux is None:
        return TargetName(name, python, found["platform"])
    platform = f"Linux {linux['machine']} with glibc {linux['major']}.{linux['minor']} or later"
    return TargetName(name, python, platform)


def target_in_words(name: str) -> str:
    return str(read_target_name(name))
