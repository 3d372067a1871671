"""The texts that people accept: `agreements/<name>/<version>.md`, told apart by their hashes.

A text never changes once it is published: another version is another file. It may begin with
front matter that says whether it `asks-again` who accepted an earlier one, goes on with its title
(`# …`), and each clause begins with `## id: the clause in one plain line`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from builds.domain.permits import Channel
from portal.errors import UnknownAgreement

BUILD_AND_EXECUTE = "build-and-execute"
MODIFY = "modify"
REDISTRIBUTE_BINARIES = "redistribute-binaries"
USE_OF_NAME = "use-of-name"
NO_BURDEN = "no-burden"
TAKEDOWN = "takedown"
DATA = "data"
TERMS_FOR_USERS = "terms-for-users"

NEEDED = {
    Channel.BUILD: (BUILD_AND_EXECUTE, MODIFY, NO_BURDEN, TAKEDOWN, DATA),
    Channel.PUBLISH: (REDISTRIBUTE_BINARIES, USE_OF_NAME),
}
"""The texts that a consent to a channel takes, in the order in which people meet them."""

PROMISES = frozenset({NO_BURDEN, TAKEDOWN})
"""The texts that ask nothing of who consents: what they say is ours to keep. They are part of a
consent, by their hash, and have no box to tick: a yes to being owed something says nothing."""

_ROOT = Path(__file__).parent / "agreements"
_FRONT = re.compile(r"\A---\nasks-again: (?P<asks_again>yes|no)\n---\n")
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
    """Without the front matter."""
    sha256: str
    clauses: tuple[Clause, ...]
    asks_again: bool = False
    """Whether who accepted an earlier version is asked to read this one. That one stays valid."""

    @property
    def clause_ids(self) -> list[str]:
        return [clause.id for clause in self.clauses]

    @property
    def is_promise(self) -> bool:
        """Whether it binds us alone: there is no clause of it to accept."""
        return self.name in PROMISES


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


def needed_for(channels: Iterable[str]) -> tuple[Agreement, ...]:
    """The texts of today that a consent to these channels takes."""
    return tuple(
        current(name) for channel in Channel if channel in channels for name in NEEDED[channel]
    )


def current_agreements() -> tuple[Agreement, ...]:
    """The version of today of each text, in the order in which people meet them."""
    return (*needed_for(Channel), current(TERMS_FOR_USERS))


def to_read_again(
    accepted: Sequence[Mapping[str, Any]], among: Sequence[Agreement]
) -> tuple[Agreement, ...]:
    """Of the texts that a consent accepted, the newest ones that matter enough to ask again.

    `among` are all versions of all texts, the newest of each first.
    """
    found: dict[str, Agreement] = {}
    for one in accepted:
        newer = [
            text for text in among if text.name == one["name"] and text.version > one["version"]
        ]
        if any(text.asks_again for text in newer):
            found[one["name"]] = newer[0]
    return tuple(found.values())


def with_hash(sha256: str) -> Agreement | None:
    """The text that somebody accepted, whatever its version."""
    return next((found for found in all_agreements() if found.sha256 == sha256), None)


def parse_agreement(name: str, version: int, data: bytes) -> Agreement:
    """Raises `ValueError` when the file is not written as one."""
    text = data.decode()
    front = _FRONT.match(text)
    body = text[front.end() :] if front else text
    title = _TITLE.match(body)
    heads = list(_CLAUSE.finditer(body))
    if title is None or not heads:
        message = f"{name} {version} has no title or no clause"
        raise ValueError(message)
    ends = [head.start() for head in heads[1:]] + [len(body)]
    clauses = tuple(
        Clause(head["id"], head["title"], body[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    )
    if len({clause.id for clause in clauses}) != len(clauses):
        message = f"{name} {version} has two clauses of one id"
        raise ValueError(message)
    return Agreement(
        name=name,
        version=version,
        title=title["title"],
        introduction=body[title.end() : heads[0].start()].strip(),
        text=body,
        sha256=hashlib.sha256(data).hexdigest(),
        clauses=clauses,
        asks_again=front is not None and front["asks_again"] == "yes",
    )
