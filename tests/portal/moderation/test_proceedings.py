"""The automaton of cases: what may follow what, and by whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import (
    AnotherModeratorNeeded,
    AppealedAlready,
    AppealTooLate,
    CannotBeUndone,
    CaseNotReady,
    NotImpartial,
    NotYoursToAppeal,
    PortalError,
)
from portal.moderation import proceedings
from portal.moderation.proceedings import TRANSITIONS, CaseState, Proceeding, Ruling

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNTIL = AT + timedelta(days=30)
ANN, BEN, CAT = 1, 2, 3
"""Moderators."""
OWNER, REPORTER = 4, 5
CONCERNED = frozenset({OWNER, REPORTER})

RULING = Ruling(
    ANN,
    needs_second=False,
    is_reversible=True,
    told=CONCERNED,
    appeal_until=UNTIL,
)
APPEALED = Ruling(
    ANN,
    needs_second=False,
    is_reversible=True,
    told=CONCERNED,
    appeal_until=UNTIL,
    appealed_by=frozenset({OWNER}),
)
AT_STATE = {
    CaseState.OPEN: Proceeding("case x", CaseState.OPEN, CONCERNED),
    CaseState.HELD: Proceeding(
        "case x", CaseState.HELD, CONCERNED, Ruling(ANN, needs_second=True, is_reversible=True)
    ),
    CaseState.DECIDED: Proceeding("case x", CaseState.DECIDED, CONCERNED, RULING),
    CaseState.CARRIED_OUT: Proceeding("case x", CaseState.CARRIED_OUT, CONCERNED, RULING),
    CaseState.APPEALED: Proceeding("case x", CaseState.APPEALED, CONCERNED, APPEALED),
    CaseState.CLOSED: Proceeding("case x", CaseState.CLOSED, CONCERNED, RULING),
}

type Act = Callable[[Proceeding, int], Proceeding]

ACTS: dict[str, Act] = {
    "decide": lambda case, by: proceedings.decide(
        case, by=by, needs_second=False, is_reversible=True
    ),
    "decide-held": lambda case, by: proceedings.decide(
        case, by=by, needs_second=True, is_reversible=False
    ),
    "approve": lambda case, by: proceedings.approve(case, by=by),
    "drop": lambda case, by: proceedings.drop(case, by=by),
    "carry-out": lambda case, by: proceedings.carry_out(
        case, by=by, told=CONCERNED, appeal_until=UNTIL
    ),
    "undo": lambda case, by: proceedings.undo(case, by=by),
    "reject": lambda case, by: proceedings.answer(
        case, by=by, appellant=OWNER, is_granted=False, at=AT
    ),
    "grant": lambda case, by: proceedings.answer(
        case, by=by, appellant=OWNER, is_granted=True, at=AT
    ),
}
ALLOWED = {
    ("open", "decide"): "decided",
    ("open", "decide-held"): "held",
    ("held", "approve"): "decided",
    ("held", "drop"): "open",
    ("decided", "drop"): "open",
    ("decided", "carry-out"): "carried-out",
    ("carried-out", "undo"): "open",
    ("closed", "undo"): "open",
    ("appealed", "reject"): "carried-out",
    ("appealed", "grant"): "closed",
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", CaseState)
def test_each_act_is_possible_from_its_states_and_from_no_other(state: CaseState, act: str):
    wanted = ALLOWED.get((state.value, act))
    try:
        after = ACTS[act](AT_STATE[state], BEN).state.value
    except CaseNotReady:
        after = None
    assert after == wanted


@pytest.mark.parametrize("person", [OWNER, REPORTER])
@pytest.mark.parametrize(("state", "act"), ALLOWED)
def test_nobody_judges_what_concerns_them(state: str, act: str, person: int):
    with pytest.raises(NotImpartial):
        ACTS[act](AT_STATE[CaseState(state)], person)


def test_who_decided_does_not_approve():
    with pytest.raises(AnotherModeratorNeeded):
        proceedings.approve(AT_STATE[CaseState.HELD], by=ANN)


def test_what_needs_a_second_is_not_carried_out_without_one():
    unapproved = Ruling(ANN, needs_second=True, is_reversible=True)
    case = Proceeding("case x", CaseState.DECIDED, CONCERNED, unapproved)
    with pytest.raises(AnotherModeratorNeeded):
        ACTS["carry-out"](case, BEN)


@pytest.mark.parametrize("person", [ANN, BEN])
def test_who_had_a_part_in_it_does_not_answer_the_appeal(person: int):
    ruling = Ruling(
        ANN,
        needs_second=True,
        is_reversible=True,
        approved_by=BEN,
        told=CONCERNED,
        appeal_until=UNTIL,
        appealed_by=frozenset({OWNER}),
    )
    case = Proceeding("case x", CaseState.APPEALED, CONCERNED, ruling)
    with pytest.raises(AnotherModeratorNeeded):
        ACTS["grant"](case, person)
    assert ACTS["grant"](case, CAT).state is CaseState.CLOSED


def test_what_cannot_be_taken_back_is_not_undone():
    ruling = Ruling(ANN, needs_second=True, is_reversible=False, approved_by=BEN)
    case = Proceeding("case x", CaseState.CARRIED_OUT, CONCERNED, ruling)
    with pytest.raises(CannotBeUndone):
        proceedings.undo(case, by=CAT)


@pytest.mark.parametrize(
    ("person", "at", "problem"),
    [
        (CAT, AT, NotYoursToAppeal),
        (REPORTER, UNTIL + timedelta(seconds=1), AppealTooLate),
        (OWNER, AT, AppealedAlready),
    ],
)
def test_an_appeal_is_for_who_was_told_in_time_and_once(person: int, at: datetime, problem: type):
    with pytest.raises(problem):
        proceedings.appeal(AT_STATE[CaseState.APPEALED], by=person, at=at)


@pytest.mark.parametrize(
    "state", [CaseState.OPEN, CaseState.HELD, CaseState.DECIDED, CaseState.CLOSED]
)
def test_nothing_is_appealed_before_it_is_done_or_after_it_is_closed(state: CaseState):
    case = Proceeding("case x", state, CONCERNED, RULING)
    with pytest.raises(CaseNotReady):
        proceedings.appeal(case, by=OWNER, at=AT)


def test_a_case_is_closed_when_nobody_can_appeal_any_more():
    with pytest.raises(CaseNotReady):
        proceedings.close(AT_STATE[CaseState.CARRIED_OUT], at=UNTIL)
    later = UNTIL + timedelta(seconds=1)
    assert proceedings.close(AT_STATE[CaseState.CARRIED_OUT], at=later).state is CaseState.CLOSED


def test_the_last_answer_closes_the_case():
    both = Ruling(
        ANN,
        needs_second=False,
        is_reversible=True,
        told=CONCERNED,
        appeal_until=UNTIL,
        appealed_by=CONCERNED,
    )
    case = Proceeding("case x", CaseState.APPEALED, CONCERNED, both)
    first = ACTS["reject"](case, BEN)
    last = proceedings.answer(first, by=CAT, appellant=REPORTER, is_granted=False, at=AT)
    assert (first.state, last.state) == (CaseState.APPEALED, CaseState.CLOSED)


PEOPLE = st.sampled_from([ANN, BEN, CAT, OWNER, REPORTER])
MOMENTS = st.sampled_from([AT, UNTIL, UNTIL + timedelta(days=1)])


@given(st.data())
def test_whatever_people_try_the_rules_hold(data: st.DataObject):
    case = Proceeding("case x", concerned=CONCERNED)
    for _ in range(25):
        act, person, at = (
            data.draw(st.sampled_from([*ACTS, "appeal", "close"])),
            data.draw(PEOPLE),
            data.draw(MOMENTS),
        )
        before = case
        try:
            if act == "appeal":
                case = proceedings.appeal(case, by=person, at=at)
            elif act == "close":
                case = proceedings.close(case, at=at)
            else:
                case = ACTS[act](case, person)
        except PortalError:
            assert case is before
            continue
        moved = case.state is not before.state
        assert not moved or case.state in TRANSITIONS[before.state]
        assert act in {"appeal", "close"} or person not in CONCERNED
        if case.state is CaseState.CARRIED_OUT and case.ruling.needs_second:
            assert case.ruling.approved_by not in {None, case.ruling.decided_by}
        if act in {"grant", "reject"}:
            assert person not in {before.ruling.decided_by, before.ruling.approved_by}
        if act == "undo":
            assert before.ruling.is_reversible
        assert (case.ruling is None) == (case.state is CaseState.OPEN) or act == "grant"
