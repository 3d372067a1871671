"""The automaton of a case, and who may move it. Pure: no database, no clock.

open → held → decided → carried out → appealed → closed. A decision that destroys is held until
another moderator approves it; any other is decided at once. Nobody judges what concerns them, and
nobody answers an appeal against what they decided or approved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from portal.errors import (
    AnotherModeratorNeeded,
    AppealedAlready,
    AppealTooLate,
    CannotBeUndone,
    CaseNotReady,
    NotImpartial,
    NotYoursToAppeal,
)


class CaseKind(StrEnum):
    DISPUTED_OWNERSHIP = "disputed-ownership"
    LICENCE_UNCLEAR = "licence-unclear"
    SUSPICIOUS_CONTENT = "suspicious-content"
    ABUSE_REPORT = "abuse-report"
    TAKEDOWN_DEMAND = "takedown-demand"
    QUOTA = "quota"
    PAUSE_BY_EMAIL = "pause-by-email"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS: Mapping[CaseKind, str] = {
    CaseKind.DISPUTED_OWNERSHIP: "Disputed ownership",
    CaseKind.LICENCE_UNCLEAR: "Licence unclear",
    CaseKind.SUSPICIOUS_CONTENT: "Suspicious content",
    CaseKind.ABUSE_REPORT: "Abuse report",
    CaseKind.TAKEDOWN_DEMAND: "Takedown demand",
    CaseKind.QUOTA: "Quota",
    CaseKind.PAUSE_BY_EMAIL: "Pause by e-mail",
}

DUE_WITHIN: Mapping[CaseKind, timedelta] = {
    CaseKind.SUSPICIOUS_CONTENT: timedelta(hours=24),
    CaseKind.PAUSE_BY_EMAIL: timedelta(days=2),
    CaseKind.DISPUTED_OWNERSHIP: timedelta(days=3),
    CaseKind.TAKEDOWN_DEMAND: timedelta(days=3),
    CaseKind.ABUSE_REPORT: timedelta(days=5),
    CaseKind.LICENCE_UNCLEAR: timedelta(days=7),
    CaseKind.QUOTA: timedelta(days=7),
}
"""How long a case may wait for its decision; what can harm whoever installs it comes first."""
APPEAL_DUE_WITHIN = timedelta(days=5)
APPEAL_WITHIN = timedelta(days=30)
"""How long who was told of a decision can appeal."""


class CaseState(StrEnum):
    OPEN = "open"
    HELD = "held"
    DECIDED = "decided"
    CARRIED_OUT = "carried-out"
    APPEALED = "appealed"
    CLOSED = "closed"

    @property
    def label(self) -> str:
        return self.value.replace("-", " ").capitalize()


TRANSITIONS: Mapping[CaseState, frozenset[CaseState]] = {
    CaseState.OPEN: frozenset({CaseState.HELD, CaseState.DECIDED}),
    # Approved, or refused.
    CaseState.HELD: frozenset({CaseState.DECIDED, CaseState.OPEN}),
    # Done, or dropped before it was.
    CaseState.DECIDED: frozenset({CaseState.CARRIED_OUT, CaseState.OPEN}),
    # Appealed, undone, or left alone until nobody can appeal any more.
    CaseState.CARRIED_OUT: frozenset({CaseState.APPEALED, CaseState.OPEN, CaseState.CLOSED}),
    # Rejected while others can still appeal, or answered for good.
    CaseState.APPEALED: frozenset({CaseState.CARRIED_OUT, CaseState.CLOSED}),
    # What was decided can be undone for ever.
    CaseState.CLOSED: frozenset({CaseState.OPEN}),
}
WAITING = frozenset({CaseState.OPEN, CaseState.HELD, CaseState.DECIDED, CaseState.APPEALED})
"""It is a moderator's turn."""
UNDECIDED = frozenset({CaseState.OPEN, CaseState.HELD})


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision that stands or waits. People are their numbers."""

    decided_by: int
    needs_second: bool
    is_reversible: bool
    approved_by: int | None = None
    told: frozenset[int] = frozenset()
    """Who can appeal."""
    appeal_until: datetime | None = None
    appealed_by: frozenset[int] = frozenset()
    answered: frozenset[int] = frozenset()
    """Those of them who have an answer."""

    @property
    def unanswered(self) -> frozenset[int]:
        return self.appealed_by - self.answered


@dataclass(frozen=True, slots=True)
class Proceeding:
    """A case, as far as it matters for what may come next."""

    name: str
    """As people are told, such as "case 1f3a9c02"."""
    state: CaseState = CaseState.OPEN
    concerned: frozenset[int] = frozenset()
    """Who has a stake in it, and judges nothing of it."""
    ruling: Ruling | None = None


def decide(case: Proceeding, *, by: int, needs_second: bool, is_reversible: bool) -> Proceeding:
    """A moderator's decision: held when it destroys.

    Raises `NotImpartial`, `CaseNotReady`.
    """
    _verify_impartial(case, by)
    state = CaseState.HELD if needs_second else CaseState.DECIDED
    moved = _moved(case, state, "decided", only_from={CaseState.OPEN})
    return replace(moved, ruling=Ruling(by, needs_second, is_reversible))


def approve(case: Proceeding, *, by: int) -> Proceeding:
    """The second moderator's yes.

    Raises `NotImpartial`, `AnotherModeratorNeeded`, `CaseNotReady`.
    """
    _verify_impartial(case, by)
    moved = _moved(case, CaseState.DECIDED, "approved", only_from={CaseState.HELD})
    ruling = _ruling(case, "approved")
    if by == ruling.decided_by:
        raise AnotherModeratorNeeded(case.name, "approved")
    return replace(moved, ruling=replace(ruling, approved_by=by))


def drop(case: Proceeding, *, by: int) -> Proceeding:
    """The end of a decision that was not carried out. Raises `NotImpartial`, `CaseNotReady`."""
    _verify_impartial(case, by)
    waiting = {CaseState.HELD, CaseState.DECIDED}
    return replace(_moved(case, CaseState.OPEN, "dropped", only_from=waiting), ruling=None)


def carry_out(
    case: Proceeding, *, by: int, told: frozenset[int], appeal_until: datetime
) -> Proceeding:
    """Raises `NotImpartial`, `AnotherModeratorNeeded`, `CaseNotReady`."""
    _verify_impartial(case, by)
    moved = _moved(case, CaseState.CARRIED_OUT, "carried out", only_from={CaseState.DECIDED})
    ruling = _ruling(case, "carried out")
    if ruling.needs_second and ruling.approved_by in {None, ruling.decided_by}:
        raise AnotherModeratorNeeded(case.name, "approved")
    return replace(moved, ruling=replace(ruling, told=told, appeal_until=appeal_until))


def undo(case: Proceeding, *, by: int) -> Proceeding:
    """Take back what was carried out; it is to be decided anew.

    While an appeal waits, the way back is its answer. Raises `NotImpartial`, `CaseNotReady`,
    `CannotBeUndone`.
    """
    _verify_impartial(case, by)
    done = {CaseState.CARRIED_OUT, CaseState.CLOSED}
    moved = _moved(case, CaseState.OPEN, "undone", only_from=done)
    if not _ruling(case, "undone").is_reversible:
        raise CannotBeUndone(case.name)
    return replace(moved, ruling=None)


def appeal(case: Proceeding, *, by: int, at: datetime) -> Proceeding:
    """Raises `NotYoursToAppeal`, `AppealTooLate`, `AppealedAlready`, `CaseNotReady`."""
    ruling = _ruling(case, "appealed against")
    if by not in ruling.told:
        raise NotYoursToAppeal(case.name)
    if by in ruling.appealed_by:
        raise AppealedAlready(case.name)
    if ruling.appeal_until is None or at > ruling.appeal_until:
        raise AppealTooLate(case.name)
    appealed = replace(ruling, appealed_by=ruling.appealed_by | {by})
    if case.state is CaseState.APPEALED:
        return replace(case, ruling=appealed)
    moved = _moved(case, CaseState.APPEALED, "appealed against", only_from={CaseState.CARRIED_OUT})
    return replace(moved, ruling=appealed)


def answer(
    case: Proceeding, *, by: int, appellant: int, is_granted: bool, at: datetime
) -> Proceeding:
    """The answer to an appeal, by somebody who had no part in the decision.

    A granted one ends the decision, and with it all other appeals. Raises `NotImpartial`,
    `AnotherModeratorNeeded`, `CaseNotReady`.
    """
    _verify_impartial(case, by)
    ruling = _ruling(case, "answered")
    if case.state is not CaseState.APPEALED or appellant not in ruling.unanswered:
        raise CaseNotReady(case.name, "answered", case.state.value)
    if by in {ruling.decided_by, ruling.approved_by}:
        raise AnotherModeratorNeeded(case.name, "answered")
    if is_granted:
        return replace(case, state=CaseState.CLOSED, ruling=None)
    answered = replace(ruling, answered=ruling.answered | {appellant})
    if answered.unanswered:
        return replace(case, ruling=answered)
    is_over = ruling.appeal_until is None or at > ruling.appeal_until
    state = CaseState.CLOSED if is_over or answered.answered >= ruling.told else None
    return replace(case, state=state or CaseState.CARRIED_OUT, ruling=answered)


def close(case: Proceeding, *, at: datetime) -> Proceeding:
    """When nobody can appeal any more. Raises `CaseNotReady`."""
    moved = _moved(case, CaseState.CLOSED, "closed", only_from={CaseState.CARRIED_OUT})
    ruling = _ruling(case, "closed")
    can_appeal = ruling.told - ruling.appealed_by
    if can_appeal and ruling.appeal_until is not None and at <= ruling.appeal_until:
        raise CaseNotReady(case.name, "closed", case.state.value)
    return moved


def _verify_impartial(case: Proceeding, person: int) -> None:
    if person in case.concerned:
        raise NotImpartial(case.name)


def _moved(
    case: Proceeding, state: CaseState, act: str, *, only_from: set[CaseState]
) -> Proceeding:
    if case.state not in only_from or state not in TRANSITIONS[case.state]:
        raise CaseNotReady(case.name, act, case.state.value)
    return replace(case, state=state)


def _ruling(case: Proceeding, act: str) -> Ruling:
    if case.ruling is None:
        raise CaseNotReady(case.name, act, case.state.value)
    return case.ruling
