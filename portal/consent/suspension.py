"""What holds a consent back, at once and for a time: a lapsed proof, a pause, an objection, a case.

Nothing is deleted. What a hold took is given back when the last of them is lifted. Under a pause
published wheels stay listed: a paused consent is still a consent. Under the other holds they leave
the listings at once, stay downloadable, and come back with the consent.

An objection stands until who made it takes it back, or moderators overrule it, even after its
consent is over. While one stands no new consent for the project holds, whoever gives it: none is
taken, and none that waits for its owners is put in force.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from builds.services.permits import revoke_permits
from indexes.models import Project
from portal.accounts.models import User
from portal.consent.facts import (
    consent_state,
    counting_consents,
    facts_of,
    hold_of,
    open_suspensions,
    unended_consents,
)
from portal.consent.listing import settle_listing
from portal.consent.models import Approval, Consent, Suspension
from portal.consent.owners import owners_wanted, say_yes
from portal.consent.permits import reissue_permits
from portal.consent.services import verify_may, verify_possible
from portal.consent.states import OVER, Act, Ground, Hold, NotPossible, Party, State, released
from portal.consent.telling import tell
from portal.errors import (
    ConsentObjectedTo,
    ConsentStands,
    NotYourConsent,
    ObjectionOverruled,
    ProofNeeded,
)
from portal.ownership.announcements import Topic, announce
from portal.ownership.services import has_proof, needed_proof
from portal.requests.services import replan_project


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of an act: how the consent stands now, and how much it took or gave back."""

    state: State
    builds_cancelled: int = 0
    permits: int = 0


@transaction.atomic
def pause(*, consent: Consent, user: User, reason: str, at: datetime) -> Suspension:
    """Stop building for now; wheels stay listed. Raises `NotYourConsent`, `ConsentStands`."""
    _lock(consent.project)
    verify_may(Act.PAUSE, user=user, consent=consent, at=at)
    return hold(
        consent,
        Ground.PAUSE,
        by=user,
        reason=reason.strip(),
        kind="consent-paused",
        text=f"{user} paused the consent for {consent.project}: nothing new is built. Its wheels"
        " stay listed. An owner can end the pause on its page.",
        at=at,
    )


@transaction.atomic
def pause_for_metadata(*, project: Project, at: datetime) -> int:
    """Stop all building of a project because its own address asked for it; how many consents."""
    project = _lock(project)
    paused = 0
    for consent in unended_consents(project, at=at).order_by("given_at", "pk"):
        if not any(one.ground == Ground.PAUSE for one in open_suspensions(consent)):
            hold(
                consent,
                Ground.PAUSE,
                by=None,
                reason="Asked for through the e-mail address in the project's metadata.",
                kind="consent-paused",
                text=f"Somebody who reads the e-mail of {project}'s metadata paused the consent for"
                " it: nothing new is built. Its wheels stay listed. A proven owner can end the"
                " pause on its page.",
                at=at,
            )
            paused += 1
    return paused


@transaction.atomic
def resume(*, consent: Consent, user: User, at: datetime) -> Settled:
    """End a pause. One that the metadata's address asked for ends by a proven owner only.

    Raises `NotYourConsent`, `ConsentStands`.
    """
    _lock(consent.project)
    parties = verify_may(Act.RESUME, user=user, consent=consent, at=at)
    suspension = _open(consent, Ground.PAUSE, at=at)
    is_owner = Party.OWNER in parties or has_proof(user=user, project=consent.project, at=at)
    if suspension.by is None and not is_owner:
        raise NotYourConsent(consent.project.name, Act.RESUME.value)
    return release(
        suspension,
        actor=user,
        kind="consent-resumed",
        text=f"{user} ended the pause of the consent for {consent.project}.",
        at=at,
    )


@transaction.atomic
def object_to(*, consent: Consent, user: User, reason: str, at: datetime) -> Suspension:
    """A co-owner's no to a consent: it is suspended at once, until they take that back.

    Raises `NotYourConsent`, `ConsentStands`, and `ObjectionOverruled` for another one of who was
    overruled by moderators.
    """
    _lock(consent.project)
    verify_may(Act.OBJECT, user=user, consent=consent, at=at)
    if overruled_at := when_overruled(consent, user):
        raise ObjectionOverruled(consent.project.name, overruled_at)
    return hold(
        consent,
        Ground.OBJECTION,
        by=user,
        reason=reason.strip(),
        kind="consent-objected",
        text=f"{user}, who owns {consent.project} too, objects to the consent for it: nothing new"
        f" is built under it, and no new consent is taken. It is the turn of the owners to agree;"
        f" {user} can take the objection back. It stands also when the consent is taken back.",
        at=at,
    )


