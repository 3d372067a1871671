"""Who moderates, and whom a case concerns."""

from datetime import datetime

from django.db.models import Q

from portal.accounts.models import User
from portal.accounts.services import is_administrator
from portal.consent.states import Ground
from portal.errors import ModeratorNeeded
from portal.moderation.models import Case
from portal.ownership.owners import owners_of as owners_of_project

PERMISSION = "moderation.moderate"


def is_moderator(user: User) -> bool:
    """Staff with a second factor, of the group that moderates."""
    return is_administrator(user) and user.has_perm(PERMISSION)


def verify_moderator(user: User, case: Case) -> None:
    """Raises `ModeratorNeeded`."""
    if not is_moderator(user):
        raise ModeratorNeeded(str(case))


def owners_of(case: Case, *, at: datetime) -> list[User]:
    """Proven owners of its project, who gave consents there that hold, and whom it is about."""
    concerned = Q(pk__in=owners_of_project(case.project, at=at).values("pk"))
    concerned |= Q(consents__project=case.project, consents__revocation=None)
    if accused := accused_of(case):
        concerned |= Q(pk=accused.pk)
    return list(User.objects.filter(concerned).distinct().order_by("pk"))


def objectors_of(case: Case) -> list[User]:
    """Who objected to a consent there that was not taken back, an owner still or not."""
    objecting = Q(
        suspensions__ground=Ground.OBJECTION.value,
        suspensions__consent__project=case.project,
        suspensions__consent__revocation=None,
    )
    return list(User.objects.filter(objecting).distinct().order_by("pk"))


def reporters_of(case: Case) -> list[User]:
    return list(User.objects.filter(reports__case=case).distinct().order_by("pk"))


def accused_of(case: Case) -> User | None:
    """The account that a case is about, itself or by the consent it gave."""
    if case.account is not None:
        return case.account
    return case.consent.user if case.consent else None
