"""How many of a project's owners have to say yes, and who somebody is to a consent."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.models import Consent, Delegation, Task, Threshold
from portal.consent.states import Ground, Party, approvals_needed, strictest
from portal.errors import InvalidThreshold, ProofNeeded
from portal.ledger.services import record
from portal.ownership.owners import owners_of
from portal.ownership.services import has_proof

MOST_OWNERS = 100


def owners_wanted(project: Project, *, at: datetime) -> int:
    """How many of today's owners have to say yes: the strictest of what they and we want."""
    owners = owners_of(project, at=at)
    wishes = Threshold.objects.filter(project=project, user__in=owners)
    wanted = strictest([settings.AFFINEUR_CONSENT_OWNERS, *wishes.values_list("owners", flat=True)])
    return approvals_needed(wanted, owners=len(owners))


def say_yes(consent: Consent, *, at: datetime) -> list[User]:
    """Who of today's owners said yes to it, by giving or by approving it."""
    approving = set(consent.approvals.values_list("user", flat=True)) | {consent.user_id}
    return [owner for owner in owners_of(consent.project, at=at) if owner.pk in approving]


@transaction.atomic
def set_threshold(*, user: User, project: Project, owners: int, at: datetime) -> Threshold:
    """Say how many owners have to say yes, 0 for all; it goes with the strictest of all wishes.

    Raises `ProofNeeded`, `InvalidThreshold`.
    """
    if has_proof(user=user, project=project, at=at) is None:
        raise ProofNeeded(project.name)
    if not 0 <= owners <= MOST_OWNERS:
        raise InvalidThreshold(project.name, MOST_OWNERS)
    threshold, _ = Threshold.objects.update_or_create(
        project=project, user=user, defaults={"owners": owners, "said_at": at}
    )
    record(
        actor=user.username,
        verb="threshold-set",
        project=project.name,
        facts={"owners": owners, "in_force": owners_wanted(project, at=at)},
        at=at,
    )
    return threshold


def parties_of(user: User, consent: Consent, *, at: datetime) -> frozenset[Party]:
    """Who somebody is to a consent; empty for a stranger."""
    parties = set()
    if user.pk == consent.user_id:
        parties.add(Party.GIVER)
    elif has_proof(user=user, project=consent.project, at=at):
        parties.add(Party.OWNER)
    objections = consent.suspensions.filter(ground=Ground.OBJECTION.value, by=user, lifted_at=None)
    if objections.exists():
        parties.add(Party.OBJECTOR)
    tasks = tasks_of(user, consent.project, at=at)
    if Task.PAUSE in tasks:
        parties.add(Party.PAUSER)
    if Task.REVOKE in tasks:
        parties.add(Party.REVOKER)
    return frozenset(parties)


def tasks_of(user: User, project: Project, *, at: datetime) -> frozenset[str]:
    """What today's owners have left to somebody; who lost the project named nobody."""
    named = Delegation.objects.filter(project=project, person=user, ended_at=None)
    return frozenset(
        task
        for delegation in named.select_related("by")
        if has_proof(user=delegation.by, project=project, at=at)
        for task in delegation.tasks
    )
