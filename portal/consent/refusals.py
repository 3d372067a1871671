"""A no, and that nobody asks again: of a proven owner, or for now of the metadata's address."""

from datetime import datetime

from django.db import transaction

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.facts import unended_consents
from portal.consent.models import PauseLink, Refusal
from portal.consent.telling import tell
from portal.errors import ConsentStands, NotYourConsent, ProofNeeded
from portal.ownership.services import has_proof
from portal.requests.services import replan_project


@transaction.atomic
def say_no(*, user: User, project: Project, reason: str, at: datetime) -> Refusal:
    """No, and do not ask again: open petitions end, and no new one is taken.

    Raises `ProofNeeded`; `ConsentStands` while there is a consent, which is taken back or
    objected to instead.
    """
    project = Project.objects.select_for_update().get(pk=project.pk)
    if has_proof(user=user, project=project, at=at) is None:
        raise ProofNeeded(project.name)
    if unended_consents(project, at=at).exists():
        raise ConsentStands(project.name, "not at its end")
    refusal, is_new = Refusal.objects.get_or_create(
        project=project,
        user=user,
        ended_at=None,
        defaults={"reason": reason.strip(), "said_at": at},
    )
    if is_new:
        closed = replan_project(project=project, at=at)
        tell(
            "refused",
            project=project,
            actor=user,
            text=f"{user} said no for {project}, and not to be asked again.",
            facts={"refusal": refusal.pk, "reason": refusal.reason, "petitions": closed},
            at=at,
        )
    return refusal


@transaction.atomic
def take_no_back(*, refusal: Refusal, user: User, at: datetime) -> None:
    """By who said it: people may ask again. Raises `NotYourConsent`."""
    if refusal.user_id != user.pk:
        raise NotYourConsent(refusal.project.name, "ask")
    if Refusal.objects.filter(pk=refusal.pk, ended_at=None).update(ended_at=at):
        tell(
            "refusal-ended",
            project=refusal.project,
            actor=user,
            text=f"{user} took back the no for {refusal.project}: people may ask again.",
            facts={"refusal": refusal.pk},
            at=at,
        )
        replan_project(project=refusal.project, at=at)


def standing_refusal(project: Project) -> Refusal | None:
    """The no that stands, the oldest of several."""
    standing = Refusal.objects.filter(project=project, ended_at=None).select_related("user")
    return standing.order_by("said_at", "pk").first()


def wants_no_letters(project: Project) -> bool:
    """Whether somebody who speaks or reads mail for the project ever said no to being asked."""
    return (
        Refusal.objects.filter(project=project).exists()
        or PauseLink.objects.filter(project=project, used_at__isnull=False).exists()
    )
