"""The life of a consent, pure: what holds it, what ends it, and who may do which.

A consent is in force while nothing holds it and nothing ended it. Holds are of several grounds
and can stand together: it is in force again when the last of them is gone. An end is for ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Ground(StrEnum):
    """Why a consent does not hold for now."""

    APPROVAL = "approval"
    """Not enough of the owners have said yes."""
    OBJECTION = "objection"
    PROOF = "proof"
    MODERATION = "moderation"
    PAUSE = "pause"

    @property
    def label(self) -> str:
        return _GROUNDS[self]

    @property
    def unlists(self) -> bool:
        """Whether wheels leave the listings at once: a paused consent is still a consent."""
        return self in {Ground.OBJECTION, Ground.PROOF, Ground.MODERATION}

    @property
    def outlasts(self) -> bool:
        """Whether it is to be lifted also when the consent is over: it says something beyond it."""
        return self in {Ground.OBJECTION, Ground.MODERATION}


class End(StrEnum):
    REVOKED = "revoked"
    REPLACED = "replaced"
    """By one of the same person with another scope."""


class State(StrEnum):
    """In one word; of several the first that applies, in this order."""

    REVOKED = "revoked"
    REPLACED = "replaced"
    EXPIRED = "expired"
    HELD = "held"
    OBJECTED = "objected"
    SUSPENDED = "suspended"
    WAITING = "waiting"
    PAUSED = "paused"
    LIVE = "live"

    @property
    def label(self) -> str:
        return _STATES[self]

    @property
    def predicate(self) -> str:
        """What is said of a consent in that state: “The consent …”."""
        return {
            State.EXPIRED: "has ended",
            State.WAITING: "waits for co-owners",
            State.LIVE: "holds",
        }.get(self, f"is {self.label}")


LISTING = frozenset({State.LIVE, State.PAUSED})
"""States in which a consent lets its wheels be listed."""
OVER = frozenset({State.REVOKED, State.REPLACED, State.EXPIRED})


class Party(StrEnum):
    """Who somebody is to a consent."""

    GIVER = "giver"
    OWNER = "owner"
    """Another person who has proven that the project is theirs."""
    PAUSER = "pauser"
    """Somebody whom an owner named to pause."""
    REVOKER = "revoker"
    """Somebody whom an owner named to take back."""
    OBJECTOR = "objector"
    """Whose objection to it stands, whatever else they are by then."""
    METADATA = "metadata"
    """Who reads the mail of the address in the project's metadata."""


class Act(StrEnum):
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    OBJECT = "object"
    RELENT = "relent"
    RESCOPE = "rescope"
    REVOKE = "revoke"
    UNLIST = "unlist"
    """Take wheels off the index that stayed listed when the consent was taken back."""


_GROUNDS: Mapping[Ground, str] = {
    Ground.APPROVAL: "Waits for co-owners",
    Ground.OBJECTION: "A co-owner objects",
    Ground.PROOF: "Its proof does not hold",
    Ground.MODERATION: "Suspended by moderators",
    Ground.PAUSE: "Paused",
}
_STATES: Mapping[State, str] = {
    State.REVOKED: "taken back",
    State.REPLACED: "replaced",
    State.EXPIRED: "ended",
    State.HELD: "suspended by moderators",
    State.OBJECTED: "objected to",
    State.SUSPENDED: "suspended",
    State.WAITING: "waits for co-owners",
    State.PAUSED: "paused",
    State.LIVE: "holds",
}
_STATE_OF: Mapping[Ground, State] = {
    Ground.MODERATION: State.HELD,
    Ground.OBJECTION: State.OBJECTED,
    Ground.PROOF: State.SUSPENDED,
    Ground.APPROVAL: State.WAITING,
    Ground.PAUSE: State.PAUSED,
}

_SUSPENDED = "Not listed while the consent for it is suspended."
_UNCOVERED = "Not listed: no consent covers it."
_UNLISTED: Mapping[State, str] = {
    State.HELD: _SUSPENDED,
    State.OBJECTED: _SUSPENDED,
    State.SUSPENDED: _SUSPENDED,
    State.WAITING: "Not listed until more of its owners have said yes to the consent for it.",
    State.REVOKED: "Withdrawn by its maintainers, who took back their consent.",
    State.EXPIRED: "Not listed: the consent for it has ended.",
}
"""Of a wheel that several consents cover, the first of these states that one of them is in."""

