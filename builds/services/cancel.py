"""Cancelling: at once for what waits, at a builder's next poll for what runs."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from builds.domain.outcomes import Outcome
from builds.domain.states import (
    ATTEMPT_TRANSITIONS,
    BUILD_TRANSITIONS,
    AttemptState,
    BuildState,
    sources_of,
)
from builds.models import Attempt, Build
from builds.signals import build_ended


@transaction.atomic
def cancel_builds(*, builds: QuerySet[Build], reason: str, outcome: Outcome, at: datetime) -> int:
    """Cancel those of `builds` that are live, and say how many were.

    Their leases end with them: a builder that runs one hears so at its next poll, within a
    second, and kills the sandbox. `reason` is for people; `outcome` is CANCELLED or PERMIT_GONE.
    """
    cancellable = sources_of(BuildState.CANCELLED, BUILD_TRANSITIONS)
    cancelled = 0
    # One order for everyone, so that two of these cannot wait for each other.
    for pk in builds.filter(state__in=cancellable).order_by("pk").values_list("pk", flat=True):
        moved = Build.objects.filter(pk=pk, state__in=cancellable).update(
            state=BuildState.CANCELLED.value,
            outcome=outcome.value,
            message=reason,
            not_before=None,
            ended_at=at,
        )
        if not moved:
            continue
        Attempt.objects.filter(
            build=pk, state__in=sources_of(AttemptState.CANCELLED, ATTEMPT_TRANSITIONS)
        ).update(
            state=AttemptState.CANCELLED.value,
            outcome=outcome.value,
            message=reason,
            ended_at=at,
        )
        cancelled += 1
        build_ended.send(
            Build, build=Build.objects.select_related("project").get(pk=pk), outcome=outcome
        )
    return cancelled
