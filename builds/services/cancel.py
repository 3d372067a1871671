"""Cancelling: at once for what waits, at a builder's next poll for what runs."""

from datetime import datetime
from itertools import batched

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
from builds.signals import builds_ended

BATCH = 500
"""Rows changed in one query."""


@transaction.atomic
def cancel_builds(*, builds: QuerySet[Build], reason: str, outcome: Outcome, at: datetime) -> int:
    """Cancel those of `builds` that are live, and say how many were.

    Their leases end with them: a builder that runs one hears so at its next poll, within a
    second, and kills the sandbox: so the number of queries hardly grows with the number of
    builds, or a long queue would hold that back. `reason` is for people; `outcome` is one
    of `CANCELLATIONS`.
    """
    cancellable = sources_of(BuildState.CANCELLED, BUILD_TRANSITIONS)
    # One order for everyone, so that two of these cannot wait for each other.
    held = list(
        builds.filter(state__in=cancellable)
        .select_for_update(of=("self",))
        .select_related("project")
        .order_by("pk")
    )
    for batch in batched(held, BATCH, strict=False):
        pks = [build.pk for build in batch]
        Build.objects.filter(pk__in=pks, state__in=cancellable).update(
            state=BuildState.CANCELLED.value,
            outcome=outcome.value,
            message=reason,
            not_before=None,
            ended_at=at,
        )
        Attempt.objects.filter(
            build__in=pks, state__in=sources_of(AttemptState.CANCELLED, ATTEMPT_TRANSITIONS)
        ).update(
            state=AttemptState.CANCELLED.value,
            outcome=outcome.value,
            message=reason,
            ended_at=at,
        )
    for build in held:
        build.state, build.outcome, build.message = (
            BuildState.CANCELLED.value,
            outcome.value,
            reason,
        )
        build.not_before, build.ended_at = None, at
    if held:
        builds_ended.send(Build, builds=held, outcome=outcome)
    return len(held)
