"""What people ask of the projects that somebody owns, for them to see first."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.models import Consent, Refusal
from portal.ownership.owners import proofs_that_count
from portal.requests.models import Request

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """One project, and how many people ask for what no consent covers."""

    project: Project
    people: int
    reason: str
    """The newest that somebody gave; may be empty."""
    has_consent: bool
    is_refused: bool


def wanted_of(user: User, *, at: datetime) -> list[Wanted]:
    """The projects that somebody has proven, the most wanted first, in five queries."""
    proven = proofs_that_count(at=at).filter(user=user).values("project")
    petitions = Count("requests__user", filter=Q(requests__is_petition=True), distinct=True)
    counted = Project.objects.filter(pk__in=proven).annotate(people=petitions)
    people = dict(counted.order_by("-people", "name").values_list("pk", "people")[:SHOWN])
    known = Project.objects.in_bulk(people)
    projects = [known[pk] for pk in people]
    unended = Q(expires_at=None) | Q(expires_at__gt=at)
    consented = set(
        Consent.objects.filter(
            unended, project__in=projects, revocation=None, replaced_by=None
        ).values_list("project", flat=True)
    )
    refused = set(
        Refusal.objects.filter(project__in=projects, ended_at=None).values_list(
            "project", flat=True
        )
    )
    reasons = _reasons(projects)
    return [
        Wanted(
            project,
            people=people[project.pk],
            reason=reasons.get(project.pk, ""),
            has_consent=project.pk in consented,
            is_refused=project.pk in refused,
        )
        for project in projects
    ]


def _reasons(projects: list[Project]) -> dict[int, str]:
    """The newest reason by project."""
    given = Request.objects.filter(project__in=projects, is_petition=True).exclude(reason="")
    rows = given.order_by("created_at", "pk").values_list("project", "reason")
    return dict(rows)
