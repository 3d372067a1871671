"""The only writer of cases: who takes them, what is decided, and what follows.

Each act loads a case, hands plain values to `proceedings`, and stores the answer. Acting takes a
person at the keyboard: pages call these, the API does not.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from portal.accounts.models import User
from portal.errors import CaseNotReady, InvalidAppeal, InvalidDecision
from portal.ledger.services import record
from portal.moderation import proceedings
from portal.moderation.actions.catalogue import action_named, fitting
from portal.moderation.actions.names import ActionName
from portal.moderation.announcements import announce
from portal.moderation.models import Appeal, Case, Decision, Note
from portal.moderation.people import (
    is_moderator,
    objectors_of,
    owners_of,
    reporters_of,
    verify_moderator,
)
from portal.moderation.proceedings import (
    APPEAL_DUE_WITHIN,
    APPEAL_WITHIN,
    DUE_WITHIN,
    CaseKind,
    CaseState,
    Proceeding,
    Ruling,
)

REASON_LENGTH = 900
"""Shorter than that of a yank, which says besides who decided it."""
NOTE_LENGTH = 4000
APPEAL_LENGTH = 4000
CLOSED_AT_ONCE = 200


def queue() -> QuerySet[Case]:
    """Where it is a moderator's turn, by the clock."""
    return Case.objects.waiting().select_related(
        "project", "file", "account", "consent", "assignee"
    )


def standing_decision(case: Case) -> Decision | None:
    """The one that waits or stands, if any."""
    decisions = case.decisions.filter(ended_at=None)
    return decisions.select_related("decided_by", "approved_by", "carried_out_by").first()


@transaction.atomic
def assign(*, case: Case, by: User, to: User | None, at: datetime) -> Case:
    """Say whose case it is, or nobody's. Raises `ModeratorNeeded`, `InvalidDecision`."""
    case = _held(case, by)
    if to is not None and not is_moderator(to):
        raise InvalidDecision(str(case), "to", f"{to.username} is no moderator.")
    case.assignee = to
    case.save(update_fields=["assignee"])
    _record(case, "case-assigned", by, {"to": to.username if to else None}, at=at)
    return case


@transaction.atomic
def add_note(*, case: Case, by: User, text: str, at: datetime) -> Note:
    """For moderators' eyes only. Raises `ModeratorNeeded`, `InvalidDecision`."""
    case = _held(case, by)
    text = _text(case, "text", text, NOTE_LENGTH)
    note = Note(case=case, by=by, text=text, at=at)
    note.save()
    return note


@transaction.atomic
def decide(*, case: Case, by: User, action: str, reason: str, at: datetime) -> Decision:
    """Decide what is done, and why; nothing is done yet.

    What destroys is held until another moderator approves it. `reason` is told to the people it
    concerns, and stands beside files. Raises `ModeratorNeeded`, `NotImpartial`, `InvalidDecision`,
    `CaseNotReady`.
    """
    case = _held(case, by)
    reason = _text(case, "reason", reason, REASON_LENGTH)
    if action not in {each.name.value for each in fitting(case)}:
        raise InvalidDecision(str(case), "action", "that cannot be done about it.")
    chosen = action_named(action)
    after = proceedings.decide(
        proceeding_of(case, at=at),
        by=by.pk,
        needs_second=chosen.needs_second,
        is_reversible=chosen.is_reversible,
    )
    decision = Decision.objects.create(
        case=case, action=action, reason=reason, decided_by=by, decided_at=at
    )
    _move(case, after)
    _record(case, "case-decided", by, _facts(decision), at=at)
    return decision


@transaction.atomic
def approve(*, case: Case, by: User, at: datetime) -> Decision:
    """The second moderator's yes to what is held.

    Raises `ModeratorNeeded`, `NotImpartial`, `AnotherModeratorNeeded`, `CaseNotReady`.
    """
    case = _held(case, by)
    after = proceedings.approve(proceeding_of(case, at=at), by=by.pk)
    decision = _standing(case, "approved")
    decision.approved_by, decision.approved_at = by, at
    decision.save(update_fields=["approved_by", "approved_at"])
    _move(case, after)
    _record(case, "decision-approved", by, _facts(decision), at=at)
    return decision


@transaction.atomic
def drop(*, case: Case, by: User, reason: str, at: datetime) -> Decision:
    """Refuse or take back what was not carried out yet; the case is open again.

    Raises `ModeratorNeeded`, `NotImpartial`, `InvalidDecision`, `CaseNotReady`.
    """
    case = _held(case, by)
    reason = _text(case, "reason", reason, REASON_LENGTH)
    after = proceedings.drop(proceeding_of(case, at=at), by=by.pk)
    decision = _standing(case, "dropped")
    _end(decision, by=by, reason=reason, at=at)
    _move(case, after)
    _record(case, "decision-dropped", by, _facts(decision) | {"reason": reason}, at=at)
    return decision


