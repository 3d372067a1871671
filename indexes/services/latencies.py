"""How long changes took from upstream to our pages, as we measured it ourselves.

What is measured: from the moment before which the change was not there, to the pages that show
it. A change found by asking came at some time since the verification before, so its latency is
told as the time since that one, which is the longest it can have been. Fetching, the transaction
and the rendering are in it; the caches of clients and proxies are not (`Cache-Control` bounds
them).
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F, Sum

from indexes.domain.latency import PERCENTILES, bucket_of, percentile
from indexes.domain.schedule import seconds_between
from indexes.models import Latency

DAYS = 30


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of changes alike. `within` are seconds by percentile: told long by a quarter at most."""

    changes: int
    within: dict[int, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """Of the last `days`."""

    days: int
    yanks: Latencies
    """And what else turns resolvers away: releases removed, projects quarantined or deleted."""
    others: Latencies


def count_latency(*, since: datetime, until: datetime, is_yank: bool) -> None:
    """Count a change that took from `since` to `until` at the longest."""
    place = {
        "day": until.date(),
        "is_yank": is_yank,
        "bucket": bucket_of(seconds_between(since, until)),
    }
    Latency.objects.bulk_create([Latency(**place)], ignore_conflicts=True)
    Latency.objects.filter(**place).update(count=F("count") + 1)


def measured(*, at: datetime) -> Measured:
    """In one query."""
    rows = (
        Latency.objects.filter(day__gt=_first_day(at))
        .order_by()
        .values_list("is_yank", "bucket")
        .annotate(total=Sum("count"))
    )
    counts: dict[bool, dict[int, int]] = {True: {}, False: {}}
    for is_yank, bucket, total in rows:
        counts[is_yank][bucket] = total
    return Measured(DAYS, yanks=_told(counts[True]), others=_told(counts[False]))


def _first_day(at: datetime) -> date:
    return (at - timedelta(days=DAYS)).date()


def _told(counts: dict[int, int]) -> Latencies:
    within = {percent: percentile(counts, percent) for percent in PERCENTILES}
    return Latencies(
        changes=sum(counts.values()),
        within={percent: seconds for percent, seconds in within.items() if seconds is not None},
    )
