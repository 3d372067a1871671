"""How entries are chained. Pure: no database, no clock."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

GENESIS = "0" * 64
"""The hash before the first entry."""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is hashed: everything it says, and the hash of the one before.

    `salt` keeps the hash, which everybody sees, from telling by trial what only owners see.
    """

    sequence: int
    at: datetime
    actor: str
    verb: str
    project: str
    facts: dict[str, Any]
    previous_hash: str
    salt: str = ""

    def hash(self) -> str:
        """SHA-256 of the RFC 8785 canonical JSON, in hexadecimal."""
        said: dict[str, Any] = {
            "sequence": self.sequence,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": self.actor,
            "verb": self.verb,
            "project": self.project,
            "facts": self.facts,
            "previous_hash": self.previous_hash,
        }
        if self.salt:
            said["salt"] = self.salt
        return hashlib.sha256(rfc8785.dumps(said)).hexdigest()


def verify_can_be_hashed(facts: Mapping[str, Any]) -> None:
    """Raises `ValueError` for what RFC 8785 has no form for, such as integers beyond 2**53.

    One such entry would keep all that come after it out of the chain.
    """
    rfc8785.dumps(dict(facts))


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a chain stops being what was written, and how that shows."""

    sequence: int
    problem: str

    def __str__(self) -> str:
        return f"entry {self.sequence}: {self.problem}"


def broken_link(
    link: Link, claimed_hash: str, *, previous_sequence: int, previous_hash: str
) -> Broken | None:
    """What is wrong with an entry that follows the one given, or None."""
    expected = previous_sequence + 1
    if link.sequence != expected:
        return Broken(expected, "is missing")
    if link.previous_hash != previous_hash:
        return Broken(link.sequence, "does not follow the entry before it")
    if link.hash() != claimed_hash:
        return Broken(link.sequence, "is not what was written")
    return None
