"""Builders: which were seen, and which are given no jobs because of their own faults."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from builds.domain.breaker import (
    LOOKED_AT,
    PAUSE,
    WHOLE_FARM,
    WINDOW,
    Ended,
    stops_builder,
    stops_farm,
)
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.states import AttemptState
from builds.models import Attempt, BuilderStop

logger = logging.getLogger(__name__)

SEEN = timedelta(days=1)
"""How long ago a builder may have worked to be shown."""
AWAKE = timedelta(hours=1)
"""How long ago it may have worked to be thought able to take a job."""
TRIAL_WAIT = timedelta(seconds=30)
"""How long other jobs of a builder wait while one is on trial."""
MOST_SHOWN = 100

_LIVE = [AttemptState.LEASED.value, AttemptState.RUNNING.value, AttemptState.JUDGING.value]


@dataclass(frozen=True, slots=True)
class Builder:
    """A builder that worked lately. `stop` is set while it is given no jobs, or one on trial."""

    name: str
    seen_at: datetime
    attempts: int
    faults: int
    """Of the farm, among them."""
    stop: BuilderStop | None


def builders_seen(*, at: datetime) -> list[Builder]:
    """Those that worked within a day, the latest first, in two queries."""
    rows = (
        Attempt.objects.filter(heartbeat_at__gte=at - SEEN)
        .exclude(builder="")
        .order_by()
        .values("builder")
        .annotate(
            seen_at=Max("heartbeat_at"),
            attempts=Count("pk"),
            faults=Count("pk", filter=Q(outcome__in=FARM_FAULTS)),
        )
        .order_by("-seen_at", "builder")[:MOST_SHOWN]
    )
    stops = {stop.builder: stop for stop in stops_in_force()}
    return [
        Builder(
            row["builder"],
            row["seen_at"],
            row["attempts"],
            row["faults"],
            stops.get(row["builder"]),
        )
        for row in rows
    ]


def stops_in_force() -> QuerySet[BuilderStop]:
    """By builder; the whole farm's, whose name is empty, first."""
    return BuilderStop.objects.filter(until__isnull=False).order_by("builder")


@transaction.atomic
def resume_builder(*, name: str, at: datetime) -> bool:
    """Give a builder jobs again, or everybody where the name is empty; False if it had not stopped.

    Its faults so far count no more.
    """
    return bool(stops_in_force().filter(builder=name).update(until=None, trial=None, resumed_at=at))


def most_in_flight(*, at: datetime) -> int | None:
    """How many builds may be with builders while they are stopped; None while they are not.

    None at all while the whole farm, or every builder that is awake, has to pause; then one, on
    trial.
    """
    stops = {stop.builder: stop for stop in stops_in_force()}
    if not stops:
        return None
    if WHOLE_FARM in stops:
        return 0 if at < _end(stops[WHOLE_FARM]) else 1
    awake = set(
        Attempt.objects.filter(heartbeat_at__gte=at - AWAKE)
        .exclude(builder="")
        .order_by()
        .values_list("builder", flat=True)
        .distinct()
    )
    if not awake or not awake <= stops.keys():
        return None
    return 0 if all(at < _end(stops[name]) for name in awake) else 1


@transaction.atomic
def rest_of(*, builder: str, attempt_id: UUID, at: datetime) -> timedelta | None:
    """How long a builder that asks for this job has to wait instead; None if it may have it.

    After its pause a builder gets one job on trial.
    """
    stops = list(
        stops_in_force().filter(builder__in={builder, WHOLE_FARM}).select_for_update(of=("self",))
    )
    waits = [_end(stop) - at for stop in stops if at < _end(stop)]
    on_trial = Attempt.objects.filter(
        pk__in=[stop.trial_id for stop in stops if stop.trial_id != attempt_id],
        state__in=_LIVE,
    )
    if not waits and stops and on_trial.exists():
        waits = [TRIAL_WAIT]
    if waits:
        return max(waits)
    BuilderStop.objects.filter(pk__in=[stop.pk for stop in stops]).update(trial=attempt_id)
    return None


@transaction.atomic
def note_end(*, attempt: Attempt, outcome: Outcome | None, at: datetime) -> None:
    """Count an attempt that a builder ended, and stop who had too many faults of the farm.

    `outcome` is None where it left a wheel to judge. What ends a trial well, ends the stop.
    """
    if attempt.started_at is None:
        return
    is_fault = outcome in FARM_FAULTS
    trials = stops_in_force().filter(trial=attempt.pk)
    if not is_fault:
        if trials.update(until=None, trial=None, resumed_at=at):
            logger.info("builder %s works again", attempt.builder)
        return
    trials.update(until=at + PAUSE, trial=None)
    theirs = _latest(attempt.builder)
    if attempt.builder and stops_builder(theirs, at=at):
        _stop(attempt.builder, theirs, at)
    everybodys = _latest(WHOLE_FARM)
    if stops_farm(everybodys, at=at):
        _stop(WHOLE_FARM, everybodys, at)


def _end(stop: BuilderStop) -> datetime:
    assert stop.until is not None  # noqa: S101  # those in force have one
    return stop.until


def _latest(builder: str) -> list[Ended]:
    """The attempts that ended last since the builder was let go on; everybody's without a name."""
    ended = Attempt.objects.filter(started_at__isnull=False, ended_at__isnull=False)
    if builder != WHOLE_FARM:
        ended = ended.filter(builder=builder)
    resumed_at = (
        BuilderStop.objects.filter(builder=builder).values_list("resumed_at", flat=True).first()
    )
    if resumed_at is not None:
        ended = ended.filter(ended_at__gt=resumed_at)
    rows = ended.order_by("-ended_at", "-pk").values_list(
        "builder", "build_id", "outcome", "ended_at"
    )
    return [
        Ended(name, build, outcome if outcome in FARM_FAULTS else "", ended_at)
        for name, build, outcome, ended_at in rows[:LOOKED_AT]
        if ended_at is not None
    ]


def _stop(builder: str, latest: Sequence[Ended], at: datetime) -> None:
    faults = [each.fault for each in latest if each.fault]
    minutes = int(WINDOW.total_seconds()) // 60
    reason = (
        f"{len(faults)} of the last {len(latest)} attempts ended by faults of the farm within"
        f" {minutes} minutes; the last: {faults[0]}."
    )
    logger.warning("%s is given no jobs: %s", builder or "the whole farm", reason)
    BuilderStop.objects.update_or_create(
        builder=builder,
        defaults={"reason": reason, "stopped_at": at, "until": at + PAUSE, "trial": None},
    )
