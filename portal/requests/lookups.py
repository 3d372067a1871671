"""Looking a project up by name, and how often upstream may be asked for names nobody knows."""

from datetime import datetime

from django.conf import settings

from indexes.domain.names import parse_project_name
from indexes.models import Project
from indexes.services.refresh import refresh_project
from portal.accounts.models import User
from portal.budgets import is_within_budget
from portal.errors import TooManyLookups


def find_project(*, name: str, by: User | None, at: datetime) -> Project:
    """The project, asked for upstream when we have never seen it.

    Visitors share one budget of such questions, and each person who is signed in has one of
    their own: nobody makes us a burden to upstream, or fills our tables with its names.
    Raises `InvalidProjectName`, `TooManyLookups`, and what upstream raises.
    """
    normalised = parse_project_name(name)
    known = Project.objects.filter(name=normalised).first()
    if known is not None:
        return known
    most = settings.AFFINEUR_LOOKUPS_PER_MINUTE
    if not is_within_budget("lookups", by=by, each=most, visitors=most, seconds=60, at=at):
        raise TooManyLookups(normalised, is_signed_in=by is not None)
    return refresh_project(name=normalised, at=at)
