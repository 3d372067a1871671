"""The lease of an attempt: what a builder shows every second, and stops working without."""

import math
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from builds.domain.leases import lease_hash
from builds.domain.outcomes import Outcome
from builds.domain.states import (
    ATTEMPT_TRANSITIONS,
    BUILD_TRANSITIONS,
    AttemptState,
    BuildState,
    sources_of,
)
from builds.errors import BuilderStopped
from builds.models import Attempt, Build
from builds.services.builders import rest_of
from builds.services.conclude import conclude_attempt, lock_build
from builds.services.permits import permit_to_run
from builds.signals import build_started

MAX_HEARTBEAT_INTERVAL = 5
"""Seconds."""

_HELD = [AttemptState.RUNNING.value, AttemptState.JUDGING.value]


def show_lease(*, attempt_id: UUID, token: str, builder: str, at: datetime) -> bool:
    """Whether the builder may go on. Its first showing takes the attempt, if it still may be run.

    One query, and now and then a write: every builder asks this every second. A build whose
    permit has expired stops, unless another permit covers it. Raises `BuilderStopped` for a
    builder that is to have no jobs; the job goes back into the queue.
    """
    held = (
        Attempt.objects.filter(pk=attempt_id, lease_hash=lease_hash(token))
        .values_list("state", "heartbeat_at", "build__permit__expires_at")
        .first()
    )
    if held is None:
        return False
    state, heartbeat_at, expires_at = held
    if state == AttemptState.LEASED:
        rest = rest_of(builder=builder, attempt_id=attempt_id, at=at)
        if rest is not None:
            _give_back(attempt_id, builder, at)
            raise BuilderStopped(builder, math.ceil(rest.total_seconds()))
        return _take(attempt_id, builder, at)
    if state not in _HELD:
        return False
    if expires_at is not None and expires_at <= at and not _renew_permit(attempt_id, at):
        return False
    # A clock that was put back leaves heartbeats in the future.
    if timedelta() <= at - heartbeat_at < _heartbeat_interval():
        return True
    return bool(Attempt.objects.filter(pk=attempt_id, state__in=_HELD).update(heartbeat_at=at))


def _heartbeat_interval() -> timedelta:
    """How old a heartbeat gets before the next showing writes another one."""
    return timedelta(seconds=min(MAX_HEARTBEAT_INTERVAL, settings.AFFINEUR_LEASE_SECONDS / 4))


def _give_back(attempt_id: UUID, builder: str, at: datetime) -> None:
    """Put the job back; as with one that nobody took, that is no fault of its build's."""
    conclude_attempt(
        attempt_id=attempt_id,
        state=AttemptState.LOST,
        outcome=Outcome.BUILDER_LOST,
        message=f"Builder {builder} is stopped, and gave it back.",
        at=at,
    )


@transaction.atomic
def _take(attempt_id: UUID, builder: str, at: datetime) -> bool:
    build = lock_build(attempt_id=attempt_id)
    if build is None:
        return False
    if permit_to_run(build, at=at) is None:
        return False
    moved = Attempt.objects.filter(
        pk=attempt_id, state__in=sources_of(AttemptState.RUNNING, ATTEMPT_TRANSITIONS)
    ).update(
        state=AttemptState.RUNNING.value, builder=builder[:128], heartbeat_at=at, started_at=at
    )
    if not moved:
        return Attempt.objects.filter(pk=attempt_id, state__in=_HELD).exists()
    Build.objects.filter(
        pk=build.pk, state__in=sources_of(BuildState.RUNNING, BUILD_TRANSITIONS)
    ).update(state=BuildState.RUNNING.value)
    build.refresh_from_db()
    build_started.send(Build, build=build, attempt=Attempt.objects.get(pk=attempt_id))
    return True


@transaction.atomic
def _renew_permit(attempt_id: UUID, at: datetime) -> bool:
    """Have the build go on under another permit, or end."""
    build = lock_build(attempt_id=attempt_id)
    permit = None if build is None else permit_to_run(build, at=at)
    if build is None or permit is None:
        return False
    Build.objects.filter(pk=build.pk).update(permit=permit)
    return True
