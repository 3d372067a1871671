"""Permits: issued by a consent, revoked with it, and asked for before every act."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from builds.domain.outcomes import Outcome
from builds.domain.permits import Channel, PermitFacts, covers
from builds.domain.planning import parse_specifiers
from builds.domain.states import LIVE
from builds.domain.targets import parse_targets
from builds.errors import BuildsError
from builds.models import Build, Permit
from builds.services.cancel import cancel_builds
from builds.signals import permit_issued, permits_revoked
from indexes.models import Project


class UnknownChannel(BuildsError):
    """A channel that no permit can allow."""

    code = "unknown-channel"

    def __init__(self, project: str, given: str) -> None:
        self.project = project
        self.given = given
        known = ", ".join(channel.value for channel in Channel)
        super().__init__(
            f"{project}: {given[:64]!r} is nothing that a permit can allow. Name one of {known}."
        )


@dataclass(frozen=True, slots=True)
class Revoked:
    """How much a revocation ended."""

    permits: int
    cancelled: int
    """Builds that waited or ran under one of them alone."""


@transaction.atomic
def issue_permit(
    *,
    project: Project,
    specifiers: str,
    targets: Sequence[str],
    channels: Sequence[str],
    origin: str,
    expires_at: datetime | None,
    at: datetime,
) -> Permit:
    """Give leave for what is named; empty specifiers mean every release, empty targets every one.

    Raises `InvalidSpecifiers`, `UnknownTarget`, `UnknownChannel`.
    """
    parse_specifiers(specifiers)
    for channel in channels:
        if channel not in {known.value for known in Channel}:
            raise UnknownChannel(project.name, channel)
    permit = Permit.objects.create(
        project=project,
        specifiers=specifiers,
        targets=[target.name for target in parse_targets(targets)],
        channels=sorted(set(channels)),
        origin=origin,
        issued_at=at,
        expires_at=expires_at,
    )
    permit_issued.send(Permit, permit=permit)
    return permit


def live_permit(
    *, project: Project, version: str, target: str, channel: str, at: datetime
) -> Permit | None:
    """Return the oldest permit that covers this, if any does."""
    return covering(unrevoked(project), version=version, target=target, channel=channel, at=at)


def permit_to_run(build: Build, *, at: datetime) -> Permit | None:
    """Return the permit under which a live build may run now; one that has none is cancelled."""
    permit = live_permit(
        project=build.project,
        version=build.version,
        target=build.target,
        channel=Channel.BUILD,
        at=at,
    )
    if permit is None:
        cancel_builds(
            builds=Build.objects.filter(pk=build.pk),
            reason=f"{build} is no longer permitted: the project's consent has ended.",
            outcome=Outcome.PERMIT_GONE,
            at=at,
        )
    return permit


def unrevoked(project: Project) -> list[Permit]:
    """Return a project's permits that may still cover something, oldest first."""
    return list(
        Permit.objects.filter(project=project, revoked_at=None)
        .select_related("project")
        .order_by("issued_at", "pk")
    )


def covering(
    permits: Sequence[Permit], *, version: str, target: str, channel: str, at: datetime
) -> Permit | None:
    """Return the first of a project's permits that covers this."""
    return next(
        (
            permit
            for permit in permits
            if covers(
                _facts(permit),
                project=permit.project.name,
                version=version,
                target=target,
                channel=channel,
                at=at,
            )
        ),
        None,
    )


@transaction.atomic
def revoke_permits(*, origin: str, reason: str, at: datetime) -> Revoked:
    """Take back what a consent gave; what no other permit covers is cancelled at once.

    A build that another permit covers goes on under that one.
    """
    permits = list(
        Permit.objects.select_for_update(of=("self",))
        .filter(origin=origin, revoked_at=None)
        .select_related("project")
        .order_by("pk")
    )
    Permit.objects.filter(pk__in=[permit.pk for permit in permits]).update(revoked_at=at)
    for permit in permits:
        permit.revoked_at = at
    if permits:
        permits_revoked.send(Permit, permits=permits, reason=reason)
    projects = {permit.project.pk: permit.project for permit in permits}
    return Revoked(
        permits=len(permits),
        cancelled=sum(
            _end_unpermitted(project, reason=reason, at=at) for project in projects.values()
        ),
    )


def _end_unpermitted(project: Project, *, reason: str, at: datetime) -> int:
    """Cancel a project's live builds that no permit covers; keep the others under one that does."""
    left = unrevoked(project)
    kept: list[Build] = []
    unpermitted: list[Build] = []
    live = Build.objects.filter(
        project=project, state__in=[state.value for state in LIVE]
    ).select_for_update()
    for build in live.order_by("pk"):
        permit = covering(
            left, version=build.version, target=build.target, channel=Channel.BUILD, at=at
        )
        if permit is None:
            unpermitted.append(build)
        elif build.permit_id != permit.pk:
            build.permit = permit
            kept.append(build)
    Build.objects.bulk_update(kept, ["permit"], batch_size=500)
    return cancel_builds(
        builds=Build.objects.filter(pk__in=[build.pk for build in unpermitted]),
        reason=reason,
        outcome=Outcome.PERMIT_GONE,
        at=at,
    )


def _facts(permit: Permit) -> PermitFacts:
    return PermitFacts(
        project=permit.project.name,
        specifiers=permit.specifiers,
        targets=tuple(permit.targets),
        channels=frozenset(permit.channels),
        issued_at=permit.issued_at,
        expires_at=permit.expires_at,
        revoked_at=permit.revoked_at,
    )
