"""Exact look-up in a distribution's own list of which package owns which file.

The list is Debian's `Contents` index (the repository format's "Contents" indices): a line is a
path without its first slash, blanks, and the owners as `section/package`, with commas between.
Only the lines that a build can ask for are kept (`WANTED`), as they came.
"""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WANTED = (
    r"^((usr/)?s?bin/|usr/include/|usr/share/pkgconfig/|usr/lib/([^/]*/)?pkgconfig/"
    r"|(usr/)?lib/([^/]*/){0,2}lib[^/]*\.so[[:blank:]])"
)
"""Programs, headers, what pkg-config reads, and libraries by the names that a linker looks for;
an extended regular expression (POSIX)."""

LONGEST = 200
"""Letters of a file's name."""
_FILE = re.compile(r"[A-Za-z0-9_][\w.+-]*(/[\w.+-]+)*", re.ASCII)
_HEADER = re.compile(r"/|\.(h|hh|hpp|hxx|h\+\+|inc)$")
_LIBRARY = re.compile(r"lib[^/]+\.so")


@dataclass(frozen=True, slots=True)
class Owned:
    """A file, by its path without the first slash, and the packages that own it."""

    path: str
    packages: tuple[str, ...]


class Contents:
    """The kept lines in `path`, for the architecture that Debian's multiarch calls `triplet`."""

    def __init__(self, path: Path, triplet: str) -> None:
        self._path = path
        self._triplet = triplet

    def owners(self, file: str) -> list[Owned]:
        """The files that `file` can mean, each as good as the others; empty where there is none.

        `file` is a header as it is included, a `.pc` file, a library (`libx.so`) or a program.
        """
        if not is_file(file):
            return []
        owned = list(self._named(file))
        for folders in places(file, self._triplet):
            if found := [item for item in owned if item.path.removesuffix(f"/{file}") in folders]:
                return found
        if found := self._linked(file):
            return found
        return self._deeper(file, owned)

    def _linked(self, file: str) -> list[Owned]:
        """Who owns a link that stands for a folder on the header's way.

        A list of files has no folders, so whatever it names `mysql` stands for `mysql/…`.
        """
        if "/" not in file:
            return []
        parent = file.rpartition("/")[0]
        exact = {f"{folder}/{parent}" for folder in includes(self._triplet)}
        return [item for item in self._named(parent) if item.path in exact]

    def _deeper(self, file: str, owned: list[Owned]) -> list[Owned]:
        """A folder that compilers and linkers do not look into by themselves.

        The nearest counts. Libraries of one name are built to stand for each other
        (`blas/libblas.so`); headers of one name in several folders have nothing in common.
        """
        if _LIBRARY.fullmatch(file):
            below = re.compile(rf"usr/lib/{re.escape(self._triplet)}/[^/]+/[^/]+")
            return [item for item in owned if below.fullmatch(item.path)]
        if not _HEADER.search(file):
            return []
        headers = [item for item in owned if item.path.startswith("usr/include/")]
        nearest = min((item.path.count("/") for item in headers), default=0)
        headers = [item for item in headers if item.path.count("/") == nearest]
        return headers if len({item.path for item in headers}) == 1 else []

    def _named(self, file: str) -> Iterator[Owned]:
        """Every kept path that ends with `/file`."""
        name = f"/{file}".encode()
        with self._path.open("rb") as opened:
            if not self._path.stat().st_size:
                return
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as lines:
                at = lines.find(name)
                while at >= 0:
                    end = at + len(name)
                    if lines[end : end + 1] in {b" ", b"\t"}:
                        line = lines[lines.rfind(b"\n", 0, at) + 1 : lines.find(b"\n", at)]
                        path, owners = line.decode(errors="replace").rsplit(maxsplit=1)
                        yield Owned(path, tuple(o.rpartition("/")[2] for o in owners.split(",")))
                    at = lines.find(name, end)


def is_file(name: str) -> bool:
    """Whether a name that a log or a recipe gives can be one of a file, below some folder.

    >>> is_file("a/b.h"), is_file("../b.h"), is_file("/b.h"), is_file("--b.h")
    (True, False, False, False)
    """
    parts = name.split("/")
    return len(name) <= LONGEST and _FILE.fullmatch(name) is not None and ".." not in parts


def includes(triplet: str) -> tuple[str, str]:
    """Folders that compilers look into by themselves."""
    return f"usr/include/{triplet}", "usr/include"


def places(file: str, triplet: str) -> list[tuple[str, ...]]:
    """Sets of folders that `file` belongs into by what it is, the likeliest first.

    >>> places("cairo.pc", "x86_64-linux-gnu")[0][-2:]
    ('usr/lib/pkgconfig', 'usr/share/pkgconfig')
    >>> places("pg_config", "x86_64-linux-gnu")[0][:2]
    ('usr/bin', 'usr/sbin')
    """
    libraries = (f"usr/lib/{triplet}", "usr/lib", f"lib/{triplet}", "lib")
    if file.endswith(".pc"):
        return [(*(f"{folder}/pkgconfig" for folder in libraries[:2]), "usr/share/pkgconfig")]
    if _LIBRARY.fullmatch(file):
        return [libraries]
    if _HEADER.search(file):
        return [includes(triplet)]
    # C++ has headers without an ending.
    return [("usr/bin", "usr/sbin", "bin", "sbin"), includes(triplet)]
