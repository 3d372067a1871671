"""The schedule of who is asked for when, as its rows keep it: claimed, concluded, kept in order."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum

from indexes.conf import indexes_config
from indexes.domain.names import NormalizedName
from indexes.domain.schedule import (
    AWAIT_SECONDS,
    LEASE_SECONDS,
    Budget,
    Doubt,
    Pace,
    interval,
    is_sweep_due,
    retry_after_failure,
    seconds_between,
    stretch,
)
from indexes.models import Project, Watch, WatchState
from indexes.services.clock import is_ahead, mend_times
from indexes.upstream import UpstreamError, UpstreamUnreachable

KEEP_SECONDS = 60.0
"""Between two times that the schedule is put in order."""
CHANGELOG_SECONDS = 10.0
"""Between two looks at upstream's changelog, where it has one."""
AWAITED_SECONDS = 10.0
"""Between two requests for a page that is behind what upstream has announced."""
OVERDUE_SECONDS = 60.0
"""After its time, a project that nobody has asked for yet is part of the backlog."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """Leave to ask upstream for one project, for nobody else before `until`."""

    project: int
    name: NormalizedName
    etag: str
    is_sweep: bool
    """Whether to ask as if nothing were known."""
    at: datetime
    until: datetime


def watch_pace() -> Pace:
    """How often upstream may be asked, by the settings."""
    config = indexes_config()
    return Pace(
        requests_per_second=config.watch_rate,
        shortest=config.watch_shortest,
        longest=config.watch_longest,
    )


@transaction.atomic
def claim_due(*, most: int, at: datetime) -> list[Claim]:
    """Claim projects that are due, as many as the budget of all hosts allows now."""
    pace = watch_pace()
    # Looked at before the row that all share is locked: mostly there is nothing to do.
    if most <= 0 or not Watch.objects.due(at=at).exists():
        return []
    state = _locked_state(at)
    due = _locked(Watch.objects.due(at=at)).select_related("project")
    watches = list(due[: min(most, math.ceil(pace.burst))])
    budget, granted = _budget(state).take(len(watches), at=at, pace=pace)
    claims = [_claim(watch, at) for watch in watches[:granted]]
    Watch.objects.filter(pk__in=[claim.project for claim in claims]).update(
        claimed_until=at + timedelta(seconds=LEASE_SECONDS)
    )
    # A sweep asks twice: for the page, and for what upstream says beside it.
    _keep_budget(state, budget.charged(sum(claim.is_sweep for claim in claims)))
    return claims


def _locked(watches: QuerySet[Watch]) -> QuerySet[Watch]:
    if connection.features.has_select_for_update_skip_locked:
        return watches.select_for_update(skip_locked=True, of=("self",))
    return watches


def _claim(watch: Watch, at: datetime) -> Claim:
    is_sweep = is_sweep_due(swept_at=watch.swept_at, at=at)
    return Claim(
        project=watch.pk,
        name=NormalizedName(watch.project.name),
        etag="" if is_sweep else watch.project.upstream_etag,
        is_sweep=is_sweep,
        at=at,
        until=at + timedelta(seconds=LEASE_SECONDS),
    )


@transaction.atomic
def conclude(*, claim: Claim, error: UpstreamError | None, at: datetime) -> None:
    """Put the project back into the schedule, after what came of asking for it.

    Nothing is done when the claim was lost meanwhile, to somebody who asks anew.
    """
    watch = (
        Watch.objects.select_for_update(of=("self",))
        .select_related("project")
        .filter(pk=claim.project, claimed_until=claim.until)
        .first()
    )
    if watch is None:
        return
    pace = watch_pace()
    if error is None:
        watch.failures, watch.problem = 0, ""
        watch.swept_at = claim.at if claim.is_sweep else watch.swept_at
        seconds = _until_next(watch, claim, pace)
    else:
        watch.failures, watch.problem = watch.failures + 1, str(error)
        told = error.retry_after if isinstance(error, UpstreamUnreachable) else None
        seconds = retry_after_failure(failures=watch.failures, told=told, pace=pace)
    watch.claimed_until = None
    watch.due_at = claim.at + timedelta(seconds=seconds)
    watch.save()
    _note_strain(claim, error, at)


def _until_next(watch: Watch, claim: Claim, pace: Pace) -> float:
    """Seconds after it was asked for; upstream has answered."""
    project = watch.project
    quiet = None
    if project.changed_at is not None:
        quiet = max(0.0, seconds_between(project.changed_at, claim.at))
    watch.interval_seconds = interval(quiet=quiet, pace=pace)
    if project.doubt == Doubt.MISSING:
        return Doubt.MISSING.seconds
    if _is_awaited(watch, claim.at):
        return AWAITED_SECONDS
    watch.awaited_serial = watch.awaited_at = None
    return watch.interval_seconds * _stretch()


def _is_awaited(watch: Watch, at: datetime) -> bool:
    serial = watch.project.last_serial
    return (
        watch.awaited_serial is not None
        and watch.awaited_at is not None
        and serial is not None
        and serial < watch.awaited_serial
        and seconds_between(watch.awaited_at, at) < AWAIT_SECONDS
    )


def _stretch() -> float:
    return WatchState.objects.values_list("stretch", flat=True).filter(id=1).first() or 1.0


def _note_strain(claim: Claim, error: UpstreamError | None, at: datetime) -> None:
    if isinstance(error, UpstreamUnreachable):
        state = _locked_state(at)
        budget = _budget(state).strained(
            asked_at=claim.at, at=at, told=error.retry_after, is_limit=error.is_limit
        )
        _keep_budget(state, budget)
    # Mostly it is not strained, and nobody's row is to be waited for.
    elif WatchState.objects.filter(id=1, strained_at__lt=claim.at).exists():
        state = _locked_state(at)
        _keep_budget(state, _budget(state).relieved(asked_at=claim.at))


def _locked_state(at: datetime) -> WatchState:
    WatchState.objects.get_or_create(id=1, defaults={"filled_at": at, "tokens": watch_pace().burst})
    return WatchState.objects.select_for_update().get(id=1)


def _budget(state: WatchState) -> Budget:
    return Budget(
        tokens=state.tokens,
        filled_at=state.filled_at,
        strain=state.strain,
        strained_at=state.strained_at,
        resumes_at=state.resumes_at,
    )


def _keep_budget(state: WatchState, budget: Budget) -> None:
    state.tokens, state.filled_at = budget.tokens, budget.filled_at
    state.strain, state.strained_at = budget.strain, budget.strained_at
    state.resumes_at = budget.resumes_at
    state.save(update_fields=["tokens", "filled_at", "strain", "strained_at", "resumes_at"])


@transaction.atomic
def keep_schedule(*, at: datetime) -> None:
    """Give each enrolled project its place, and fit all intervals into the budget.

    Of all hosts one does it, each `KEEP_SECONDS`.
    """
    state = _locked_state(at)
    if is_ahead(state.kept_at, at=at):
        mend_times(state=state, at=at)
    if state.kept_at is not None and seconds_between(state.kept_at, at) < KEEP_SECONDS:
        return
    pace = watch_pace()
    unwatched = Project.objects.enrolled().filter(watch=None).order_by("pk")
    Watch.objects.bulk_create(
        [
            Watch(project=project, due_at=at, interval_seconds=pace.shortest)
            for project in unwatched.only("pk")
        ],
        ignore_conflicts=True,
        batch_size=BATCH,
    )
    demand = Watch.objects.aggregate(demand=Sum(1.0 / F("interval_seconds"), default=0.0))["demand"]
    state.stretch, state.kept_at = stretch(demand=demand, pace=pace), at
    state.save()


@dataclass(frozen=True, slots=True)
class Look:
    """Leave for one request for what upstream says of all projects together."""

    etag: str = ""
    since: int | None = None
    """The last serial of the changelog that we know."""


@transaction.atomic
def claim_root(*, at: datetime) -> Look | None:
    """Leave to look at the root listing, if it is time; then it is no other host's."""
    seconds = indexes_config().root_seconds
    if not seconds:
        return None
    state = _locked_state(at)
    if not _is_time(state, state.root_due_at, at):
        return None
    state.root_due_at = at + timedelta(seconds=seconds)
    state.tokens -= 1
    state.save(update_fields=["root_due_at", "tokens"])
    return Look(etag=state.root_etag)


