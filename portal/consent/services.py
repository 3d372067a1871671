"""The only writer of consents and revocations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from builds.domain.permits import Channel
from builds.domain.planning import parse_specifiers
from builds.domain.states import LIVE, BuildState
from builds.domain.targets import parse_targets
from builds.models import Build, Permit
from builds.services.permits import covering, issue_permit, revoke_permits, unrevoked
from indexes.domain.licences import canonical_licence
from indexes.domain.names import parse_version
from indexes.domain.status import Decision, Standing
from indexes.models import File, Project
from indexes.services.refresh import enrol_project
from indexes.services.standing import decide
from portal.accounts.models import User
from portal.consent.agreements import (
    BUILD_AND_EXECUTE,
    REDISTRIBUTE_BINARIES,
    Agreement,
    current,
)
from portal.consent.models import Afterwards, Capacity, Consent, Revocation, Suspension
from portal.errors import (
    AgreementChanged,
    AgreementNotAccepted,
    ConsentEnded,
    InvalidConsent,
    LicenceNeeded,
    NotYourConsent,
)
from portal.ledger.services import record
from portal.ownership.services import has_proof, needed_proof
from portal.requests.services import replan_project

WITHDRAWN_WITH_CONSENT = "Withdrawn by its maintainers, who took back their consent"
"""Begins the reason of every such decision: a new consent can undo these and those below."""
WITHDRAWN_IN_SUSPENSION = "Withdrawn while the consent for it is suspended"
"""Begins the reason of every such decision, as above: so can the end of the suspension."""


@dataclass(frozen=True, slots=True)
class RevocationPreview:
    """What taking a consent back would do now."""

    wheels_listed: int
    """Wheels that leave the listing if they are withdrawn."""
    builds_queued: int
    builds_running: int


@transaction.atomic
def give_consent(
    *,
    user: User,
    project: Project,
    capacity: str,
    accepted: Sequence[Mapping[str, Any]],
    specifiers: str,
    covers_new_releases: bool,
    targets: Sequence[str],
    channels: Sequence[str],
    expires_at: datetime | None,
    licence_expression: str,
    licence_seen_in: str,
    at: datetime,
) -> Consent:
    """Record a yes, issue its permits, follow the project upstream, and plan what was asked of it.

    `accepted` is [{"name", "sha256", "clauses": [ids]}]. An equal consent of the same person
    that still holds is returned instead of a second one. Wheels that an earlier revocation
    withdrew are listed again where this consent lets them be.
    """
    project = Project.objects.select_for_update().get(pk=project.pk)
    chosen = _channels(project, channels)
    draft = Consent(
        user=user,
        project=project,
        capacity=_capacity(project, capacity),
        proof=needed_proof(user=user, project=project, at=at, says=chosen),
        specifiers=str(parse_specifiers(specifiers)),
        covers_new_releases=covers_new_releases,
        targets=[target.name for target in parse_targets(targets)],
        channels=chosen,
        expires_at=expires_at,
        given_at=at,
    )
    if expires_at is not None and expires_at <= at:
        raise InvalidConsent(project.name, "expires_at", "it would end before it begins.")
    draft.agreements = _agreements(project, draft.channels, accepted)
    draft.licence_expression = _licence(project, draft.channels, licence_expression)
    draft.licence_seen_in = licence_seen_in.strip()[:255]
    if equal := _equal_consent(draft, at=at):
        return equal
    draft.save()
    permits = _issue_permits(draft, at=at)
    relist(project, permits, at=at)
    _record_consent(draft)
    enrol_project(project=project, at=at)
    replan_project(project=project, at=at)
    return draft


@transaction.atomic
def revoke_consent(
    *, consent: Consent, user: User, afterwards: str, reason: str, at: datetime
) -> Revocation:
    """Take a consent back, at once: permits, builds, listings and requests in one transaction.

    Raises `NotYourConsent` unless `user` gave it or is another proven owner, `ConsentEnded` when
    it was taken back before.
    """
    project = Project.objects.select_for_update().get(pk=consent.project_id)
    if user != consent.user and has_proof(user=user, project=project, at=at) is None:
        raise NotYourConsent(project.name)
    if afterwards not in Afterwards.values:
        raise InvalidConsent(
            project.name, "afterwards", f"say what becomes of the wheels: {Afterwards.values}."
        )
    earlier = Revocation.objects.filter(consent=consent).first()
    if earlier:
        raise ConsentEnded(project.name, earlier.revoked_at)
    revocation = Revocation(
        consent=consent, user=user, afterwards=afterwards, reason=reason.strip(), revoked_at=at
    )
    revocation.save()
    why = f"The consent for {project} was taken back on {at:%Y-%m-%d %H:%M} UTC."
    # Before the permits go: they say what this consent was about.
    doomed = files_of_consent_alone(consent, at=at) if afterwards == Afterwards.WITHDRAW else []
    revoked = revoke_permits(origin=str(consent.pk), reason=why, at=at)
    withdraw(doomed, why=f"{WITHDRAWN_WITH_CONSENT} on {at:%Y-%m-%d}.", at=at)
    record(
        actor=user.username,
        verb="consent-revoked",
        project=project.name,
        facts={
            "consent": str(consent.pk),
            "afterwards": afterwards,
            "reason": revocation.reason,
            "permits": revoked.permits,
            "builds_cancelled": revoked.cancelled,
            "files_withdrawn": len(doomed),
        },
        at=at,
    )
    replan_project(project=project, at=at, why=why)
    return revocation


def preview_revocation(consent: Consent, *, at: datetime | None = None) -> RevocationPreview:
    """The numbers to show before a person decides, now unless told; changes nothing."""
    at = at or timezone.now()
    others = [permit for permit in unrevoked(consent.project) if permit.origin != str(consent.pk)]
    live = Build.objects.filter(
        project=consent.project, state__in=[state.value for state in LIVE]
    ).only("version", "target", "state")
    ended = [
        build
        for build in live
        if not covering(
            others, version=build.version, target=build.target, channel=Channel.BUILD, at=at
        )
    ]
    queued = sum(build.state == BuildState.QUEUED for build in ended)
    return RevocationPreview(
        wheels_listed=sum(
            file.standing in {Standing.LISTED, Standing.YANKED}
            for file in files_of_consent_alone(consent, at=at)
        ),
        builds_queued=queued,
        builds_running=len(ended) - queued,
    )


def live_consents(project: Project, *, at: datetime | None = None) -> QuerySet[Consent]:
    """Those that hold, newest first; `at` is now unless told. Those for development only there."""
    return unended_consents(project, at=at).exclude(pk__in=_suspended())


def unended_consents(project: Project, *, at: datetime | None = None) -> QuerySet[Consent]:
    """Those that hold, and those that would if they were not suspended; newest first."""
    moment: Any = at or Now()
    consents = Consent.objects.filter(project=project, revocation=None).filter(
        Q(expires_at=None) | Q(expires_at__gt=moment)
    )
    if not settings.AFFINEUR_DEVELOPMENT:
        consents = consents.filter(proof__is_for_development=False)
    return consents.select_related("user", "proof", "project")


def open_suspension(consent: Consent) -> Suspension | None:
    """Why a consent does not hold now, if it is for its proof."""
    return Suspension.objects.filter(consent=consent, lifted_at=None).first()


def _suspended() -> QuerySet[Suspension, UUID]:
    return Suspension.objects.filter(lifted_at=None).values_list("consent_id", flat=True)


@transaction.atomic
def end_development_permits(*, at: datetime) -> int:
    """Outside development, end the permits of consents whose proof was for development only."""
    if settings.AFFINEUR_DEVELOPMENT:
        return 0
    consents = Consent.objects.filter(proof__is_for_development=True)
    origins = [str(pk) for pk in consents.values_list("pk", flat=True)]
    live = Permit.objects.filter(origin__in=origins, revoked_at=None)
    ended = 0
    for origin in sorted(set(live.values_list("origin", flat=True))):
        reason = "It rests on a proof made for development, which counts for nothing here."
        ended += revoke_permits(origin=origin, reason=reason, at=at).permits
    return ended


def _capacity(project: Project, capacity: str) -> str:
    if capacity not in Capacity.values:
        problem = f"say in which capacity you give it: one of {', '.join(Capacity.values)}."
        raise InvalidConsent(project.name, "capacity", problem)
    return capacity


def _channels(project: Project, channels: Sequence[str]) -> list[str]:
    known = [channel.value for channel in Channel]
    if Channel.BUILD not in channels or not set(channels) <= set(known):
        problem = "it allows `build`, and `publish` with it or not; nothing else."
        raise InvalidConsent(project.name, "channels", problem)
    return [channel for channel in known if channel in channels]


def _agreements(
    project: Project, channels: Sequence[str], accepted: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What was accepted, once each needed text is there whole and as it stands today."""
    given = {str(one.get("name", "")): one for one in accepted}
    needed = [BUILD_AND_EXECUTE]
    if Channel.PUBLISH in channels:
        needed.append(REDISTRIBUTE_BINARIES)
    names = [*needed, *(name for name in given if name not in needed)]
    return [_accepted(project, current(name), given.get(name)) for name in names]


