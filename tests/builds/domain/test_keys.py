from datetime import UTC, datetime, timedelta

import pytest

from builds.domain.keys import FARM_FAULT_REST, build_key, stands
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.states import LIVE, BuildState

AT = datetime(2026, 1, 2, tzinfo=UTC)
PARTS = {
    "project": "demo",
    "version": "1.0",
    "sdist_sha256": "a" * 64,
    "target": "cp312-manylinux_2_36_x86_64",
    "toolchain": "host-1",
    "recipe": "",
    "rung": "declared",
    "cutoff": "",
}


def answers(state, *, outcome="", ended_at=None):
    return stands(state, outcome=outcome, ended_at=ended_at, at=AT)


def test_the_same_work_has_the_same_key():
    assert build_key(**PARTS) == build_key(**PARTS)
    assert len(build_key(**PARTS)) == 64


@pytest.mark.parametrize("part", PARTS)
def test_each_part_makes_another_key(part):
    assert build_key(**{**PARTS, part: "else"}) != build_key(**PARTS)


def test_what_takes_the_place_of_a_bad_wheel_is_other_work():
    assert build_key(**PARTS, remakes="") == build_key(**PARTS)
    assert build_key(**PARTS, remakes="demo-1.0-1a-py3-none-any.whl") != build_key(**PARTS)


def test_parts_do_not_run_into_each_other():
    one = build_key(**{**PARTS, "recipe": "ab", "rung": "c"})
    other = build_key(**{**PARTS, "recipe": "a", "rung": "bc"})
    assert one != other


@pytest.mark.parametrize("state", sorted(LIVE | {BuildState.PUBLISHED}))
def test_what_lives_or_was_published_is_the_answer(state):
    assert answers(state)


@pytest.mark.parametrize("state", [BuildState.CANCELLED, BuildState.COVERED])
def test_what_was_not_finished_is_no_answer(state):
    assert not answers(state, ended_at=AT)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - FARM_FAULTS))
def test_a_projects_failure_stands_for_ever(outcome):
    long_ago = AT - timedelta(days=10_000)
    assert answers(BuildState.FAILED, outcome=outcome.value, ended_at=long_ago)


@pytest.mark.parametrize("outcome", sorted(FARM_FAULTS))
def test_a_fault_of_ours_stands_only_for_a_rest(outcome):
    rested, resting = AT - FARM_FAULT_REST, AT - FARM_FAULT_REST + timedelta(seconds=1)
    assert answers(BuildState.FAILED, outcome=outcome.value, ended_at=resting)
    assert not answers(BuildState.FAILED, outcome=outcome.value, ended_at=rested)