@transaction.atomic
def claim_changelog(*, at: datetime) -> Look | None:
    """Leave to look at the changelog, if it is time; then it is no other host's."""
    state = _locked_state(at)
    if not _is_time(state, state.changelog_due_at, at):
        return None
    state.changelog_due_at = at + timedelta(seconds=CHANGELOG_SECONDS)
    state.tokens -= 1
    state.save(update_fields=["changelog_due_at", "tokens"])
    return Look(since=state.changelog_serial)


def _is_time(state: WatchState, due_at: datetime | None, at: datetime) -> bool:
    is_paused = state.resumes_at is not None and at < state.resumes_at
    return not is_paused and (due_at is None or due_at <= at)


def followed_names() -> frozenset[str]:
    return frozenset(Project.objects.enrolled().values_list("name", flat=True))


@transaction.atomic
def note_root(*, etag: str, serials: Mapping[str, int], at: datetime) -> int:
    """What the root listing says: whom it is ahead of us for is asked for now; says how many."""
    WatchState.objects.filter(id=1).update(root_etag=etag)
    return _await_serials(serials, at)


@transaction.atomic
def note_changelog(*, last: int, serials: Mapping[str, int], at: datetime) -> int:
    """The same of the changelog, which is read up to `last`."""
    WatchState.objects.filter(id=1).update(changelog_serial=last)
    return _await_serials(serials, at)