@transaction.atomic
def relent(*, consent: Consent, user: User, at: datetime) -> Settled:
    """Take one's own objection back, also when the consent is over.

    Raises `ConsentStands` when there is none.
    """
    _lock(consent.project)
    return _end_objection(
        _open(consent, Ground.OBJECTION, by=user, at=at),
        actor=user,
        kind="objection-ended",
        text=f"{user} took the objection to the consent for {consent.project} back.",
        at=at,
    )


def standing_objections(project: Project) -> QuerySet[Suspension]:
    """Of co-owners, to consents for the project, over or not; oldest first."""
    return _objections(project).filter(lifted_at=None)


def disputed_objections(project: Project) -> QuerySet[Suspension]:
    """Of those, and of what moderators overruled; oldest first."""
    return _objections(project).filter(Q(lifted_at=None) | Q(overruled_at__isnull=False))


def when_overruled(consent: Consent, user: User) -> datetime | None:
    """When moderators overruled their objection to this consent, if that stands."""
    overruled = Suspension.objects.filter(consent=consent, by=user, overruled_at__isnull=False)
    return overruled.values_list("overruled_at", flat=True).first()


@transaction.atomic
def overrule(*, objection: Suspension, at: datetime) -> Settled | None:
    """End an objection because moderators say so; nothing where it ended.

    Who made it cannot object to the same consent again until `restore_objection`.
    """
    project = _lock(objection.consent.project)
    standing = standing_objections(project).filter(pk=objection.pk).first()
    if standing is None:
        return None
    settled = _end_objection(
        standing,
        actor=None,
        kind="objection-overruled",
        text=f"Moderators overruled an objection to the consent for {project}.",
        at=at,
    )
    Suspension.objects.filter(pk=standing.pk).update(overruled_at=at)
    return settled


@transaction.atomic
def restore_objection(*, objection: Suspension, at: datetime) -> Suspension | None:
    """Have an overruled objection stand again.

    It is to the consent with another scope where that took the first one's place meanwhile.
    Nothing where the same person objects to it.
    """
    project = _lock(objection.consent.project)
    consent, by = _as_replaced(objection.consent), objection.by
    if by is None or any(one.by == by for one in _found(consent, Ground.OBJECTION)):
        return None
    Suspension.objects.filter(pk=objection.pk).update(overruled_at=None)
    return hold(
        consent,
        Ground.OBJECTION,
        by=by,
        reason=objection.reason,
        instead_of=objection,
        kind="objection-restored",
        text=f"The objection of {by} to the consent for {project} stands again, because moderators"
        " took back what had overruled it: nothing new is built under it, and no new consent is"
        f" taken. It is the turn of the owners to agree; {by} can take the objection back.",
        at=at,
    )


def refuse_while_objected(consent: Consent) -> None:
    """Raises `ConsentObjectedTo` for a new consent while an objection stands: it would go round."""
    if standing := list(standing_objections(consent.project)):
        raise ConsentObjectedTo(
            consent.project.name,
            str(standing[0].consent_id),
            sorted({one.by.username for one in standing if one.by}),
            standing[0].suspended_at,
            is_yours=consent.user in {one.by for one in standing},
        )


@transaction.atomic
def approve(*, consent: Consent, user: User, at: datetime) -> Settled:
    """A co-owner's yes; with enough of them the consent holds, once no objection stands.

    Raises `NotYourConsent`, `ConsentStands` when it does not wait for that.
    """
    _lock(consent.project)
    verify_may(Act.APPROVE, user=user, consent=consent, at=at)
    suspension = _open(consent, Ground.APPROVAL, at=at)
    _, is_new = Approval.objects.get_or_create(
        consent=consent, user=user, defaults={"approved_at": at}
    )
    if is_new:
        tell(
            "consent-approved",
            project=consent.project,
            actor=user,
            people=[consent.user],
            text=f"{user} approves of the consent for {consent.project}.",
            facts={"consent": str(consent.pk)},
            at=at,
        )
    return _settle_approval(suspension, at=at) or Settled(consent_state(consent, at=at))


@transaction.atomic
def settle_approvals(*, project: Project, at: datetime) -> None:
    """Put in force what has the yes of enough owners, by whatever changed, unless one objects."""
    _lock(project)
    waiting = Suspension.objects.filter(
        consent__in=unended_consents(project, at=at),
        ground=Ground.APPROVAL.value,
        lifted_at=None,
    )
    for suspension in waiting.select_related("consent__project", "consent__user").order_by("pk"):
        _settle_approval(suspension, at=at)


