"""What lost messages, dead workers and dead builders left behind, put right from the database."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from builds import dispatch
from builds.domain.outcomes import Outcome
from builds.domain.retries import retry_delay
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build
from builds.services.claim import TAKE_SECONDS
from builds.services.conclude import conclude_attempt
from builds.services.staging import discard_staged

logger = logging.getLogger(__name__)

SWEPT = 200
"""Rows of each kind that one pass looks after."""


def reconcile(*, at: datetime) -> None:
    """Bring every attempt that nobody looks after any more to its end, and wake the queue."""
    _bear_a_clock_put_back(at)
    lease_ends = at - timedelta(seconds=settings.AFFINEUR_LEASE_SECONDS)
    for attempt_id in _ids(Q(state=AttemptState.RUNNING.value, heartbeat_at__lt=lease_ends)):
        _lose(attempt_id, "Its builder fell silent.", at)
    untaken = at - timedelta(seconds=TAKE_SECONDS)
    for attempt_id in _ids(Q(state=AttemptState.LEASED.value, created_at__lt=untaken)):
        _lose(attempt_id, "No builder took it.", at)
    # A judge that merely takes long loses nothing: of two, one publishes.
    stuck = Q(state=AttemptState.JUDGING.value, heartbeat_at__lt=lease_ends)
    for attempt_id in _ids(stuck):
        if Attempt.objects.filter(stuck, pk=attempt_id).update(heartbeat_at=at):
            dispatch.judge(attempt_id)
    live = [AttemptState.LEASED.value, AttemptState.RUNNING.value, AttemptState.JUDGING.value]
    for attempt_id in _ids(Q(is_staged=True) & ~Q(state__in=live)):
        discard_staged(attempt_id=attempt_id)
    if Build.objects.claimable(at=at).exists():
        dispatch.wake()


def _bear_a_clock_put_back(at: datetime) -> None:
    """Bring what lies in the future back to now: else nobody would look at it until then."""
    Attempt.objects.filter(
        state__in=[AttemptState.RUNNING.value, AttemptState.JUDGING.value],
        heartbeat_at__gt=at + timedelta(seconds=settings.AFFINEUR_LEASE_SECONDS),
    ).update(heartbeat_at=at)
    Attempt.objects.filter(
        state=AttemptState.LEASED.value, created_at__gt=at + timedelta(seconds=TAKE_SECONDS)
    ).update(created_at=at)
    longest = retry_delay(settings.AFFINEUR_FARM_RETRIES, retries=settings.AFFINEUR_FARM_RETRIES)
    if longest is not None:
        Build.objects.filter(state=BuildState.QUEUED.value, not_before__gt=at + longest).update(
            not_before=at
        )


def _ids(those: Q) -> QuerySet[Attempt, UUID]:
    attempts = Attempt.objects.filter(those).order_by("created_at", "pk")
    return attempts.values_list("pk", flat=True)[:SWEPT]


def _lose(attempt_id: UUID, message: str, at: datetime) -> None:
    is_lost = conclude_attempt(
        attempt_id=attempt_id,
        state=AttemptState.LOST,
        outcome=Outcome.BUILDER_LOST,
        message=message,
        at=at,
    )
    if is_lost:
        logger.warning("attempt %s is lost: %s", attempt_id, message)
