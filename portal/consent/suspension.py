"""Consents whose ground is gone: suspended at once, restored when it is back.

Nothing is deleted. Wheels that were published stay listed for a grace period, then leave the
listing until the consent holds again.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from builds.services.permits import issue_permit, revoke_permits
from indexes.models import Project
from portal.consent.models import Consent, Suspension
from portal.consent.services import (
    WITHDRAWN_IN_SUSPENSION,
    files_of_consent_alone,
    open_suspension,
    permits_of_suspension,
    relist,
    unended_consents,
    withdraw,
)
from portal.errors import ProofNeeded
from portal.ledger.services import record
from portal.ownership.announcements import Topic, announce
from portal.ownership.services import needed_proof
from portal.requests.services import replan_project


@transaction.atomic
def hold_to_proofs(*, project: Project, at: datetime) -> None:
    """Suspend the consents whose giver's proofs are not enough any more; restore the others."""
    project = Project.objects.select_for_update().get(pk=project.pk)
    for consent in unended_consents(project, at=at).order_by("given_at", "pk"):
        problem = _problem(consent, at=at)
        suspension = open_suspension(consent)
        if problem and suspension is None:
            _suspend(consent, problem, at=at)
        elif suspension and not problem:
            _restore(suspension, at=at)


@transaction.atomic
def end_graces(*, at: datetime) -> int:
    """Withdraw the wheels of consents suspended for longer than the grace; how many consents."""
    over = Suspension.objects.filter(
        consent__revocation=None, lifted_at=None, withdrawn_at=None, grace_until__lte=at
    )
    suspensions = list(over.select_related("consent__project", "consent__user").order_by("pk"))
    for suspension in suspensions:
        _withdraw(suspension, at=at)
    return len(suspensions)


def _problem(consent: Consent, *, at: datetime) -> str:
    try:
        needed_proof(user=consent.user, project=consent.project, at=at, says=consent.channels)
    except ProofNeeded as error:
        return str(error)
    return ""


def _suspend(consent: Consent, problem: str, *, at: datetime) -> None:
    grace = timedelta(days=settings.AFFINEUR_SUSPENSION_GRACE_DAYS)
    suspension = Suspension.objects.create(
        consent=consent, reason=problem, suspended_at=at, grace_until=at + grace
    )
    why = (
        f"The consent for {consent.project} is suspended since {at:%Y-%m-%d %H:%M} UTC: the proof"
        " it rests on does not hold any more."
    )
    revoked = revoke_permits(origin=str(consent.pk), reason=why, at=at)
    facts = {
        "consent": str(consent.pk),
        "reason": problem,
        "grace_until": suspension.grace_until.isoformat(),
        "permits": revoked.permits,
        "builds_cancelled": revoked.cancelled,
    }
    _tell(
        consent,
        Topic.CONSENT_SUSPENDED,
        f"{why} Nothing new is built. Its wheels stay listed until"
        f" {suspension.grace_until:%Y-%m-%d}, and nothing is deleted. It is the turn of"
        f" {consent.user}, who gave it: prove the project again and it holds as before.",
        facts,
        at=at,
    )
    replan_project(project=consent.project, at=at, why=why)


def _restore(suspension: Suspension, *, at: datetime) -> None:
    consent = suspension.consent
    taken = permits_of_suspension(suspension)
    Suspension.objects.filter(pk=suspension.pk).update(lifted_at=at)
    permits = [
        issue_permit(
            project=consent.project,
            specifiers=permit.specifiers,
            targets=permit.targets,
            channels=permit.channels,
            origin=permit.origin,
            expires_at=permit.expires_at,
            at=at,
        )
        for permit in taken
    ]
    if suspension.withdrawn_at:
        relist(consent.project, permits, at=at)
    _tell(
        consent,
        Topic.CONSENT_RESTORED,
        f"The consent of {consent.user} for {consent.project} holds again: its proof does. What was"
        " asked for is planned anew.",
        {"consent": str(consent.pk), "permits": len(permits)},
        at=at,
    )
    replan_project(project=consent.project, at=at)


def _withdraw(suspension: Suspension, *, at: datetime) -> None:
    consent = suspension.consent
    doomed = files_of_consent_alone(consent, at=at)
    why = f"{WITHDRAWN_IN_SUSPENSION}, since {suspension.suspended_at:%Y-%m-%d}."
    withdraw(doomed, why=why, at=at)
    Suspension.objects.filter(pk=suspension.pk).update(withdrawn_at=at)
    _tell(
        consent,
        Topic.GRACE_ENDED,
        f"The consent for {consent.project} was suspended until the grace ended, so its wheels"
        f" ({len(doomed)}) left the index. Lock files that name them still resolve. It is the"
        f" turn of {consent.user}: prove the project again and they are listed again.",
        {"consent": str(consent.pk), "files_withdrawn": len(doomed)},
        at=at,
    )


def _tell(
    consent: Consent, topic: Topic, text: str, facts: dict[str, object], *, at: datetime
) -> None:
    record(actor="portal", verb=topic.value, project=consent.project.name, facts=facts, at=at)
    announce(topic, project=consent.project, people=[consent.user], text=text, facts=facts, at=at)