def preview(case: Case, action: str, *, at: datetime) -> list[str]:
    """What an action would do now, in sentences with numbers; changes nothing."""
    return action_named(action).will(case, at=at)


@transaction.atomic
def carry_out(*, case: Case, by: User, at: datetime) -> Decision:
    """Do what was decided, and tell the people it concerns; each of them can appeal.

    Raises `ModeratorNeeded`, `NotImpartial`, `AnotherModeratorNeeded`, `InvalidDecision`,
    `CaseNotReady`, and what the services raise that do it.
    """
    case = _held(case, by)
    before = proceeding_of(case, at=at)
    decision = _standing(case, "carried out")
    action = action_named(decision.action)
    if not action.fits(case):
        raise InvalidDecision(str(case), "action", "that cannot be done about it any more.")
    told = _once([*action.told(case, at=at), *reporters_of(case)])
    after = proceedings.carry_out(
        before,
        by=by.pk,
        told=frozenset(person.pk for person in told),
        appeal_until=at + APPEAL_WITHIN,
    )
    decision.summary = action.will(case, at=at)
    decision.carried_out_by, decision.carried_out_at = by, at
    decision.appeal_until = at + APPEAL_WITHIN
    decision.effects = dict(action.carry_out(decision, at=at))
    decision.save()
    decision.told.set(told)
    _move(case, after)
    facts = _facts(decision) | {"appeal_until": decision.appeal_until.isoformat()}
    _record(case, "decision-carried-out", by, facts, at=at)
    announce(
        decision,
        people=told,
        text=(
            f"Moderators decided about {case.subject}: {decision.get_action_display()}. The reason:"
            f" {decision.reason} If you think that this is wrong, it is your turn: you can appeal"
            f" until {decision.appeal_until:%Y-%m-%d}, and somebody else will look at it."
        ),
        at=at,
    )
    return decision


@transaction.atomic
def undo(*, case: Case, by: User, reason: str, at: datetime) -> Decision:
    """Take back what was carried out; the case is open again.

    Raises `ModeratorNeeded`, `NotImpartial`, `InvalidDecision`, `CannotBeUndone`, `CaseNotReady`.
    """
    case = _held(case, by)
    reason = _text(case, "reason", reason, REASON_LENGTH)
    after = proceedings.undo(proceeding_of(case, at=at), by=by.pk)
    decision = _standing(case, "undone")
    _move(case, after, due_at=at + DUE_WITHIN[CaseKind(case.kind)])
    _take_back(decision, by=by, reason=reason, at=at)
    return decision


@transaction.atomic
def appeal(*, decision: Decision, by: User, text: str, at: datetime) -> Appeal:
    """What a person who was told has to say against it; once, and in time.

    Raises `InvalidAppeal`, `NotYoursToAppeal`, `AppealTooLate`, `AppealedAlready`,
    `CaseNotReady`.
    """
    case = Case.objects.select_for_update(of=("self",)).get(pk=decision.case_id)
    text = text.strip()
    if not text or len(text) > APPEAL_LENGTH:
        problem = f"say what is wrong with the decision, in at most {APPEAL_LENGTH:,} characters."
        raise InvalidAppeal(str(case), problem)
    if standing_decision(case) != decision:
        raise CaseNotReady(str(case), "appealed against", case.state)
    after = proceedings.appeal(proceeding_of(case, at=at), by=by.pk, at=at)
    made = Appeal.objects.create(
        decision=decision,
        by=by,
        text=text,
        made_at=at,
        decided_by=decision.decided_by,
        approved_by=decision.approved_by,
    )
    # It goes to somebody else than who had the case.
    case.assignee = None
    _move(case, after, due_at=at + APPEAL_DUE_WITHIN)
    # Not who: the project's owners read this.
    facts = _facts(decision) | {"appeal": str(made.pk)}
    _record(case, "appeal-made", None, facts, at=at)
    return made


@transaction.atomic
def answer_appeal(*, made: Appeal, by: User, is_granted: bool, text: str, at: datetime) -> Appeal:
    """Uphold the decision, or (granted) undo it as far as it can be, for good.

    Raises `ModeratorNeeded`, `NotImpartial`, `AnotherModeratorNeeded`, `InvalidDecision`,
    `CaseNotReady`.
    """
    decision = Decision.objects.select_related("case").get(pk=made.decision_id)
    case = _held(decision.case, by)
    text = _text(case, "answer", text, REASON_LENGTH)
    after = proceedings.answer(
        proceeding_of(case, at=at), by=by.pk, appellant=made.by_id, is_granted=is_granted, at=at
    )
    answered = Appeal.objects.filter(decision=decision, answered_at=None)
    if not is_granted:
        answered = answered.filter(pk=made.pk)
    people = list(User.objects.filter(appeals__in=answered).order_by("pk"))
    appeals = [str(pk) for pk in answered.values_list("pk", flat=True)]
    answered.update(answered_by=by, answered_at=at, is_granted=is_granted, answer=text)
    _move(case, after)
    facts = _facts(decision) | {"appeals": appeals, "is_granted": is_granted}
    _record(case, "appeal-answered", by, facts, at=at)
    if is_granted:
        decision.case = case
        _take_back(decision, by=by, reason=text, at=at)
    verdict = "it was granted" if is_granted else "the decision stands"
    announce(
        decision,
        people=people,
        text=f"Your appeal about {case.subject} was looked at by somebody else: {verdict}. {text}",
        at=at,
    )
    made.refresh_from_db()
    return made


