"""The only writer of requests."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q

from builds.domain.planning import parse_specifiers
from builds.domain.states import BuildState
from builds.models import Build
from builds.services.plan import Planned, request_builds, wanted_targets
from indexes.domain.names import NormalizedName, parse_project_name
from indexes.models import Project
from indexes.services.refresh import refresh_project
from indexes.upstream import UpstreamError
from portal.accounts.models import User
from portal.ledger.services import record
from portal.requests.models import Request
from portal.requests.status import RequestFacts, RequestStatus, status_of

FRESH_FOR = timedelta(minutes=5)
"""How long what upstream said is good enough to plan by."""

_REPLANNED_AT_ONCE = 100
_REASONS_SHOWN = 20
_NOTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Demand:
    """What people ask of a project and no consent covers."""

    petitions: int
    people: int
    specifiers: tuple[tuple[str, int], ...]
    """What they ask for, and how many do: the most wanted first."""
    reasons: tuple[str, ...]
    """The newest, without names."""


def make_request(
    *,
    user: User,
    project_name: str,
    specifiers: str,
    targets: Sequence[str],
    reason: str,
    at: datetime,
) -> Request:
    """Keep a wish and plan it; an equal one of the same user is planned again instead.

    Without a permit nothing runs: it is a petition. A project that we know is asked for even
    while upstream is down, and planned later. Raises `InvalidProjectName`, `InvalidSpecifiers`,
    `UnknownTarget`, and what upstream raises for a project that we never saw.
    """
    name = parse_project_name(project_name)
    wanted = str(parse_specifiers(specifiers))
    names = [target.name for target in wanted_targets(targets)]
    project, is_fresh = _project(name, at=at)
    with transaction.atomic():
        request, is_new = Request.objects.get_or_create(
            user=user,
            project=project,
            fingerprint=_fingerprint(wanted, names),
            defaults={
                "specifiers": wanted,
                "targets": names,
                "reason": reason.strip(),
                "created_at": at,
            },
        )
        if is_new:
            _record(request, at=at)
        if is_fresh:
            _plan([request], at=at)
        elif is_new:
            request.note = request_status(request).words
            request.save(update_fields=["note"])
    return request


@transaction.atomic
def replan_project(*, project: Project, at: datetime, why: str = "") -> int:
    """Plan every request of a project anew, equal ones together; says how many.

    `why` is what happened, in a sentence: it begins the note of those that it touches.
    """
    equal: dict[str, list[Request]] = defaultdict(list)
    requests = Request.objects.filter(project=project).select_related("project")
    for request in requests.prefetch_related("builds").order_by("created_at", "pk"):
        equal[request.fingerprint].append(request)
    for group in equal.values():
        _plan(group, at=at, why=why, is_asked=False)
    return sum(map(len, equal.values()))


def replan_requests(*, at: datetime) -> int:
    """Plan what could not be planned yet, or was before upstream changed; says how many.

    What upstream does not answer for waits for the next time.
    """
    due = (
        Project.objects.filter(
            Q(requests__planned_at=None) | Q(requests__planned_at__lt=F("changed_at")),
            requests__isnull=False,
        )
        .distinct()
        .order_by("verified_at", "pk")
    )
    planned = 0
    for project in due[:_REPLANNED_AT_ONCE]:
        known, is_fresh = _project(NormalizedName(project.name), at=at)
        if is_fresh:
            planned += replan_project(project=known, at=at)
    return planned


def request_status(request: Request) -> RequestStatus:
    """Where it stands now, from its builds (prefetch them where there are many requests)."""
    return status_of(
        RequestFacts(
            project=request.project.name,
            is_planned=request.planned_at is not None,
            uncovered=len(request.uncovered),
            already_served=len(request.already_served),
            refused=len(request.refusals),
            builds=[BuildState(build.state) for build in request.builds.all()],
        )
    )


def demand(project: Project) -> Demand:
    """The petitions of a project, in four queries."""
    petitions = Request.objects.filter(project=project, is_petition=True)
    wanted = petitions.order_by().values_list("specifiers").annotate(count=Count("pk"))
    reasons = petitions.exclude(reason="").order_by("-created_at", "pk")
    return Demand(
        petitions=petitions.count(),
        people=petitions.order_by().aggregate(people=Count("user", distinct=True))["people"],
        specifiers=tuple(wanted.order_by("-count", "specifiers")[:_REASONS_SHOWN]),
        reasons=tuple(reasons.values_list("reason", flat=True)[:_REASONS_SHOWN]),
    )


def note_builds(*, builds: Sequence[Build]) -> None:
    """Tell the requests that wait for builds how these ended: each is told of the last."""
    ended = {build.pk: build for build in builds}
    last: dict[Any, Build] = {}
    for batch in batched(ended, _NOTED_AT_ONCE, strict=False):
        waiting = Request.builds.through.objects.filter(build__in=batch)
        for request_id, build_id in waiting.values_list("request", "build"):
            last[request_id] = ended[build_id]
    for request_batch in batched(last, _NOTED_AT_ONCE, strict=False):
        requests = list(Request.objects.filter(pk__in=request_batch).order_by("pk"))
        for request in requests:
            build = last[request.pk]
            wheel = f"{build.project} {build.version} for {build.target}"
            request.note = f"{wheel}: {build.message or BuildState(build.state).label}"
        Request.objects.bulk_update(requests, ["note"])


def _project(name: NormalizedName, *, at: datetime) -> tuple[Project, bool]:
    """The project, and whether what we know of it is fresh enough to plan by."""
    known = Project.objects.filter(name=name).first()
    if known and known.verified_at and at - known.verified_at < FRESH_FOR:
        return known, True
    try:
        return refresh_project(name=name, at=at), True
    except UpstreamError:
        if known is None:
            raise
        return known, False


def _plan(
    requests: Iterable[Request], *, at: datetime, why: str = "", is_asked: bool = True
) -> None:
    """Plan requests that are equal but for their users."""
    first, *others = requests
    planned = request_builds(
        project=first.project,
        specifiers=first.specifiers,
        targets=first.targets,
        at=at,
        is_asked=is_asked,
    )
    for request in (first, *others):
        _apply(request, planned, at=at, why=why)


def _apply(request: Request, planned: Planned, *, at: datetime, why: str) -> None:
    request.is_petition = bool(planned.uncovered)
    request.uncovered = [
        {"version": gap.version, "target": gap.target} for gap in planned.uncovered
    ]
    request.already_served = [
        {"version": served.version, "target": served.target, "filename": served.filename}
        for served in planned.served
    ]
    request.refusals = [
        asdict(refusal) | {"code": refusal.code.value} for refusal in planned.refusals
    ]
    request.planned_at = at
    # Of a release and target, what was built another way says nothing any more.
    answered = {(build.version, build.target): build for build in planned.builds}
    request.builds.remove(
        *(
            build
            for build in request.builds.all()
            if answered.get((build.version, build.target), build) != build
        )
    )
    request.builds.add(*planned.builds)
    words = request_status(request).words
    request.note = f"{why} {words}" if why else words
    request.save(
        update_fields=[
            "is_petition",
            "uncovered",
            "already_served",
            "refusals",
            "planned_at",
            "note",
        ]
    )


def _fingerprint(specifiers: str, targets: Sequence[str]) -> str:
    """Of what is asked for, whoever asks; the order of targets does not matter."""
    return hashlib.sha256("\n".join([specifiers, *sorted(targets)]).encode()).hexdigest()


def _record(request: Request, *, at: datetime) -> None:
    record(
        actor=request.user.username,
        verb="request-made",
        project=request.project.name,
        facts={
            "request": str(request.pk),
            "specifiers": request.specifiers,
            "targets": request.targets,
        },
        at=at,
    )