@transaction.atomic
def hold_to_proofs(*, project: Project, at: datetime) -> None:
    """Suspend the consents whose giver's proofs are not enough any more; restore the others."""
    project = _lock(project)
    for consent in unended_consents(project, at=at).order_by("given_at", "pk"):
        problem = _problem(consent, at=at)
        by_ground = {one.ground: one for one in open_suspensions(consent)}
        suspension = by_ground.get(Ground.PROOF.value)
        if problem and suspension is None:
            _suspend(consent, problem, at=at)
        elif suspension and not problem:
            _restore(suspension, at=at)
    settle_approvals(project=project, at=at)


@transaction.atomic
def hold_for_moderators(*, consent: Consent, at: datetime) -> Suspension | None:
    """Suspend a consent because a case says so; nothing where it is over, or is held so already."""
    _lock(consent.project)
    is_over = not unended_consents(consent.project, at=at).filter(pk=consent.pk).exists()
    if is_over or _found(consent, Ground.MODERATION):
        return None
    return hold(
        consent,
        Ground.MODERATION,
        by=None,
        reason="",
        kind="consent-held",
        text=_why(consent, Ground.MODERATION, at),
        at=at,
    )


@transaction.atomic
def release_for_moderators(*, consent: Consent, at: datetime) -> Settled | None:
    """End what moderators hold; nothing where they hold nothing."""
    _lock(consent.project)
    held = _found(consent, Ground.MODERATION)
    if not held:
        return None
    return release(
        held[0],
        actor=None,
        kind="consent-released",
        text=f"Moderators ended the suspension of the consent for {consent.project}.",
        at=at,
    )


def hold(
    consent: Consent,
    ground: Ground,
    *,
    by: User | None,
    reason: str,
    kind: str,
    text: str,
    at: datetime,
    instead_of: Suspension | None = None,
) -> Suspension:
    """Hold a consent back: permits and builds end in the transaction of the caller.

    With `instead_of`, one that was overruled, nobody acts: what somebody did stands again, also
    where the consent is over. Raises `ConsentEnded`, `ConsentStands`. Who may do it is for the
    caller to know.
    """
    if instead_of is None:
        by_whom = by.username if by and ground is Ground.OBJECTION else ""
        verify_possible(consent, at=at, hold=Hold(ground, by_whom))
    suspension = Suspension(
        consent=consent, ground=ground.value, by=by, reason=reason, suspended_at=at
    )
    why = _why(consent, ground, at)
    revoked = revoke_permits(origin=str(consent.pk), reason=why, at=at)
    suspension.builds_cancelled = revoked.cancelled
    suspension.save()
    facts = {
        "consent": str(consent.pk),
        "suspension": suspension.pk,
        "ground": ground.value,
        "reason": reason,
        "permits": revoked.permits,
        "builds_cancelled": revoked.cancelled,
        "files_withheld": settle_listing(consent.project, at=at),
    }
    if instead_of is not None:
        facts |= {"instead_of": instead_of.pk, "by": by.username if by else None}
    tell(
        kind,
        project=consent.project,
        actor=None if instead_of else by,
        people=[consent.user],
        text=f"{text} {what_of_wheels(suspension)}",
        facts=facts,
        at=at,
    )
    replan_project(project=consent.project, at=at, why=why)
    return suspension


def release(
    suspension: Suspension, *, actor: User | None, kind: str, text: str, at: datetime
) -> Settled:
    """Lift one hold; the consent holds again when it was the last.

    Raises `ConsentStands` when the consent is over and the hold does not outlast that. Who may do
    it is for the caller to know.
    """
    consent = suspension.consent
    try:
        released(facts_of(consent), hold_of(suspension), at=at)
    except NotPossible as problem:
        raise ConsentStands(consent.project.name, problem.state.label) from problem
    Suspension.objects.filter(pk=suspension.pk).update(lifted_at=at)
    state = consent_state(consent, at=at)
    permits = reissue_permits(consent, at=at) if state is State.LIVE else []
    settle_listing(consent.project, at=at)
    tell(
        kind,
        project=consent.project,
        actor=actor,
        people=[consent.user],
        text=f"{text} {_since(state)}",
        facts={
            "consent": str(consent.pk),
            "suspension": suspension.pk,
            "ground": suspension.ground,
            "state": state.value,
            "permits": len(permits),
        },
        at=at,
    )
    replan_project(project=consent.project, at=at)
    return Settled(state, permits=len(permits))


