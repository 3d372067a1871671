"""Finding the project of a page by the name somebody typed or linked."""

from datetime import datetime

from django.http import HttpRequest

from indexes.models import Project
from portal.requests import lookups
from portal.web.people import signed_in


def find_project(request: HttpRequest, name: str, *, at: datetime) -> Project:
    """The project, asked for upstream when we have never seen it; see `lookups`."""
    return lookups.find_project(name=name, by=signed_in(request), at=at)
