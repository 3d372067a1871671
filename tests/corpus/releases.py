"""The releases that `make bench-corpus` is given."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"(?P<name>[\w.-]+)(?:==|\t)(?P<version>\d[\w.!+-]*)(?:\t(?P<stratum>[\w-]+))?")


@dataclass(frozen=True, slots=True)
class Release:
    """`stratum` is what kind of release a table says that it is; empty for a plain list."""

    name: str
    version: str
    stratum: str = ""

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def releases_in(text: str) -> Iterator[Release]:
    r"""Read `name==version` lines, or a table that begins with name, version and stratum.

    >>> [str(release) for release in releases_in("name\tversion\nsix\t1.16.0\teasy\nh11==0.9\n")]
    ['six==1.16.0', 'h11==0.9']
    """
    for line in text.splitlines():
        if match := _LINE.match(line):
            yield Release(match["name"], match["version"], match["stratum"] or "")


def read(path: Path, *, sample: int | None = None, seed: int = 0) -> list[Release]:
    """Return the releases of a file, or so many of them, the same for the same seed."""
    releases = list(releases_in(path.read_text()))
    if sample is None or sample >= len(releases):
        return releases
    return random.Random(seed).sample(releases, sample)  # noqa: S311 - no secret
