"""Pages that are made when they are asked for: the overlay of one platform, and as of a day."""

from datetime import date, datetime

from django.db.models import Exists, OuterRef

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import Encoding
from indexes.domain.selection import as_of, end_of, for_platform
from indexes.domain.simple import RootPage
from indexes.domain.status import ProjectStatus
from indexes.models import Project, UpstreamFile
from indexes.services.pages import ServedPage, page_forms, read_overlay, root_forms, served


def find_platform_page(
    *, name: NormalizedName, platform: str, media_type: str, encoding: Encoding
) -> ServedPage | None:
    """The project's page of the overlay, with sdists and the wheels that the platform takes."""
    project = Project.objects.in_overlay().filter(name=name).first()
    page = None if project is None else read_overlay(project)
    if project is None or page is None:
        return None
    forms = page_forms(for_platform(page, platform))
    return served(forms, media_type, encoding=encoding, project=project)


def find_dated_page(
    *, name: NormalizedName, day: date, media_type: str, encoding: Encoding
) -> ServedPage | None:
    """The project's page of the overlay with what was there on that day; None before any file.

    Yanks and standings are today's: a page of the past must not offer what was taken back since.
    """
    project = Project.objects.in_overlay().filter(name=name).first()
    overlay = None if project is None else read_overlay(project)
    if project is None or overlay is None:
        return None
    page = as_of(overlay, day)
    if not page.files and project.status != ProjectStatus.QUARANTINED:
        return None
    return served(page_forms(page), media_type, encoding=encoding, project=project)


def find_dated_root(*, day: date, media_type: str, encoding: Encoding) -> ServedPage:
    """The projects that had a file on that day."""
    uploaded: datetime = end_of(day)
    then = UpstreamFile.objects.filter(project=OuterRef("pk"), uploaded_at__lt=uploaded)
    names = Project.objects.in_overlay().filter(Exists(then)).order_by("name")
    root = RootPage(tuple(map(NormalizedName, names.values_list("name", flat=True))))
    return served(root_forms(root), media_type, encoding=encoding)
