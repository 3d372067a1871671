"""Failures that are alike, across projects, ranked by who waits for them."""

from dataclasses import dataclass

from django.db.models import CharField, Count, F, QuerySet, Value
from django.db.models.functions import Cast, Concat

from builds.models import Build

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Cluster:
    """Failures of one cause. `demand` is its releases times one more than its wishes."""

    cause: str
    releases: int
    projects: int
    wishes: int
    """Requests that wait for one of its builds."""
    demand: int


def clusters() -> list[Cluster]:
    """The causes of standing failures, the most wanted first, in one query."""
    release = Concat(Cast("project_id", CharField()), Value(" "), "version")
    rows = (
        Build.objects.standing_failures()
        .exclude(cause="")
        .order_by()
        .values("cause")
        .annotate(
            releases=Count(release, distinct=True),
            projects=Count("project", distinct=True),
            wishes=Count("requests", distinct=True),
        )
        .annotate(demand=F("releases") * (F("wishes") + 1))
        .order_by("-demand", "cause")
        .values_list("cause", "releases", "projects", "wishes", "demand")
    )
    return [Cluster(*row) for row in rows[:SHOWN]]


def failures_of(cause: str) -> QuerySet[Build]:
    """The builds of a cluster, the newest first."""
    failures = Build.objects.standing_failures().filter(cause=cause)
    return failures.select_related("project").order_by("-ended_at", "pk")
