"""What people ask of the projects that somebody owns, for them to see first."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.models import Consent, Refusal
from portal.ownership.owners import projects_of
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
    """The projects that somebody has proven to own, the most wanted first, in six queries."""
    asking = Q(requests__is_petition=True, requests__user__is_active=True)
    petitions = Count("requests__user", filter=asking, distinct=True)
    counted = projects_of(user, at=at).annotate(people=petitions)
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
    given = Request.objects.petitions().filter(project__in=projects).exclude(reason="")
    rows = given.order_by("created_at", "pk").values_list("project", "reason")
    return dict(rows)
