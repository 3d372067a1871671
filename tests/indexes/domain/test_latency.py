from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.latency import RATIO, bucket_of, longest_of, percentile

SECONDS = st.floats(0, 10**7)


@given(SECONDS)
def test_a_bucket_tells_no_less_than_it_was_and_a_quarter_more_at_most(seconds):
    longest = longest_of(bucket_of(seconds))
    assert seconds <= longest * (1 + 1e-6)
    assert longest <= max(1.0, seconds * RATIO * (1 + 1e-6))


@given(st.lists(SECONDS, min_size=1), st.integers(1, 100))
def test_a_percentile_is_that_of_the_durations(durations, percent):
    counts: dict[int, int] = {}
    for seconds in durations:
        counts[bucket_of(seconds)] = counts.get(bucket_of(seconds), 0) + 1
    within = percentile(counts, percent)
    faster = sum(seconds <= within * (1 + 1e-6) for seconds in durations)
    assert faster >= len(durations) * percent / 100
