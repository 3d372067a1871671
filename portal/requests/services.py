"""The only writer of requests."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q

from builds.domain.planning import parse_specifiers
from builds.domain.states import BuildState
from builds.models import Build
from builds.services.plan import Planned, preview, request_builds, wanted_targets
from indexes.domain.names import NormalizedName, parse_project_name
from indexes.models import Project
from indexes.services.refresh import refresh_project
from indexes.upstream import UpstreamError
from portal.accounts.models import User
from portal.consent.models import AskedBy, Consent, Refusal, Suspension, Task
from portal.consent.owners import tasks_of
from portal.errors import RefusalStands
from portal.ledger.services import record
from portal.organisations.models import Organisation
from portal.organisations.roles import Act
from portal.organisations.services import verify_may
from portal.ownership.services import has_proof
from portal.requests.models import Cost, Hindrance, Platform, Request
from portal.requests.quotas import over_quota
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
    targets: tuple[tuple[str, int], ...] = ()
    """Pythons and platforms by target, and how many people want each: the most wanted first."""
    platforms: tuple[tuple[str, int], ...] = ()
    """Where people need wheels, in words, each person once."""
    costs: tuple[tuple[str, int], ...] = ()
    """What it costs them that there are none, in words, each person once."""


def make_request(
    *,
    user: User,
    project_name: str,
    specifiers: str,
    targets: Sequence[str],
    reason: str,
    at: datetime,
    platform: str = "",
    cost: str = "",
    organisation: Organisation | None = None,
) -> Request:
    """Keep a wish and plan it; an equal one of the same user is planned again instead.

    Without a permit nothing runs: it is a petition. A project that we know is asked for even
    while upstream is down, and planned later. `platform` and `cost` say why, of `Platform` and
    `Cost`. Raises `InvalidProjectName`, `InvalidSpecifiers`, `UnknownTarget`, `RefusalStands`
    where the owners do not want to be asked, `RoleNeeded` for an organisation in whose name the
    user may not ask, and what upstream raises for a project that we never saw.
    """
    if organisation is not None:
        verify_may(user, organisation, Act.REQUEST)
    name = parse_project_name(project_name)
    wanted = str(parse_specifiers(specifiers))
    names = [target.name for target in wanted_targets(targets)]
    project, is_fresh = _project(name, at=at)
    if refusal := _standing_refusal(project):
        raise RefusalStands(project.name, "", refusal.said_at)
    with transaction.atomic():
        if organisation is not None:
            # One wish after the other: each sees what those before it took of the quotas.
            Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
        request, is_new = Request.objects.get_or_create(
            user=user,
            project=project,
            fingerprint=_fingerprint(wanted, names, organisation),
            defaults={
                "organisation": organisation,
                "specifiers": wanted,
                "targets": names,
                "reason": reason.strip(),
                "platform": platform if platform in Platform.values else "",
                "cost": cost if cost in Cost.values else "",
                "created_at": at,
            },
        )
        if is_new:
            _record(request, at=at)
        if is_fresh:
            request.hindrance = _hindered(project, at=at)(user)
            _plan_within_quota([request], at=at)
        elif is_new:
            request.note = request_status(request).words
            request.save(update_fields=["note"])
    return request


@transaction.atomic
def replan_project(*, project: Project, at: datetime, why: str = "") -> int:
    """Plan every request of a project anew, equal ones together; says how many.

    `why` is what happened, in a sentence: it begins the note of those that it touches.
    """
    equal: dict[tuple[str, str], list[Request]] = defaultdict(list)
    requests = Request.objects.filter(project=project).select_related(
        "project", "user", "organisation"
    )
    hindered = _hindered(project, at=at)
    for request in requests.prefetch_related("builds").order_by("created_at", "pk"):
        request.hindrance = hindered(request.user)
        equal[request.fingerprint, request.hindrance].append(request)
    for group in equal.values():
        _plan_within_quota(group, at=at, why=why, is_asked=False)
    return sum(map(len, equal.values()))


def replan_requests(*, at: datetime) -> int:
    """Plan what could not be planned yet, or was before upstream changed; says how many.

    What upstream does not answer for waits for the next time.
    """
    held = Organisation.objects.filter(requests__in=Request.objects.exclude(held_back=""))
    over = [each.pk for each in held.distinct() if over_quota(each, at=at)]
    unplanned = Request.objects.filter(
        Q(planned_at=None) | Q(planned_at__lt=F("project__changed_at"))
    ).exclude(~Q(held_back=""), organisation__in=over)
    due = Project.objects.filter(pk__in=unplanned.order_by().values("project")).order_by(
        "verified_at", "pk"
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
            held_back=request.held_back,
            builds=[BuildState(build.state) for build in request.builds.all()],
            hindrance=request.hindrance,
        )
    )


def demand(project: Project) -> Demand:
    """The petitions of a project, in three queries; whoever asks twice is one person."""
    petitions = Request.objects.filter(project=project).petitions()
    wanted = petitions.order_by().values_list("specifiers").annotate(count=Count("pk"))
    reasons = petitions.exclude(reason="").order_by("-created_at", "pk")
    rows = list(petitions.order_by().values_list("user", "targets", "platform", "cost"))
    return Demand(
        petitions=len(rows),
        people=len({user for user, *_ in rows}),
        specifiers=tuple(wanted.order_by("-count", "specifiers")[:_REASONS_SHOWN]),
        reasons=tuple(reasons.values_list("reason", flat=True)[:_REASONS_SHOWN]),
        targets=_by_people((user, target) for user, targets, *_ in rows for target in targets),
        platforms=_by_people(
            (user, Platform(platform).label) for user, _, platform, _ in rows if platform
        ),
        costs=_by_people((user, Cost(cost).label) for user, *_, cost in rows if cost),
    )


def _by_people(said: Iterable[tuple[int, str]]) -> tuple[tuple[str, int], ...]:
    """How many people say what: the most first."""
    counts = Counter(what for _, what in set(said))
    return tuple(sorted(counts.items(), key=lambda found: (-found[1], found[0])))


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


def _standing_refusal(project: Project) -> Refusal | None:
    standing = Refusal.objects.filter(project=project, ended_at=None).select_related("user")
    return standing.order_by("said_at", "pk").first()


def _hindered(project: Project, *, at: datetime) -> Callable[[User], str]:
    """What keeps the project from being built for somebody; of several consents the widest goes."""
    if _standing_refusal(project):
        return lambda _user: Hindrance.REFUSED.value
    in_force = Consent.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=at),
        project=project,
        revocation=None,
        replaced_by=None,
    ).exclude(pk__in=Suspension.objects.filter(lifted_at=None).values("consent"))
    asked_by = set(in_force.values_list("asked_by", flat=True))
    if asked_by != {AskedBy.NAMED.value}:
        return lambda _user: ""

    def by_name(user: User) -> str:
        is_named = Task.REQUEST in tasks_of(user, project, at=at)
        is_owner = has_proof(user=user, project=project, at=at) is not None
        return "" if is_named or is_owner else Hindrance.NAMED_ONLY.value

    return by_name


def _plan_within_quota(
    requests: Sequence[Request], *, at: datetime, why: str = "", is_asked: bool = True
) -> None:
    """Plan equal requests, or keep them for when their organisation has room again."""
    organisation = requests[0].organisation
    if requests[0].hindrance:
        organisation = None  # nothing would be built
    held_back = over_quota(organisation, at=at) if organisation else ""
    if not held_back:
        _plan(requests, at=at, why=why, is_asked=is_asked)
        return
    for request in requests:
        request.held_back = held_back
        # So that it is due, whatever becomes of upstream.
        request.planned_at = None
        request.note = request_status(request).words
        request.save(update_fields=["held_back", "planned_at", "note"])


def _plan(
    requests: Iterable[Request], *, at: datetime, why: str = "", is_asked: bool = True
) -> None:
    """Plan requests that are equal but for their users, and hindered alike."""
    first, *others = requests
    if first.hindrance:
        found = preview(project=first.project, specifiers=first.specifiers, targets=first.targets)
        planned = Planned((), found.served, found.refusals, uncovered=found.gaps)
    else:
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
    request.is_petition = bool(planned.uncovered) and request.hindrance != Hindrance.REFUSED
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
    request.held_back = ""
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
            "hindrance",
            "uncovered",
            "already_served",
            "refusals",
            "planned_at",
            "held_back",
            "note",
        ]
    )


def _fingerprint(specifiers: str, targets: Sequence[str], organisation: Organisation | None) -> str:
    """Of what is asked for in whose name, whoever asks; the order of targets does not matter."""
    name = [] if organisation is None else [f"@{organisation.slug}"]
    return hashlib.sha256("\n".join([specifiers, *sorted(targets), *name]).encode()).hexdigest()


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
