"""The schedule over days in a moment: who is asked for when, whatever upstream does."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.schedule import (
    LONGEST_PAUSE,
    LONGEST_TOLD_PAUSE,
    Budget,
    Doubt,
    Pace,
    interval,
    is_sweep_due,
    retry_after_failure,
    stretch,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PACES = st.builds(
    Pace,
    requests_per_second=st.floats(0.1, 20),
    shortest=st.floats(1, 120),
    longest=st.floats(120, 86_400),
)
QUIETS = st.floats(0, 10**8)


@given(QUIETS, PACES)
def test_an_interval_is_bounded(quiet, pace):
    assert pace.shortest <= interval(quiet=quiet, pace=pace) <= pace.longest


@given(QUIETS, QUIETS, PACES)
def test_who_was_quiet_for_longer_is_asked_for_less_often(quiet, longer, pace):
    quiet, longer = sorted((quiet, longer))
    assert interval(quiet=quiet, pace=pace) <= interval(quiet=longer, pace=pace)


def test_who_never_changed_is_quiet():
    assert interval(quiet=None, pace=Pace()) == Pace().longest


@given(st.integers(0, 10**6), PACES)
def test_stretched_intervals_fit_into_the_budget(projects, pace):
    demand = projects / pace.shortest
    factor = stretch(demand=demand, pace=pace)
    assert factor >= 1
    assert demand / factor <= max(demand if factor == 1 else 0, pace.requests_per_second)


@given(st.integers(1, 10**6), st.one_of(st.none(), st.floats(0, 10**7)), PACES)
def test_failures_put_off_longer_and_never_for_ever(failures, told, pace):
    seconds = retry_after_failure(failures=failures, told=told, pace=pace)
    assert pace.shortest <= seconds <= max(pace.longest, LONGEST_TOLD_PAUSE)
    assert seconds <= retry_after_failure(failures=failures + 1, told=told, pace=pace)
    assert seconds >= min(told or 0, LONGEST_TOLD_PAUSE)


ASKS = st.lists(
    st.tuples(st.floats(0, 5), st.integers(0, 40), st.sampled_from(["ok", "busy", "limit"])),
    max_size=60,
)


@given(ASKS, PACES)
def test_in_no_window_of_time_is_more_granted_than_the_rate_allows(asks, pace):
    budget, at, granted = Budget(0.0, NOW), NOW, []
    for pause, wanted, came in asks:
        at += timedelta(seconds=pause)
        budget, count = budget.take(wanted, at=at, pace=pace)
        granted.append((at, count))
        if came == "ok":
            budget = budget.relieved(asked_at=at)
        else:
            budget = budget.strained(asked_at=at, at=at, told=None, is_limit=came == "limit")
    for first, (start, _) in enumerate(granted):
        for end, _ in granted[first:]:
            spent = sum(count for moment, count in granted if start <= moment <= end)
            seconds = (end - start).total_seconds()
            assert spent <= pace.burst + pace.requests_per_second * seconds + 1e-6


@given(st.lists(st.floats(0, 10**5), max_size=10), st.integers(1, 50), PACES)
def test_when_upstream_answers_again_the_budget_recovers(tolds, failures, pace):
    budget, at = Budget(0.0, NOW), NOW
    for told in [*tolds, *[None] * failures]:
        at += timedelta(seconds=1)
        budget = budget.strained(asked_at=at, at=at, told=told, is_limit=False)
    at += timedelta(seconds=LONGEST_TOLD_PAUSE + 10 / pace.requests_per_second)
    budget, granted = budget.take(1, at=at, pace=pace)
    assert granted == 1
    budget = budget.relieved(asked_at=at)
    at += timedelta(seconds=10 / pace.requests_per_second)
    assert budget.take(1, at=at, pace=pace)[1] == 1


def test_a_limit_pauses_everything_for_what_upstream_says():
    budget = Budget(3.0, NOW).strained(asked_at=NOW, at=NOW, told=30.0, is_limit=True)
    assert budget.take(5, at=NOW + timedelta(seconds=29), pace=Pace())[1] == 0
    assert budget.take(5, at=NOW + timedelta(seconds=31), pace=Pace())[1] == 1


def test_one_projects_trouble_pauses_nobody_else():
    budget = Budget(3.0, NOW).strained(asked_at=NOW, at=NOW, told=None, is_limit=False)
    assert budget.take(3, at=NOW, pace=Pace(requests_per_second=30))[1] == 3


def test_while_strained_one_request_is_made_after_each_pause():
    budget, made = Budget(3.0, NOW), 0
    for second in range(600):
        at = NOW + timedelta(seconds=second)
        budget, granted = budget.take(9, at=at, pace=Pace())
        made += granted
        if granted:
            budget = budget.strained(asked_at=at, at=at, told=None, is_limit=False)
    assert made <= 3 * 3 + 600 / LONGEST_PAUSE + 5


def test_an_answer_to_what_was_asked_before_the_strain_relieves_nothing():
    later = NOW + timedelta(seconds=5)
    budget = Budget(3.0, NOW).strained(asked_at=NOW, at=later, told=None, is_limit=True)
    assert budget.relieved(asked_at=NOW) == budget
    assert budget.relieved(asked_at=later + timedelta(seconds=9)).strain == 0


def test_failures_under_way_together_double_the_pause_once():
    budget = Budget(3.0, NOW).strained(asked_at=NOW, at=NOW, told=None, is_limit=True)
    again = budget.strained(asked_at=NOW, at=NOW, told=None, is_limit=True)
    assert again.strain == budget.strain


@given(st.floats(-100, 100))
def test_a_clock_of_another_host_gains_nothing(skew):
    pace, budget, granted = Pace(requests_per_second=10), Budget(0.0, NOW), 0
    for tick in range(50):
        at = NOW + timedelta(seconds=tick / 10)
        budget, one = budget.take(9, at=at, pace=pace)
        budget, other = budget.take(9, at=at + timedelta(seconds=skew), pace=pace)
        granted += one + other
    assert granted <= pace.burst + 10 * (5 + abs(skew))


def test_a_doubt_settles_after_its_time():
    for doubt in Doubt:
        assert not doubt.is_settled(since=None, at=NOW)
        assert not doubt.is_settled(since=NOW, at=NOW + timedelta(seconds=doubt.seconds - 1))
        assert doubt.is_settled(since=NOW, at=NOW + timedelta(seconds=doubt.seconds))


def test_each_day_all_is_asked_anew():
    assert is_sweep_due(swept_at=None, at=NOW)
    assert not is_sweep_due(swept_at=NOW, at=NOW + timedelta(hours=23))
    assert is_sweep_due(swept_at=NOW, at=NOW + timedelta(days=1))
