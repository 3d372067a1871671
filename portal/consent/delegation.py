"""Owners name who may ask for wheels, pause a consent or take it back, in their place."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.models import Delegation, Task
from portal.consent.telling import tell
from portal.errors import InvalidDelegation, NotYourConsent, ProofNeeded
from portal.ownership.services import has_proof
from portal.requests.services import replan_project


@transaction.atomic
def delegate(
    *, user: User, project: Project, username: str, tasks: Sequence[str], at: datetime
) -> Delegation:
    """Name somebody for some of `Task`; what one named them for before ends with it.

    It lasts until it is ended, and counts for as long as who named them owns the project.
    Raises `ProofNeeded`, `InvalidDelegation`.
    """
    project = Project.objects.select_for_update().get(pk=project.pk)
    if has_proof(user=user, project=project, at=at) is None:
        raise ProofNeeded(project.name)
    person = User.objects.filter(username=username.strip(), is_active=True).first()
    if person is None:
        raise InvalidDelegation(project.name, f"there is no account {username.strip()[:150]!r}.")
    if person == user:
        raise InvalidDelegation(project.name, "you own the project, so you may do all of it.")
    chosen = [task.value for task in Task if task in tasks]
    if not chosen or set(tasks) - set(Task.values):
        raise InvalidDelegation(project.name, f"choose of {', '.join(Task.values)}.")
    before = Delegation.objects.filter(project=project, by=user, person=person, ended_at=None)
    instead_of = list(before.values_list("pk", flat=True))
    before.update(ended_at=at)
    made = Delegation.objects.create(
        project=project, by=user, person=person, tasks=chosen, given_at=at
    )
    tell(
        "delegation-given",
        project=project,
        actor=user,
        people=[person],
        text=f"{user} named {person} for {project}: {', '.join(chosen)}.",
        facts={
            "delegation": str(made.pk),
            "person": person.username,
            "tasks": chosen,
            "instead_of": instead_of,
        },
        at=at,
    )
    replan_project(project=project, at=at)
    return made


@transaction.atomic
def end_delegation(*, delegation: Delegation, user: User, at: datetime) -> None:
    """By who named them, another owner, or the person themself. Raises `NotYourConsent`."""
    project = delegation.project
    is_theirs = user in {delegation.by, delegation.person}
    if not is_theirs and has_proof(user=user, project=project, at=at) is None:
        raise NotYourConsent(project.name, "delegate")
    if Delegation.objects.filter(pk=delegation.pk, ended_at=None).update(ended_at=at):
        tell(
            "delegation-ended",
            project=project,
            actor=user,
            people=[delegation.person, delegation.by],
            text=f"{delegation.person} is no longer named for {project} by {delegation.by}.",
            facts={"delegation": str(delegation.pk), "person": delegation.person.username},
            at=at,
        )
        replan_project(project=project, at=at)


def delegations_of(project: Project) -> QuerySet[Delegation]:
    """Those in force, newest first."""
    return Delegation.objects.filter(project=project, ended_at=None).select_related("by", "person")
