"""What upstream takes back ends the builds of it, in the transaction that follows upstream."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils import timezone

from builds.domain.outcomes import Outcome
from builds.models import Build
from builds.services.cancel import cancel_builds
from indexes import signals
from indexes.domain.status import ProjectStatus
from indexes.models import Project

GONE = {
    ProjectStatus.DELETED: "was deleted upstream",
    ProjectStatus.QUARANTINED: "is quarantined upstream",
}


@receiver(signals.project_status_changed)
def project_status_has_changed(project: Project, after: ProjectStatus, **_kwargs: Any) -> None:
    if after in GONE:
        _cancel(Build.objects.filter(project=project), f"{project} {GONE[after]}")


@receiver(signals.releases_removed)
def releases_were_removed(project: Project, versions: Sequence[str], **_kwargs: Any) -> None:
    _cancel_releases(project, versions, "gone from upstream")


@receiver(signals.releases_quarantined)
def releases_were_quarantined(project: Project, versions: Sequence[str], **_kwargs: Any) -> None:
    _cancel_releases(project, versions, "withheld upstream")


def _cancel_releases(project: Project, versions: Sequence[str], what: str) -> None:
    for version in versions:
        builds = Build.objects.filter(project=project, version=version)
        _cancel(builds, f"{project} {version} is {what}")


def _cancel(builds: QuerySet[Build], why: str) -> None:
    cancel_builds(
        builds=builds,
        reason=f"{why}: nothing of it is built. Once it is there again, ask for it again.",
        outcome=Outcome.TAKEN_BACK,
        at=timezone.now(),
    )
