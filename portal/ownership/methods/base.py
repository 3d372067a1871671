"""What a way of proving ownership has to say and to do.

A method looks and answers; it writes nothing. `portal.ownership.services` keeps the proof.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from indexes.models import Project
from portal.accounts.models import User
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength

VALID_FOR = timedelta(days=14)
"""How long somebody has to bring what is missing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a method has to be told at the start: a field of a form or of a JSON body."""

    name: str
    label: str
    question: str
    is_required: bool = True
    is_short: bool = False
    """Whether it is a word or two; else some sentences."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants to prove what. `facts` has every required fact of the method, stripped."""

    user: User
    project: Project
    facts: Mapping[str, str]
    by: User
    """Who asks: the user, or an administrator for them."""
    is_at_session: bool
    """Whether `by` is at the keyboard, signed in with all that asks for; not a token."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Brought:
    """What somebody brings to a pending proof, beside asking to have it checked."""

    facts: Mapping[str, str]
    by: User | None = None
    """None: a machine, whose word is in what it brings."""
    is_at_session: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """A token that was good, and may never be good again."""

    issuer: str
    jti: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a method found, at the start, at a check or when it looked again.

    `refusal` says what is missing and what to do, to whoever reads it: empty when proven.
    `evidence` is what was seen, and where: JSON that stays with the proof for ever.
    """

    state: ProofState
    refusal: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    challenge: str = ""
    expires_at: datetime | None = None
    """Until when what is missing can be brought."""
    spent: Spent | None = None
    is_doubtful: bool = False
    """Whether a lapse may be a fault of who was asked: it counts once it is seen again later."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One way to bring the evidence: words, and text to copy."""

    title: str
    text: str
    snippet: str = ""


class ProofMethod(Protocol):
    """One way to prove that an account controls a project upstream."""

    @property
    def name(self) -> str:
        """Stable: it stands in rows, in the API and in addresses."""

    @property
    def label(self) -> str: ...

    @property
    def explanation(self) -> str:
        """What it takes and what it shows, for who has to choose."""

    @property
    def needs(self) -> str:
        """What one has to have for it, in a sentence."""

    @property
    def strength(self) -> Strength: ...

    @property
    def facts(self) -> Sequence[Fact]:
        """What it has to be told at the start."""

    @property
    def is_seen_at_once(self) -> bool:
        """Whether there is nothing to prepare: it is checked as soon as it is begun."""

    def closed_because(self) -> str:
        """Why this deployment does not offer it; empty when it does."""

    def start(self, asked: Asked) -> Answer:
        """Begin, without a look at the network. Raises `PortalError`."""

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:
        """Look for the evidence of a pending proof. May reach the network; runs nothing of it.

        Raises `EvidenceUnreachable` and what the index floor raises: the proof stays pending.
        """

    def recheck(self, proof: Proof, at: datetime) -> Answer:
        """Look whether a proof still holds: proven or lapsed. Raises as `check` does."""

    def instructions(self, proof: Proof) -> Sequence[Instruction]:
        """What to do now, for a pending proof."""


class Lasting:
    """A method that is always on offer, and whose evidence is a fact of the past."""

    is_seen_at_once = False

    def closed_because(self) -> str:
        return ""

    def recheck(self, proof: Proof, at: datetime) -> Answer:  # noqa: ARG002  # what was seen, was seen
        return Answer(ProofState.PROVEN, evidence=proof.evidence)


class SeenAtOnce(Lasting):
    """A method with nothing to prepare: what there is to see is there already, or is not."""

    is_seen_at_once = True

    def start(self, asked: Asked) -> Answer:
        return Answer(
            ProofState.PENDING,
            refusal="It was not looked at yet. It is your turn: have it checked here.",
            evidence=dict(asked.facts),
            expires_at=asked.at + VALID_FOR,
        )

    def instructions(self, proof: Proof) -> Sequence[Instruction]:  # noqa: ARG002  # none to give
        return ()


def new_challenge() -> str:
    """160 random bits, with a mark that people recognise."""
    return f"affineur-challenge-{secrets.token_hex(20)}"


def still_open(proof: Proof, refusal: str, spent: Spent | None = None) -> Answer:
    """Not yet: what is missing can still be brought."""
    return Answer(
        ProofState.PENDING,
        refusal=refusal,
        evidence=proof.evidence,
        challenge=proof.challenge,
        expires_at=proof.expires_at,
        spent=spent,
    )


def refused(proof: Proof, refusal: str) -> Answer:
    """No, and looking again finds the same until somebody has changed it."""
    return Answer(ProofState.REFUSED, refusal=refusal, evidence=proof.evidence)


def lapsed(proof: Proof, refusal: str, *, is_doubtful: bool = False) -> Answer:
    return Answer(
        ProofState.LAPSED, refusal=refusal, evidence=proof.evidence, is_doubtful=is_doubtful
    )