def _await_serials(serials: Mapping[str, int], at: datetime) -> int:
    """A serial that went back, or is not there, is no reason to ask."""
    behind: list[Watch] = []
    for names in batched(sorted(serials), BATCH, strict=False):
        watches = Watch.objects.select_for_update(of=("self",)).filter(
            project__name__in=names, project__last_serial__isnull=False
        )
        for watch in watches.select_related("project").order_by("pk"):
            serial = serials[watch.project.name]
            known = max(watch.project.last_serial or 0, watch.awaited_serial or 0)
            if serial > known:
                watch.awaited_serial, watch.awaited_at = serial, at
                # One that fails is asked for again when its time comes.
                watch.due_at = watch.due_at if watch.failures else min(watch.due_at, at)
                behind.append(watch)
    Watch.objects.bulk_update(behind, ["awaited_serial", "awaited_at", "due_at"], batch_size=BATCH)
    return len(behind)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Projects that it is time to ask for."""

    due: int
    overdue: int
    """Those whose time was `OVERDUE_SECONDS` ago or longer."""
    failing: int
    """Those whose last answer could not be used, or did not come."""
    stretch: float
    """What intervals are multiplied by to fit into the budget."""
    resumes_at: datetime | None
    """Upstream is busy: nothing is asked before."""


def backlog(*, at: datetime) -> Backlog:
    """In two queries."""
    state = WatchState.objects.filter(id=1).first()
    late = at - timedelta(seconds=OVERDUE_SECONDS)
    is_due = Q(due_at__lte=at) & (Q(claimed_until=None) | Q(claimed_until__lte=at))
    counts = Watch.objects.aggregate(
        due=Count("pk", filter=is_due),
        overdue=Count("pk", filter=is_due & Q(due_at__lte=late)),
        failing=Count("pk", filter=Q(failures__gt=0)),
    )
    return Backlog(
        **counts,
        stretch=1.0 if state is None else state.stretch,
        resumes_at=None if state is None else state.resumes_at,
    )
