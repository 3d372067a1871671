"""The life of a consent, driven at random against a model as small as it can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from portal.consent.states import (
    LISTING,
    MAY,
    Act,
    End,
    Facts,
    Ground,
    Hold,
    NotPossible,
    Party,
    State,
    approvals_needed,
    ended,
    held,
    lists,
    released,
    state_of,
    strictest,
    why_unlisted,
)

AT = datetime(2026, 3, 1, tzinfo=UTC)
HOLDS = st.builds(Hold, st.sampled_from(Ground), st.sampled_from(["", "ada", "bob"]))


class Life(RuleBasedStateMachine):
    """The model is a set of holds, an end, and a clock that runs on."""

    def __init__(self) -> None:
        super().__init__()
        self.at = AT
        self.expires_at = AT + timedelta(days=20)
        self.facts = Facts(expires_at=self.expires_at)
        self.holds: set[Hold] = set()
        self.end: End | None = None

    @property
    def is_over(self) -> bool:
        return self.end is not None or self.at >= self.expires_at

    @rule(hold=HOLDS)
    def hold(self, hold: Hold) -> None:
        is_possible = not self.is_over and hold not in self.holds
        self.facts = self.tried(is_possible, held, hold)
        self.holds |= {hold} if is_possible else set()

    @rule(hold=HOLDS)
    def release(self, hold: Hold) -> None:
        is_possible = hold in self.holds and (hold.ground.outlasts or not self.is_over)
        self.facts = self.tried(is_possible, released, hold)
        self.holds -= {hold} if is_possible else set()

    @rule(end=st.sampled_from(End))
    def over(self, end: End) -> None:
        is_live = not self.is_over and not self.holds
        is_possible = not self.is_over and (end is End.REVOKED or is_live)
        self.facts = self.tried(is_possible, ended, end)
        self.end = end if is_possible else self.end

    @rule(days=st.integers(0, 8))
    def wait(self, days: int) -> None:
        self.at += timedelta(days=days)

    @invariant()
    def it_is_live_only_when_nothing_is_against_it(self) -> None:
        is_live = state_of(self.facts, at=self.at) is State.LIVE
        assert is_live == (not self.is_over and not self.holds)

    @invariant()
    def what_is_over_stays_so(self) -> None:
        if self.end:
            assert state_of(self.facts, at=self.at).value == self.end.value

    def tried(self, is_possible, move, argument) -> Facts:
        if is_possible:
            return move(self.facts, argument, at=self.at)
        with pytest.raises(NotPossible):
            move(self.facts, argument, at=self.at)
        return self.facts


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)


@given(st.frozensets(HOLDS), st.none() | st.sampled_from(End))
def test_each_state_has_a_word_and_a_way_out_or_none(holds, end):
    state = state_of(Facts(holds=holds, end=end), at=AT)
    assert state.label
    assert (state is State.LIVE) == (not holds and end is None)


@given(st.lists(st.integers(0, 9)), st.integers(1, 9))
def test_never_more_owners_are_needed_than_there_are_and_never_none(wishes, owners):
    needed = approvals_needed(strictest(wishes), owners=owners)
    assert 1 <= needed <= owners
    for wish in wishes:
        assert needed >= approvals_needed(wish, owners=owners)


FACTS = st.builds(
    Facts,
    holds=st.frozensets(HOLDS, max_size=2),
    end=st.none() | st.sampled_from(End),
    expires_at=st.none() | st.sampled_from([AT, AT + timedelta(days=1)]),
)


@given(FACTS, st.booleans())
def test_wheels_are_listed_by_what_holds_or_is_paused_or_by_a_word_that_stands(facts, keeps):
    is_taken_back = facts.end is End.REVOKED
    facts = replace(facts, keeps_wheels=keeps and is_taken_back)
    is_held = not {hold.ground for hold in facts.holds} <= {Ground.PAUSE}
    if is_taken_back:
        assert lists(facts, at=AT) == (keeps and not is_held)
    else:
        assert lists(facts, at=AT) == (state_of(facts, at=AT) in LISTING)


@given(st.lists(FACTS, max_size=4))
def test_a_wheel_is_listed_when_one_consent_lets_it_be_and_it_is_said_why_not(covering):
    why = why_unlisted(covering, at=AT)
    assert (why == "") == any(lists(facts, at=AT) for facts in covering)
    assert why == why_unlisted(reversed(covering), at=AT)


def test_why_a_wheel_is_not_listed_is_said_by_what_can_still_change():
    gone = Facts(end=End.REVOKED)
    objected = Facts(holds=frozenset({Hold(Ground.OBJECTION, "ada")}))
    assert "took back" in why_unlisted([Facts(end=End.REPLACED), gone], at=AT)
    assert "suspended" in why_unlisted([gone, objected], at=AT)
    assert why_unlisted([Facts(expires_at=AT)], at=AT) == (
        "Not listed: the consent for it has ended."
    )
    assert why_unlisted([], at=AT) == "Not listed: no consent covers it."


def test_nobody_decides_on_the_own_consent_as_if_another():
    for act in (Act.APPROVE, Act.OBJECT, Act.RELENT):
        assert Party.GIVER not in MAY[act]
    assert MAY[Act.RESCOPE] == {Party.GIVER}


def test_who_reads_the_mail_can_stop_and_not_start():
    assert {act for act in Act if Party.METADATA in MAY[act]} == {Act.PAUSE}
