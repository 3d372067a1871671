"""The texts that people accept: `agreements/<name>/<version>.md`, told apart by their hashes.

A text never changes once it is published: another version is another file. It begins with its
title (`# …`); each clause begins with `## id: the clause in one plain line`.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from portal.errors import UnknownAgreement

BUILD_AND_EXECUTE = "build-and-execute"
REDISTRIBUTE_BINARIES = "redistribute-binaries"
TERMS_FOR_USERS = "terms-for-users"

_ROOT = Path(__file__).parent / "agreements"
_TITLE = re.compile(r"^# (?P<title>.+)$", re.MULTILINE)
_CLAUSE = re.compile(r"^## (?P<id>[a-z0-9-]+): (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing to say yes to: `title` in one plain line, `text` in full (Markdown)."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of a text. `sha256` is that of the file's bytes: what a person accepts."""

    name: str
    version: int
    title: str
    introduction: str
    text: str
    sha256: str
    clauses: tuple[Clause, ...]

    @property
    def clause_ids(self) -> list[str]:
        return [clause.id for clause in self.clauses]


@cache
def all_agreements() -> tuple[Agreement, ...]:
    """Every version of every text, by name, the newest version first."""
    paths = sorted(_ROOT.glob("*/*.md"), key=lambda path: (path.parent.name, -int(path.stem)))
    return tuple(
        parse_agreement(path.parent.name, int(path.stem), path.read_bytes()) for path in paths
    )


def current(name: str) -> Agreement:
    """The version of a text that is accepted today; raises `UnknownAgreement`."""
    for agreement in all_agreements():
        if agreement.name == name:
            return agreement
    raise UnknownAgreement(name)


def current_agreements() -> tuple[Agreement, ...]:
    """The version of today of each text, in the order in which people meet them."""
    return tuple(
        current(name) for name in (BUILD_AND_EXECUTE, REDISTRIBUTE_BINARIES, TERMS_FOR_USERS)
    )


def with_hash(sha256: str) -> Agreement | None:
    """The text that somebody accepted, whatever its version."""
    return next((found for found in all_agreements() if found.sha256 == sha256), None)


def parse_agreement(name: str, version: int, data: bytes) -> Agreement:
    """Raises `ValueError` when the file is not written as one."""
    text = data.decode()
    title = _TITLE.match(text)
    heads = list(_CLAUSE.finditer(text))
    if title is None or not heads:
        message = f"{name} {version} has no title or no clause"
        raise ValueError(message)
    ends = [head.start() for head in heads[1:]] + [len(text)]
    clauses = tuple(
        Clause(head["id"], head["title"], text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    )
    if len({clause.id for clause in clauses}) != len(clauses):
        message = f"{name} {version} has two clauses of one id"
        raise ValueError(message)
    return Agreement(
        name=name,
        version=version,
        title=title["title"],
        introduction=text[title.end() : heads[0].start()].strip(),
        text=text,
        sha256=hashlib.sha256(data).hexdigest(),
        clauses=clauses,
    )
