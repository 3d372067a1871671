"""The automata, as properties of their tables."""

import pytest

from builds.domain.states import (
    ATTEMPT_TRANSITIONS,
    BUILD_TRANSITIONS,
    LIVE,
    AttemptState,
    BuildState,
    sources_of,
)

LIVE_ATTEMPTS = {AttemptState.LEASED, AttemptState.RUNNING, AttemptState.JUDGING}


def test_every_state_has_its_row() -> None:
    assert set(BUILD_TRANSITIONS) == set(BuildState)
    assert set(ATTEMPT_TRANSITIONS) == set(AttemptState)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_what_is_live_can_be_cancelled_and_can_fail(state: BuildState) -> None:
    assert {BuildState.CANCELLED, BuildState.FAILED} <= BUILD_TRANSITIONS[state]


def test_nothing_leads_out_of_published() -> None:
    assert not BUILD_TRANSITIONS[BuildState.PUBLISHED]


def test_only_what_was_judged_is_published() -> None:
    assert sources_of(BuildState.PUBLISHED, BUILD_TRANSITIONS) == [BuildState.JUDGING]
    assert sources_of(AttemptState.SUCCEEDED, ATTEMPT_TRANSITIONS) == [AttemptState.JUDGING]


@pytest.mark.parametrize("state", sorted(set(BuildState) - LIVE))
def test_what_has_ended_can_at_most_be_queued_again(state: BuildState) -> None:
    assert BUILD_TRANSITIONS[state] <= {BuildState.QUEUED}


@pytest.mark.parametrize("state", sorted(LIVE_ATTEMPTS))
def test_a_live_attempt_can_be_lost_fail_and_be_cancelled(state: AttemptState) -> None:
    ends = {AttemptState.LOST, AttemptState.FAILED, AttemptState.CANCELLED}
    assert ends <= ATTEMPT_TRANSITIONS[state]


@pytest.mark.parametrize("state", sorted(set(AttemptState) - LIVE_ATTEMPTS))
def test_an_attempt_ends_once(state: AttemptState) -> None:
    assert not ATTEMPT_TRANSITIONS[state]


@pytest.mark.parametrize("state", sorted(LIVE - {BuildState.QUEUED}))
def test_what_is_under_way_can_go_back_into_the_queue(state: BuildState) -> None:
    assert BuildState.QUEUED in BUILD_TRANSITIONS[state]
