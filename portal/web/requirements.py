"""What a person pastes into the search box: a name, a requirement, a list, a lock file."""

import tomllib
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """One line that names a project. `specifiers` is PEP 440, empty for any release."""

    name: str
    specifiers: str
    line: str


@dataclass(frozen=True, slots=True)
class Pasted:
    wishes: tuple[Wish, ...]
    unread: tuple[str, ...]
    """Lines that name no project we could look up, as they were pasted."""
    left_out: int
    """Lines beyond the first `MOST_LINES` that were not looked at."""


def read_pasted(text: str) -> Pasted:
    r"""The projects that a pasted text names, each (name, specifiers) once.

    Reads requirements files (hashes, options, comments and markers are ignored) and the TOML of
    `uv.lock`, `poetry.lock` and `pylock.toml`.

    >>> [(w.name, w.specifiers) for w in read_pasted("foo==1.2 # why\n-r more.txt\nbar").wishes]
    [('foo', '==1.2'), ('bar', '')]
    """
    locked = _locked(text)
    lines = locked if locked is not None else _requirement_lines(text)
    wishes: dict[tuple[str, str], Wish] = {}
    unread: list[str] = []
    for line in lines[:MOST_LINES]:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            unread.append(line)
            continue
        wish = Wish(requirement.name, str(requirement.specifier), line)
        wishes.setdefault((wish.name.lower(), wish.specifiers), wish)
    return Pasted(tuple(wishes.values()), tuple(unread), max(len(lines) - MOST_LINES, 0))


def _requirement_lines(text: str) -> list[str]:
    joined = text.replace("\\\r\n", " ").replace("\\\n", " ")
    lines = (line.split(" #")[0].split(" --")[0].strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _locked(text: str) -> list[str] | None:
    """Requirements that a TOML lock file pins; None when `text` is not one."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None
    packages = document.get("package", document.get("packages"))
    if not isinstance(packages, list):
        return None
    return [
        f"{package['name']}=={package['version']}"
        for package in packages
        if isinstance(package, dict) and {"name", "version"} <= package.keys()
    ]