def _accepted(
    project: Project, agreement: Agreement, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    if given is None:
        raise AgreementNotAccepted(project.name, agreement.name, agreement.clause_ids)
    sha256 = str(given.get("sha256", ""))
    if sha256 != agreement.sha256:
        raise AgreementChanged(project.name, agreement.name, sha256, agreement.sha256)
    clauses = given.get("clauses", [])
    missing = [clause for clause in agreement.clause_ids if clause not in clauses]
    if missing:
        raise AgreementNotAccepted(project.name, agreement.name, missing)
    return {
        "name": agreement.name,
        "version": agreement.version,
        "sha256": agreement.sha256,
        "clauses": agreement.clause_ids,
    }


def _licence(project: Project, channels: Sequence[str], given: str) -> str:
    given = given.strip()
    if not given and Channel.PUBLISH not in channels:
        return ""
    expression = canonical_licence(given) if given else None
    if expression is None or len(expression) > 255:  # noqa: PLR2004  # the column's
        raise LicenceNeeded(project.name, given)
    return expression


def _equal_consent(draft: Consent, *, at: datetime) -> Consent | None:
    fields = (
        "capacity",
        "agreements",
        "specifiers",
        "covers_new_releases",
        "targets",
        "channels",
        "expires_at",
        "licence_expression",
    )
    if not draft.covers_new_releases:
        # The releases that there are now may be others than there were.
        return None
    for consent in live_consents(draft.project, at=at).filter(user=draft.user):
        if all(getattr(consent, name) == getattr(draft, name) for name in fields):
            return consent
    return None


def _issue_permits(consent: Consent, *, at: datetime) -> list[Permit]:
    scopes = [consent.specifiers] if consent.covers_new_releases else _releases_now(consent)
    return [
        issue_permit(
            project=consent.project,
            specifiers=scope,
            targets=consent.targets,
            channels=consent.channels,
            origin=str(consent.pk),
            expires_at=consent.expires_at,
            at=at,
        )
        for scope in scopes
    ]


def _releases_now(consent: Consent) -> list[str]:
    """A specifier for each release that there is, within those of the consent."""
    allowed = parse_specifiers(consent.specifiers)
    names = consent.project.upstream_files.exclude(version="").values_list("version", flat=True)
    versions = sorted({parse_version(name) for name in names.order_by().distinct()})
    chosen = [f"=={version}" for version in allowed.filter(versions, prereleases=True)]
    if not chosen:
        problem = "there is no release within it, and it covers no new ones."
        raise InvalidConsent(consent.project.name, "specifiers", problem)
    return chosen


def withdraw(files: Sequence[File], *, why: str, at: datetime) -> None:
    """Take them off the pages; of what was yanked as bad no later consent is to list it again."""
    for is_bad, reason in ((False, why), (True, f"It was yanked as bad. {why}")):
        chosen = [file.pk for file in files if (file.decision == Decision.YANKED) is is_bad]
        if chosen:
            decide(
                files=File.objects.filter(pk__in=chosen),
                decision=Decision.WITHDRAWN,
                reason=reason,
                at=at,
            )


def relist(project: Project, permits: Sequence[Permit], *, at: datetime) -> None:
    """Take back what an earlier revocation decided, where these permits let it be published."""
    withdrawn = File.objects.filter(
        Q(decision_reason__startswith=WITHDRAWN_WITH_CONSENT)
        | Q(decision_reason__startswith=WITHDRAWN_IN_SUSPENSION),
        project=project,
        decision=Decision.WITHDRAWN.value,
    )
    again = [made.file.pk for made in _made(withdrawn) if made.is_covered(permits, at=at)]
    if again:
        decide(files=File.objects.filter(pk__in=again), decision=None, reason="", at=at)


@dataclass(frozen=True, slots=True)
class _Made:
    """A file of ours, and the target it was built for."""

    file: File
    target: str

    def is_covered(self, permits: Sequence[Permit], *, at: datetime) -> bool:
        """Whether one of these lets us publish it."""
        permit = covering(
            permits,
            version=self.file.version,
            target=self.target,
            channel=Channel.PUBLISH,
            at=at,
        )
        return permit is not None


def _made(files: QuerySet[File]) -> list[_Made]:
    rows = list(files.only("version", "build_id", "standing", "decision"))
    targets = dict(
        Build.objects.filter(pk__in=[file.build_id for file in rows]).values_list("pk", "target")
    )
    return [_Made(file, targets.get(file.build_id, "")) for file in rows]


def files_of_consent_alone(consent: Consent, *, at: datetime) -> list[File]:
    """Files on the pages that this consent lets us publish, and no other permit does."""
    permits = unrevoked(consent.project)
    own = [permit for permit in permits if permit.origin == str(consent.pk)]
    if not own and (suspension := open_suspension(consent)):
        own = permits_of_suspension(suspension)
    others = [permit for permit in permits if permit.origin != str(consent.pk)]
    offered = File.objects.filter(project=consent.project, decision__in=["", Decision.YANKED.value])
    return [
        made.file
        for made in _made(offered)
        # What it covered when it was given: one that has expired can be taken back too.
        if made.is_covered(own, at=consent.given_at) and not made.is_covered(others, at=at)
    ]


def permits_of_suspension(suspension: Suspension) -> list[Permit]:
    """What the consent had issued and the suspension took, as it was before that."""
    taken = Permit.objects.filter(
        origin=str(suspension.consent_id), revoked_at=suspension.suspended_at
    ).select_related("project")
    permits = list(taken.order_by("issued_at", "pk"))
    for permit in permits:
        permit.revoked_at = None
    return permits


def _record_consent(consent: Consent) -> None:
    record(
        actor=consent.user.username,
        verb="consent-given",
        project=consent.project.name,
        facts={
            "consent": str(consent.pk),
            "capacity": consent.capacity,
            "proof": str(consent.proof.pk),
            "is_for_development": consent.proof.is_for_development,
            "agreements": consent.agreements,
            "specifiers": consent.specifiers,
            "covers_new_releases": consent.covers_new_releases,
            "targets": consent.targets,
            "channels": consent.channels,
            "licence_expression": consent.licence_expression,
            "expires_at": consent.expires_at.isoformat() if consent.expires_at else None,
        },
        at=consent.given_at,
    )
