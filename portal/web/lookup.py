"""Finding a project by the name somebody typed or linked."""

from datetime import datetime

from indexes.domain.names import parse_project_name
from indexes.models import Project
from indexes.services.refresh import refresh_project


def find_project(name: str, *, at: datetime) -> Project:
    """The project, asked for upstream when we have never seen it.

    Raises `InvalidProjectName`, `ProjectNotUpstream`, `UpstreamUnreachable`, `UpstreamInvalid`.
    """
    normalised = parse_project_name(name)
    known = Project.objects.filter(name=normalised).first()
    return known or refresh_project(name=normalised, at=at)
