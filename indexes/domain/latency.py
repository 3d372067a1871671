"""How long changes took to be on our pages, kept as counts of durations alike.

A duration goes into a bucket whose bounds are a quarter apart, so that a percentile is told with
that much error at most, and never as less than it was.
"""

import math
from collections.abc import Mapping

RATIO = 1.25
PERCENTILES = (50, 95, 99)


def bucket_of(seconds: float) -> int:
    """The bucket of durations up to `RATIO ** bucket` seconds.

    >>> bucket_of(0.2), bucket_of(1.0), bucket_of(60)
    (0, 0, 19)
    """
    return 0 if seconds <= 1 else math.ceil(math.log(seconds, RATIO) - 1e-9)


def longest_of(bucket: int) -> float:
    """The longest duration in the bucket, in seconds."""
    return RATIO**bucket


def percentile(counts: Mapping[int, int], percent: int) -> float | None:
    """Within how many seconds that part of the counted durations was; None when there is none.

    >>> percentile({0: 98, 10: 2}, 95), percentile({0: 98, 10: 2}, 99), percentile({}, 50)
    (1.0, 9.313225746154785, None)
    """
    wanted = math.ceil(sum(counts.values()) * percent / 100)
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted:
            return longest_of(bucket)
    return None