def close_due(*, at: datetime) -> int:
    """Close what was carried out and nobody can appeal against any more; says how many."""
    done = Case.objects.filter(state=CaseState.CARRIED_OUT.value)
    over = done.filter(decisions__ended_at=None, decisions__appeal_until__lt=at).order_by("pk")
    pks = list(over.values_list("pk", flat=True)[:CLOSED_AT_ONCE])
    return sum(_close(pk, at=at) for pk in pks)


def proceeding_of(case: Case, *, at: datetime) -> Proceeding:
    """A case as plain values."""
    decision = standing_decision(case)
    concerned = [*owners_of(case, at=at), *objectors_of(case), *reporters_of(case)]
    return Proceeding(
        name=str(case),
        state=CaseState(case.state),
        concerned=frozenset(person.pk for person in concerned),
        ruling=_ruling(decision) if decision else None,
    )


def _ruling(decision: Decision) -> Ruling:
    action = action_named(decision.action)
    appeals = list(decision.appeals.values_list("by", "answered_at"))
    return Ruling(
        decided_by=decision.decided_by_id,
        needs_second=action.needs_second,
        is_reversible=action.is_reversible,
        approved_by=decision.approved_by_id,
        told=frozenset(decision.told.values_list("pk", flat=True)),
        appeal_until=decision.appeal_until,
        appealed_by=frozenset(by for by, _ in appeals),
        answered=frozenset(by for by, answered_at in appeals if answered_at),
    )


@transaction.atomic
def _close(pk: Any, *, at: datetime) -> bool:
    case = Case.objects.select_for_update(of=("self",)).get(pk=pk)
    try:
        after = proceedings.close(proceeding_of(case, at=at), at=at)
    except CaseNotReady:
        return False
    _move(case, after)
    _record(case, "case-closed", None, {}, at=at)
    return True


def _held(case: Case, by: User) -> Case:
    """The case as it is now, its row locked, for a moderator. Raises `ModeratorNeeded`."""
    verify_moderator(by, case)
    Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
    return Case.objects.select_related("project", "file", "consent__user", "account").get(
        pk=case.pk
    )


def _standing(case: Case, act: str) -> Decision:
    decision = standing_decision(case)
    if decision is None:
        raise CaseNotReady(str(case), act, case.state)
    decision.case = case
    return decision


def _take_back(decision: Decision, *, by: User, reason: str, at: datetime) -> None:
    """Undo what it did, where there is a way back, and tell who was told of it."""
    action = action_named(decision.action)
    if action.is_reversible:
        action.undo(decision, at=at)
    _end(decision, by=by, reason=reason, at=at)
    _record(decision.case, "decision-undone", by, _facts(decision) | {"reason": reason}, at=at)
    announce(
        decision,
        people=decision.told.order_by("pk"),
        text=(
            f"What moderators had decided about {decision.case.subject}"
            f" ({decision.get_action_display()}) holds no more. {reason}"
        ),
        at=at,
    )


def _end(decision: Decision, *, by: User, reason: str, at: datetime) -> None:
    decision.ended_by, decision.ended_at, decision.ended_reason = by, at, reason
    decision.save(update_fields=["ended_by", "ended_at", "ended_reason"])


def _move(case: Case, after: Proceeding, *, due_at: datetime | None = None) -> None:
    case.state = after.state.value
    case.due_at = due_at or case.due_at
    case.save(update_fields=["state", "due_at", "assignee"])


def _once(people: Iterable[User]) -> list[User]:
    return list({person.pk: person for person in people}.values())


def _text(case: Case, field: str, text: str, longest: int) -> str:
    text = text.strip()
    if not text or len(text) > longest:
        problem = f"say why, in at most {longest:,} characters."
        raise InvalidDecision(str(case), field, problem)
    return text


def _facts(decision: Decision) -> dict[str, Any]:
    return {
        "decision": str(decision.pk),
        "action": ActionName(decision.action).value,
        "reason": decision.reason,
    }


def _record(case: Case, verb: str, by: User | None, facts: dict[str, Any], *, at: datetime) -> None:
    """What was done, by the portal itself without a person, and where that left the case."""
    record(
        actor=by.username if by else "portal",
        verb=verb,
        project=case.project.name,
        facts={"case": str(case.pk), "state": case.state} | facts,
        at=at,
    )
