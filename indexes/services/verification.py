"""How fresh our word on upstream is: what was not checked for too long is not offered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet

from indexes import signals
from indexes.conf import indexes_config
from indexes.models import File, Project
from indexes.services.latencies import Measured, measured
from indexes.services.pages import render_pages_of
from indexes.services.schedule import Backlog, backlog

AGES = (300, 900, 3_600, 21_600, 86_400)
"""Seconds: the steps of the distribution that `upstream_status` gives."""
# A round is bounded in all, and in what it holds locked at once.
ROUND = 1_000
BATCH = 50


def withhold_unverified(*, at: datetime, limit: int = ROUND) -> int:
    """Take our files off the pages of projects not verified for too long; says of how many.

    At most `limit` a call, those longest unverified first; the next call goes on.
    `refresh_project` lists them again when upstream answers.
    """
    since = at - timedelta(seconds=indexes_config().unverified_seconds)
    overdue = _unverified(since).filter(
        unverified_at=None, pk__in=File.objects.on_pages().values("project")
    )
    chosen = list(overdue.order_by("verified_at", "pk").values_list("pk", flat=True)[:limit])
    batches = [chosen[start : start + BATCH] for start in range(0, len(chosen), BATCH)]
    return sum(_withhold(batch, since, at) for batch in batches)


@transaction.atomic
def _withhold(chosen: list[int], since: datetime, at: datetime) -> int:
    # Asked again under the lock: upstream may have answered meanwhile.
    locked = _unverified(since).select_for_update().filter(pk__in=chosen, unverified_at=None)
    projects = list(locked.order_by("pk"))
    for project in projects:
        project.unverified_at = at
        signals.project_unverified.send(Project, project=project)
    Project.objects.bulk_update(projects, ["unverified_at"])
    render_pages_of(projects=projects, at=at)
    return len(projects)


def _unverified(since: datetime) -> QuerySet[Project]:
    return Project.objects.filter(Q(verified_at__lt=since) | Q(verified_at=None))


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """How long ago upstream answered for the projects that we follow."""

    followed: int
    never_verified: int
    unverified: int
    """Not verified for longer than the set time, or never."""
    withheld: int
    """Of all projects, those whose pages leave out our files for that."""
    unverified_seconds: int
    oldest_seconds: int | None
    """Since the verification that is longest ago; None when there was none."""
    ages: Mapping[int, int]
    """Projects verified within each of `AGES` (seconds), each counting those before it."""
    backlog: Backlog
    latency: Measured
    """From upstream to our pages; `indexes.services.latencies` says what is measured."""


def upstream_status(*, at: datetime) -> UpstreamStatus:
    """In as many queries whatever the number of projects."""
    limit = indexes_config().unverified_seconds
    followed = Q(is_enrolled=True)
    counts = Project.objects.aggregate(
        followed=Count("pk", filter=followed),
        never=Count("pk", filter=followed & Q(verified_at=None)),
        late=Count("pk", filter=followed & Q(verified_at__lt=at - timedelta(seconds=limit))),
        withheld=Count("pk", filter=Q(unverified_at__isnull=False)),
        oldest=Min("verified_at", filter=followed),
        **{
            f"within_{age}": Count(
                "pk", filter=followed & Q(verified_at__gte=at - timedelta(seconds=age))
            )
            for age in AGES
        },
    )
    oldest: datetime | None = counts["oldest"]
    return UpstreamStatus(
        followed=counts["followed"],
        never_verified=counts["never"],
        unverified=counts["late"] + counts["never"],
        withheld=counts["withheld"],
        unverified_seconds=limit,
        oldest_seconds=None if oldest is None else max(0, round((at - oldest).total_seconds())),
        ages={age: counts[f"within_{age}"] for age in AGES},
        backlog=backlog(at=at),
        latency=measured(at=at),
    )