MAY: Mapping[Act, frozenset[Party]] = {
    Act.APPROVE: frozenset({Party.OWNER}),
    Act.PAUSE: frozenset({Party.GIVER, Party.OWNER, Party.PAUSER, Party.METADATA}),
    Act.RESUME: frozenset({Party.GIVER, Party.OWNER, Party.PAUSER}),
    Act.OBJECT: frozenset({Party.OWNER}),
    Act.RELENT: frozenset({Party.OBJECTOR}),
    Act.RESCOPE: frozenset({Party.GIVER}),
    Act.REVOKE: frozenset({Party.GIVER, Party.OWNER, Party.REVOKER}),
    Act.UNLIST: frozenset({Party.GIVER, Party.OWNER, Party.REVOKER}),
}
"""Who may do what."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why a consent does not hold. `by` tells objections of several people apart."""

    ground: Ground
    by: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides in which state a consent is."""

    holds: frozenset[Hold] = frozenset()
    end: End | None = None
    expires_at: datetime | None = None
    keeps_wheels: bool = False
    """Whether who took it back said that its wheels stay listed, and no owner has ended that."""


class NotPossible(Exception):
    """The consent is in a state in which this cannot be done; `state` says which."""

    def __init__(self, state: State) -> None:
        self.state = state
        super().__init__(f"the consent is {state.label}")


def state_of(facts: Facts, *, at: datetime) -> State:
    """Where it stands; in force only when this is `LIVE`."""
    if facts.end:
        return State(facts.end.value)
    if facts.expires_at is not None and facts.expires_at <= at:
        return State.EXPIRED
    grounds = {hold.ground for hold in facts.holds}
    return next((state for ground, state in _STATE_OF.items() if ground in grounds), State.LIVE)


def lists(facts: Facts, *, at: datetime) -> bool:
    """Whether it lets the wheels that it covers be listed.

    It does while it holds or is paused, and, once it was taken back with the word that they stay,
    by that word alone, which has no date; what held it back then counts as before.
    """
    if facts.keeps_wheels:
        facts = replace(facts, end=None, expires_at=None)
    return state_of(facts, at=at) in LISTING


def why_unlisted(covering: Iterable[Facts], *, at: datetime) -> str:
    """Why a wheel that these consents cover is not listed; empty where one of them lets it be.

    It says the same for as long as the consents stand as they do.
    """
    consents = list(covering)
    if any(lists(facts, at=at) for facts in consents):
        return ""
    states = {state_of(facts, at=at) for facts in consents}
    return next((why for state, why in _UNLISTED.items() if state in states), _UNCOVERED)


def held(facts: Facts, hold: Hold, *, at: datetime) -> Facts:
    """The consent with one more hold. Raises `NotPossible` when it ended, or has that one."""
    state = state_of(facts, at=at)
    if state in OVER or hold in facts.holds:
        raise NotPossible(state)
    return replace(facts, holds=facts.holds | {hold})


def released(facts: Facts, hold: Hold, *, at: datetime) -> Facts:
    """The consent without that hold.

    Raises `NotPossible` when it has it not, or has ended, unless the hold outlasts that.
    """
    state = state_of(facts, at=at)
    if hold not in facts.holds or (state in OVER and not hold.ground.outlasts):
        raise NotPossible(state)
    return replace(facts, holds=facts.holds - {hold})


def ended(facts: Facts, end: End, *, at: datetime) -> Facts:
    """The consent, over. Raises `NotPossible` when it is already, or does not hold as it should.

    It is taken back in any state, and replaced while it holds.
    """
    state = state_of(facts, at=at)
    if state in OVER or (end is End.REPLACED and state is not State.LIVE):
        raise NotPossible(state)
    return replace(facts, end=end)


def approvals_needed(wanted: int, *, owners: int) -> int:
    """How many of so many proven owners have to say yes; `wanted` is a number, 0 means all.

    Never more than there are: who has left cannot be asked.

    >>> approvals_needed(1, owners=3), approvals_needed(0, owners=3), approvals_needed(5, owners=3)
    (1, 3, 3)
    """
    return max(1, min(wanted or owners, owners))


def strictest(wishes: list[int]) -> int:
    """What holds when owners want different numbers: all (0) before any, then the largest.

    >>> strictest([1, 3]), strictest([2, 0]), strictest([])
    (3, 0, 1)
    """
    return 0 if 0 in wishes else max(wishes, default=1)
