"""What a way of proving ownership has to say and to do.

A method looks and answers; it writes nothing. `portal.ownership.services` keeps the proof.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from indexes.models import Project
from portal.accounts.models import User
from portal.ownership.models import Proof, ProofState


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a method has to be told at the start: a field of a form or of a JSON body."""

    name: str
    label: str
    question: str
    is_required: bool = True


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
class Answer:
    """What a method found, at the start or at a check.

    `refusal` says what is missing and what to do, to whoever reads it: empty when proven.
    `evidence` is what was seen, and where: JSON that stays with the proof for ever.
    """

    state: ProofState
    refusal: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    challenge: str = ""
    expires_at: datetime | None = None
    """Until when what is missing can be brought."""


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
    def facts(self) -> Sequence[Fact]:
        """What it has to be told at the start."""

    def start(self, asked: Asked) -> Answer:
        """Begin; proven at once when nothing has to be brought. Raises `PortalError`."""

    def check(self, proof: Proof, at: datetime) -> Answer:
        """Look for the evidence of a pending proof. May reach the network; runs nothing of it."""

    def instructions(self, proof: Proof) -> Sequence[Instruction]:
        """What to do now, for a pending proof."""