def what_of_wheels(suspension: Suspension) -> str:
    """What becomes of those that exist; empty where nothing does."""
    if not Ground(suspension.ground).unlists:
        return ""
    return (
        "Its wheels left the listings at once; lock files that name them still resolve, and nothing"
        " is deleted. They are listed again when it holds again."
    )


def _end_objection(
    objection: Suspension, *, actor: User | None, kind: str, text: str, at: datetime
) -> Settled:
    """One fewer; what waited for its owners meanwhile may hold now."""
    settled = release(objection, actor=actor, kind=kind, text=text, at=at)
    settle_approvals(project=objection.consent.project, at=at)
    return settled


def _objections(project: Project) -> QuerySet[Suspension]:
    objections = Suspension.objects.filter(
        ground=Ground.OBJECTION.value, consent__in=counting_consents().filter(project=project)
    )
    related = objections.select_related("by", "consent__user", "consent__project")
    return related.order_by("suspended_at", "pk")


def _lock(project: Project) -> Project:
    return Project.objects.select_for_update().get(pk=project.pk)


def _open(consent: Consent, ground: Ground, *, by: User | None = None, at: datetime) -> Suspension:
    found = [one for one in _found(consent, ground) if by is None or one.by == by]
    if not found:
        raise ConsentStands(consent.project.name, consent_state(consent, at=at).label)
    return found[0]


def _found(consent: Consent, ground: Ground) -> list[Suspension]:
    return [one for one in open_suspensions(consent) if one.ground == ground]


def _as_replaced(consent: Consent) -> Consent:
    """The consent, or what took its place."""
    while later := Consent.objects.filter(replaces=consent).select_related("project").first():
        consent = later
    return consent


def _why(consent: Consent, ground: Ground, at: datetime) -> str:
    what = {
        Ground.PROOF: "suspended: the proof it rests on does not hold any more",
        Ground.PAUSE: "paused",
        Ground.OBJECTION: "suspended: a co-owner objects to it",
        Ground.MODERATION: "suspended by moderators",
        Ground.APPROVAL: "waiting for more of its owners",
    }[ground]
    return f"Since {at:%Y-%m-%d %H:%M} UTC the consent for {consent.project} is {what}."


def _since(state: State) -> str:
    if state is State.LIVE:
        return "It holds again, and what was asked for is planned anew."
    return f"That consent {state.predicate}." if state in OVER else f"It {state.predicate} still."


def _settle_approval(suspension: Suspension, *, at: datetime) -> Settled | None:
    consent = suspension.consent
    if standing_objections(consent.project).exists():
        return None
    if len(say_yes(consent, at=at)) < owners_wanted(consent.project, at=at):
        return None
    return release(
        suspension,
        actor=None,
        kind="consent-in-force",
        text=f"Enough of the owners of {consent.project} have said yes to its consent.",
        at=at,
    )


def _problem(consent: Consent, *, at: datetime) -> str:
    try:
        needed_proof(user=consent.user, project=consent.project, at=at, says=consent.channels)
    except ProofNeeded as error:
        return str(error)
    return ""


def _suspend(consent: Consent, problem: str, *, at: datetime) -> None:
    text = (
        f"{_why(consent, Ground.PROOF, at)} Nothing new is built. It is the turn of {consent.user},"
        " who gave it: prove the project again and it holds as before."
    )
    suspension = hold(
        consent,
        Ground.PROOF,
        by=None,
        reason=problem,
        kind=Topic.CONSENT_SUSPENDED.value,
        text=text,
        at=at,
    )
    facts = {"consent": str(consent.pk), "builds_cancelled": suspension.builds_cancelled}
    text = f"{text} {what_of_wheels(suspension)}"
    _announce(consent, Topic.CONSENT_SUSPENDED, text, facts, at=at)


def _restore(suspension: Suspension, *, at: datetime) -> None:
    consent = suspension.consent
    text = f"The proof of {consent.user} for {consent.project} counts again."
    settled = release(suspension, actor=None, kind=Topic.CONSENT_RESTORED.value, text=text, at=at)
    facts = {"consent": str(consent.pk), "permits": settled.permits}
    _announce(consent, Topic.CONSENT_RESTORED, text, facts, at=at)


def _announce(
    consent: Consent, topic: Topic, text: str, facts: dict[str, Any], *, at: datetime
) -> None:
    announce(topic, project=consent.project, people=[consent.user], text=text, facts=facts, at=at)
