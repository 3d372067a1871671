"""Who may say what builds of a project are given, and what follows when they do."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from builds.models import Replay
from builds.services.recipes import Change, change_recipe
from builds.services.replay import Affected, Cause, affected_by, replay
from indexes.models import Project
from portal.accounts.models import User
from portal.accounts.services import is_administrator
from portal.consent.agreements import MODIFY
from portal.consent.services import live_consents
from portal.errors import ConsentNeeded, ModificationNotAccepted, ProofNeeded
from portal.ledger.services import record
from portal.ownership.services import has_proof
from portal.requests.services import replan_project


@dataclass(frozen=True, slots=True)
class RecipePreview:
    """What an edit would change, and which failures it would make eligible again."""

    change: Change
    affected: Affected


def verify_may_edit(*, user: User, project: Project, at: datetime) -> None:
    """Raises `ProofNeeded`, `ConsentNeeded` or `ModificationNotAccepted` unless they may edit it.

    A recipe changes what a build is given: a live consent has to accept the clause on that.
    """
    if is_administrator(user):
        return
    if has_proof(user=user, project=project, at=at) is None:
        raise ProofNeeded(project.name)
    consents = live_consents(project, at=at)
    if not consents:
        raise ConsentNeeded(project.name)
    if not any(one["name"] == MODIFY for consent in consents for one in consent.agreements):
        raise ModificationNotAccepted(project.name)


def preview_edit(*, user: User, project: Project, text: str, at: datetime) -> RecipePreview:
    """Say what `edit_recipe` would do; nothing is kept, and nobody else sees it.

    Raises what `edit_recipe` raises.
    """
    verify_may_edit(user=user, project=project, at=at)
    with transaction.atomic():
        change = change_recipe(project=project, text=text, by=user.username, reason="", at=at)
        affected = affected_by(cause=Cause.RECIPE, subject=project.name, at=at)
        transaction.set_rollback(True)
    return RecipePreview(change, affected)


@transaction.atomic
def edit_recipe(*, user: User, project: Project, text: str, reason: str, at: datetime) -> Replay:
    """Put a recipe in force, or take the owner's back with an empty text; run again what it helps.

    What somebody has asked for goes before what is only replayed. Raises `ProofNeeded`,
    `ConsentNeeded`, `RecipeInvalid`.
    """
    verify_may_edit(user=user, project=project, at=at)
    change = change_recipe(project=project, text=text, by=user.username, reason=reason, at=at)
    made = replay(cause=Cause.RECIPE, subject=project.name, by=user.username, at=at)
    record(
        actor=user.username,
        verb="recipe-changed",
        project=project.name,
        facts={
            "version": change.after.version,
            "in_force": change.after.origin.value,
            "text": text.strip().replace("\r\n", "\n"),
            "reason": reason.strip(),
            "replay": str(made.pk),
        },
        at=at,
    )
    replan_project(project=project, at=at)
    return made
