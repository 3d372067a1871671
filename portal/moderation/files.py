"""Yanking one bad wheel of ours, the way back, and another build in its place."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from indexes.domain.status import Decision
from indexes.models import File, Project
from indexes.services.standing import decide
from portal.accounts.models import User
from portal.accounts.services import is_administrator
from portal.errors import NotYankable, NotYankedHere, ProofNeeded, ReasonNeeded, YankedByModerators
from portal.ledger.services import record
from portal.ownership.services import has_proof
from portal.requests.services import replan_project

REASON_LENGTH = 1000
BY_MODERATORS = "Decided by moderators"
"""Begins the reason of what is decided in a case: that alone is undone and restored in cases."""


def may_yank(*, user: User, project: Project, at: datetime) -> bool:
    """Whether the project's wheels are theirs to yank: a proven owner's, or an administrator's."""
    return is_administrator(user) or has_proof(user=user, project=project, at=at) is not None


def yank_file(*, user: User, file: File, reason: str, rebuild: bool, at: datetime) -> File:
    """Yank one wheel of ours (PEP 592): it is installed by nobody who does not name its version.

    With `rebuild`, its release is a gap for its target again, whose wheel gets the next build
    tag. Raises `ProofNeeded`, `NotYankable`, and `ReasonNeeded`, also for moderators' words.
    """
    reason = reason.strip()
    if reason.startswith(BY_MODERATORS):
        raise ReasonNeeded(file.filename, REASON_LENGTH)
    return yank_in_case(user=user, file=file, reason=reason, rebuild=rebuild, at=at)


@transaction.atomic
def yank_in_case(
    *, user: User, file: File, reason: str, at: datetime, rebuild: bool = False
) -> File:
    """What `yank_file` does, with a reason that may begin with `BY_MODERATORS`."""
    file = _held(user, file, at)
    if not reason or len(reason) > REASON_LENGTH:
        raise ReasonNeeded(file.filename, REASON_LENGTH)
    if file.decision:
        raise NotYankable(file.project.name, file.filename, file.decision)
    decide(
        files=_alone(file),
        decision=Decision.YANKED,
        reason=reason,
        at=at,
        is_to_be_remade=rebuild,
    )
    facts = {"filename": file.filename, "reason": reason, "rebuild": rebuild}
    record(actor=user.username, verb="file-yanked", project=file.project.name, facts=facts, at=at)
    if rebuild:
        replan_project(project=file.project, at=at)
    file.refresh_from_db()
    return file


@transaction.atomic
def unyank_file(*, user: User, file: File, at: datetime) -> File:
    """Take a yank of ours back; what upstream yanked stays so.

    A build that was to take its place goes on, and its wheel is preferred then. Raises
    `ProofNeeded`, `NotYankedHere`, `YankedByModerators`.
    """
    file = _held(user, file, at)
    if file.decision != Decision.YANKED:
        raise NotYankedHere(file.project.name, file.filename)
    if file.decision_reason.startswith(BY_MODERATORS):
        raise YankedByModerators(file.project.name, file.filename)
    reason = file.decision_reason
    decide(files=_alone(file), decision=None, reason="", at=at)
    facts = {"filename": file.filename, "was": reason}
    record(actor=user.username, verb="file-unyanked", project=file.project.name, facts=facts, at=at)
    file.refresh_from_db()
    return file


def _held(user: User, file: File, at: datetime) -> File:
    """The file as it is now, its project locked, for who may decide about it."""
    project = Project.objects.select_for_update().get(pk=file.project_id)
    if not may_yank(user=user, project=project, at=at):
        raise ProofNeeded(project.name)
    return File.objects.select_related("project").get(pk=file.pk)


def _alone(file: File) -> QuerySet[File]:
    return File.objects.filter(pk=file.pk)
