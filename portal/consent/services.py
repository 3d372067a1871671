"""The writer of consents: how they are given, change, and end. Their holds are in `suspension`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NotRequired, TypedDict, Unpack
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet

from builds.domain.permits import Channel
from builds.domain.planning import parse_specifiers
from builds.domain.targets import parse_targets
from builds.models import Permit
from builds.services.permits import revoke_permits
from indexes.domain.licences import canonical_licence
from indexes.models import Project
from indexes.services.refresh import enrol_project
from portal.accounts.models import User
from portal.consent.agreements import Agreement, current, needed_for
from portal.consent.as_code import bound_to_file
from portal.consent.facts import counting_consents, facts_of, unended_consents
from portal.consent.licensing import Judged, judge
from portal.consent.listing import settle_listing, wheels_that_leave
from portal.consent.models import (
    Afterwards,
    AskedBy,
    Capacity,
    Consent,
    Refusal,
    Revocation,
    Suspension,
    Unlisting,
)
from portal.consent.owners import owners_wanted, parties_of
from portal.consent.permits import issue_permits
from portal.consent.signals import consent_giving
from portal.consent.states import (
    MAY,
    Act,
    End,
    Ground,
    Hold,
    NotPossible,
    Party,
    State,
    ended,
    held,
)
from portal.consent.telling import tell
from portal.errors import (
    AgreementChanged,
    AgreementNotAccepted,
    ConsentEnded,
    ConsentStands,
    InvalidConsent,
    LicenceNeeded,
    LicenceRefused,
    NothingKept,
    NotYourConsent,
    RefusalStands,
)
from portal.ledger.services import record
from portal.ownership.services import needed_proof
from portal.requests.services import replan_project


class Scope(TypedDict):
    """What a consent covers, as `give_consent` takes it."""

    specifiers: str
    covers_new_releases: bool
    targets: Sequence[str]
    channels: Sequence[str]
    asked_by: str
    expires_at: datetime | None
    why_wider: NotRequired[str]


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
    asked_by: str = AskedBy.ANYONE.value,
    why_wider: str = "",
) -> Consent:
    """Record a yes, issue its permits, follow the project upstream, and plan what was asked of it.

    `accepted` is [{"name", "sha256", "clauses": [ids]}], every clause of each text that is no
    promise of ours. An equal consent of the same person
    that still holds is returned instead of a second one. Wheels that were withheld are listed
    again where this consent lets them be. Where more owners have to say yes
    it waits for them, and nothing is built meanwhile. A no of one's own ends with it. A scope that
    is wider than the table in the newest sdist allows takes `why_wider`. Nothing is taken while
    moderators suspend what the same person gave there (`ConsentsSuspended`), or an objection to
    any consent for the project stands (`ConsentObjectedTo`).
    """
    project = Project.objects.select_for_update().get(pk=project.pk)
    chosen = _channels(project, channels)
    proof = needed_proof(user=user, project=project, at=at, says=chosen)
    judged = _licence(project, chosen, licence_expression)
    draft = Consent(
        user=user,
        project=project,
        capacity=_choice(project, "capacity", capacity, Capacity.values),
        proof=proof,
        agreements=_agreements(project, chosen, accepted),
        channels=chosen,
        licence_expression=judged.expression,
        licence_chosen=judged.chosen,
        licence_class=judged.licence_class.value if judged.expression else "",
        licence_seen_in=licence_seen_in.strip()[:255],
        given_at=at,
    )
    _set_scope(
        draft,
        specifiers=specifiers,
        covers_new_releases=covers_new_releases,
        targets=targets,
        asked_by=asked_by,
        expires_at=expires_at,
        why_wider=why_wider,
        at=at,
    )
    _end_own_refusal(user, project, at=at)
    if equal := _equal_consent(draft, at=at):
        return equal
    _put_in_force(draft, at=at)
    enrol_project(project=project, at=at)
    replan_project(project=project, at=at)
    return draft


def verify_takes_consent(*, user: User, project: Project, at: datetime) -> None:
    """Raises what stands against any consent of theirs there, whatever its terms.

    That is who hears `consent_giving`.
    """
    consent_giving.send(Consent, consent=Consent(user=user, project=project, given_at=at))


@transaction.atomic
def change_scope(*, consent: Consent, user: User, at: datetime, **scope: Unpack[Scope]) -> Consent:
    """Give the same consent another scope: a new one that replaces it, on the same agreements.

    Builds that it does not cover are cancelled, and wheels leave the listings. Raises
    `NotYourConsent`, `ConsentStands`, `InvalidConsent`, `ProofNeeded`, and what `give_consent` does
    where nothing is taken.
    """
    project = Project.objects.select_for_update().get(pk=consent.project_id)
    draft = _with_scope(consent, user, scope, at=at)
    _put_in_force(draft, at=at)
    # After the new ones are there: a build that they cover goes on.
    why = f"The consent for {project} has another scope since {at:%Y-%m-%d %H:%M} UTC."
    revoke_permits(origin=str(consent.pk), reason=why, at=at)
    replan_project(project=project, at=at, why=why)
    return draft


def preview_scope(*, consent: Consent, user: User, at: datetime, **scope: Unpack[Scope]) -> int:
    """How many wheels `change_scope` would take off the listings; changes nothing.

    Raises what that does, except where nothing is taken.
    """
    draft = _with_scope(consent, user, scope, at=at)
    is_held = owners_wanted(consent.project, at=at) > 1
    return wheels_that_leave(consent, instead=draft, is_held=is_held, at=at)


@transaction.atomic
def revoke_consent(
    *, consent: Consent, user: User, afterwards: str, reason: str, at: datetime
) -> Revocation:
    """Take a consent back, at once: permits, builds, listings and requests in one transaction.

    Raises `NotYourConsent` unless `user` gave it, is another proven owner or was named by one,
    `ConsentEnded` when it was taken back before.
    """
    project = Project.objects.select_for_update().get(pk=consent.project_id)
    verify_may(Act.REVOKE, user=user, consent=consent, at=at)
    if afterwards not in Afterwards.values:
        raise InvalidConsent(
            project.name, "afterwards", f"say what becomes of the wheels: {Afterwards.values}."
        )
    verify_possible(consent, at=at, end=End.REVOKED)
    why = f"The consent for {project} was taken back on {at:%Y-%m-%d %H:%M} UTC."
    wheels = wheels_that_leave(consent, at=at)
    withdrawn = wheels if afterwards == Afterwards.WITHDRAW else 0
    revoked = revoke_permits(origin=str(consent.pk), reason=why, at=at)
    revocation = Revocation(
        consent=consent,
        user=user,
        afterwards=afterwards,
        reason=reason.strip(),
        builds_cancelled=revoked.cancelled,
        files_withdrawn=withdrawn,
        revoked_at=at,
    )
    revocation.save()
    settle_listing(project, at=at)
    tell(
        "consent-revoked",
        project=project,
        actor=user,
        people=[consent.user],
        text=f"{why} What it alone covered is built no longer.",
        facts={
            "consent": str(consent.pk),
            "afterwards": afterwards,
            "reason": revocation.reason,
            "permits": revoked.permits,
            "builds_cancelled": revoked.cancelled,
            "files_withdrawn": withdrawn,
            "files_kept": wheels - withdrawn,
        },
        at=at,
    )
    replan_project(project=project, at=at, why=why)
    return revocation


@transaction.atomic
def unlist_wheels(*, consent: Consent, user: User, reason: str, at: datetime) -> Unlisting:
    """Take off the index what stayed listed when the consent was taken back.

    Raises `NotYourConsent` unless `user` gave it, is another proven owner or was named by one to
    take consents back; `NothingKept` where no such word stands.
    """
    project = Project.objects.select_for_update().get(pk=consent.project_id)
    verify_may(Act.UNLIST, user=user, consent=consent, at=at)
    revocation = Revocation.objects.filter(consent=consent).first()
    if revocation is None or not facts_of(consent).keeps_wheels:
        raise NothingKept(project.name)
    unlisting = Unlisting(
        revocation=revocation,
        user=user,
        reason=reason.strip(),
        files_withdrawn=wheels_that_leave(consent, at=at),
        unlisted_at=at,
    )
    unlisting.save()
    settle_listing(project, at=at)
    tell(
        "wheels-unlisted",
        project=project,
        actor=user,
        people=[consent.user, revocation.user],
        text=f"{user} took the wheels of {project} off the index that stayed listed by it"
        f" ({unlisting.files_withdrawn}). Lock files that name them still resolve.",
        facts={
            "consent": str(consent.pk),
            "reason": unlisting.reason,
            "files_withdrawn": unlisting.files_withdrawn,
        },
        at=at,
    )
    return unlisting


def live_consents(project: Project, *, at: datetime | None = None) -> QuerySet[Consent]:
    """Those that hold, newest first; `at` is now unless told. Those for development only there."""
    return unended_consents(project, at=at).exclude(pk__in=_suspended())


def held_back_consents(project: Project, *, at: datetime) -> list[Consent]:
    """Those that something holds back, with that as their `open_holds`, oldest first.

    Of those that are over, what is objected to: that outlasts them.
    """
    unended = unended_consents(project, at=at).values("pk")
    standing = Suspension.objects.filter(lifted_at=None, consent__project=project).filter(
        Q(consent__in=unended) | Q(ground=Ground.OBJECTION.value)
    )
    held = counting_consents().filter(pk__in=standing.values("consent")).select_related("user")
    holds = Prefetch("suspensions", standing.order_by("suspended_at", "pk"), to_attr="open_holds")
    return list(held.prefetch_related(holds))


def verify_may(act: Act, *, user: User, consent: Consent, at: datetime) -> frozenset[Party]:
    """Who the user is to the consent, when that is enough; raises `NotYourConsent`."""
    parties = parties_of(user, consent, at=at)
    if not parties & MAY[act]:
        raise NotYourConsent(consent.project.name, act.value)
    return parties


def verify_possible(
    consent: Consent, *, at: datetime, end: End | None = None, hold: Hold | None = None
) -> None:
    """Raises `ConsentEnded` or `ConsentStands` when its state does not let it end, or be held."""
    facts = facts_of(consent)
    try:
        if end:
            ended(facts, end, at=at)
        if hold:
            held(facts, hold, at=at)
    except NotPossible as problem:
        raise _not_possible(consent, problem.state) from problem


def _not_possible(consent: Consent, state: State) -> ConsentEnded | ConsentStands:
    earlier = Revocation.objects.filter(consent=consent).first()
    if earlier:
        return ConsentEnded(consent.project.name, earlier.revoked_at)
    return ConsentStands(consent.project.name, state.label)


@transaction.atomic
def end_development_permits(*, at: datetime) -> int:
    """Outside development, end what consents allow whose proof was for development only.

    Says how many permits ended.
    """
    if settings.AFFINEUR_DEVELOPMENT:
        return 0
    consents = Consent.objects.filter(proof__is_for_development=True)
    locked = Project.objects.select_for_update().filter(pk__in=consents.values("project"))
    projects = list(locked.order_by("pk"))
    origins = [str(pk) for pk in consents.values_list("pk", flat=True)]
    live = Permit.objects.filter(origin__in=origins, revoked_at=None)
    reason = "It rests on a proof made for development, which counts for nothing here."
    ended_permits = sum(
        revoke_permits(origin=origin, reason=reason, at=at).permits
        for origin in sorted(set(live.values_list("origin", flat=True)))
    )
    for project in projects:
        settle_listing(project, at=at)
    return ended_permits


def _suspended() -> QuerySet[Suspension, UUID]:
    return Suspension.objects.filter(lifted_at=None).values_list("consent_id", flat=True)


def _put_in_force(consent: Consent, *, at: datetime) -> None:
    """Keep it, and issue its permits; hold them back where more owners have to say yes."""
    consent_giving.send(Consent, consent=consent)
    consent.save()
    issue_permits(consent, at=at)
    needed = owners_wanted(consent.project, at=at)
    if needed > 1:
        _let_wait(consent, needed, at=at)
    _tell_of_consent(consent, needed, withheld=settle_listing(consent.project, at=at))


def _let_wait(consent: Consent, needed: int, *, at: datetime) -> None:
    """Until so many owners have said yes."""
    reason = f"It takes the yes of {needed} of the project's owners."
    suspension = Suspension.objects.create(
        consent=consent, ground=Ground.APPROVAL.value, reason=reason, suspended_at=at
    )
    revoke_permits(origin=str(consent.pk), reason=reason, at=at)
    facts = {
        "consent": str(consent.pk),
        "suspension": suspension.pk,
        "ground": suspension.ground,
        "reason": reason,
    }
    project = consent.project.name
    record(actor="portal", verb="consent-waiting", project=project, facts=facts, at=at)


def _with_scope(consent: Consent, user: User, scope: Scope, *, at: datetime) -> Consent:
    """The unsaved one that would replace it; raises what stands against that."""
    project = consent.project
    verify_may(Act.RESCOPE, user=user, consent=consent, at=at)
    verify_possible(consent, at=at, end=End.REPLACED)
    chosen = _channels(project, scope["channels"])
    if not set(chosen) <= set(consent.channels):
        problem = "publishing takes agreements of its own: give a consent for it instead."
        raise InvalidConsent(project.name, "channels", problem)
    draft = Consent(
        user=user,
        project=project,
        capacity=consent.capacity,
        proof=needed_proof(user=user, project=project, at=at, says=chosen),
        agreements=consent.agreements,
        channels=chosen,
        licence_expression=consent.licence_expression,
        licence_chosen=consent.licence_chosen,
        licence_class=consent.licence_class,
        licence_seen_in=consent.licence_seen_in,
        replaces=consent,
        given_at=at,
    )
    _set_scope(
        draft,
        specifiers=scope["specifiers"],
        covers_new_releases=scope["covers_new_releases"],
        targets=scope["targets"],
        asked_by=scope["asked_by"],
        expires_at=scope["expires_at"],
        why_wider=scope.get("why_wider", ""),
        at=at,
    )
    return draft


def _set_scope(
    draft: Consent,
    *,
    specifiers: str,
    covers_new_releases: bool,
    targets: Sequence[str],
    asked_by: str,
    expires_at: datetime | None,
    why_wider: str,
    at: datetime,
) -> None:
    project = draft.project
    draft.specifiers = str(parse_specifiers(specifiers))
    draft.covers_new_releases = covers_new_releases
    draft.targets = [target.name for target in parse_targets(targets)]
    draft.asked_by = _choice(project, "asked_by", asked_by, AskedBy.values)
    draft.expires_at = expires_at
    draft.from_file = bound_to_file(draft, why_wider=why_wider, at=at)
    if expires_at is not None and expires_at <= at:
        raise InvalidConsent(project.name, "expires_at", "it would end before it begins.")


def _choice(project: Project, field: str, given: str, known: Sequence[str]) -> str:
    if given not in known:
        what = "in which capacity you give it" if field == "capacity" else "who may ask for wheels"
        raise InvalidConsent(project.name, field, f"say {what}: one of {', '.join(known)}.")
    return given


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
    needed = [text.name for text in needed_for(channels)]
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
    asked = [] if agreement.is_promise else agreement.clause_ids
    clauses = given.get("clauses", [])
    missing = [clause for clause in asked if clause not in clauses]
    if missing:
        raise AgreementNotAccepted(project.name, agreement.name, missing)
    return {
        "name": agreement.name,
        "version": agreement.version,
        "sha256": agreement.sha256,
        "clauses": asked,
    }


def _licence(project: Project, channels: Sequence[str], given: str) -> Judged:
    """What the licence comes to; raises `LicenceNeeded` or `LicenceRefused` where it must not."""
    given = given.strip()
    if not given and Channel.PUBLISH not in channels:
        return judge("")
    expression = canonical_licence(given) if given else None
    if expression is None or len(expression) > 255:  # noqa: PLR2004  # the column's
        raise LicenceNeeded(project.name, given)
    judged = judge(expression)
    if judged.licence_class.refusal and Channel.PUBLISH in channels:
        raise LicenceRefused(project.name, expression, judged.licence_class.refusal)
    return judged


def _end_own_refusal(user: User, project: Project, *, at: datetime) -> None:
    """A yes ends one's own no; raises `RefusalStands` while a co-owner's no stands."""
    standing = Refusal.objects.filter(project=project, ended_at=None).select_related("user")
    others = [refusal for refusal in standing if refusal.user_id != user.pk]
    if others:
        raise RefusalStands(project.name, others[0].user.username, others[0].said_at)
    for refusal in standing:
        Refusal.objects.filter(pk=refusal.pk).update(ended_at=at)
        facts = {"refusal": refusal.pk}
        record(actor=user.username, verb="refusal-ended", project=project.name, facts=facts, at=at)


def _equal_consent(draft: Consent, *, at: datetime) -> Consent | None:
    fields = (
        "capacity",
        "agreements",
        "specifiers",
        "covers_new_releases",
        "targets",
        "channels",
        "asked_by",
        "expires_at",
        "licence_expression",
    )
    if not draft.covers_new_releases:
        # The releases that there are now may be others than there were.
        return None
    for consent in unended_consents(draft.project, at=at).filter(user=draft.user):
        if all(getattr(consent, name) == getattr(draft, name) for name in fields):
            return consent
    return None


def _tell_of_consent(consent: Consent, needed: int, *, withheld: int) -> None:
    project = consent.project
    tell(
        "consent-given",
        project=project,
        actor=consent.user,
        text=f"{consent.user} consented to building {project} here.",
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
            "asked_by": consent.asked_by,
            "from_file": consent.from_file,
            "licence_expression": consent.licence_expression,
            "licence_chosen": consent.licence_chosen,
            "licence_class": consent.licence_class,
            "replaces": str(consent.replaces.pk) if consent.replaces else None,
            "owners_needed": needed,
            "files_withheld": withheld,
            "expires_at": consent.expires_at.isoformat() if consent.expires_at else None,
        },
        at=consent.given_at,
    )
