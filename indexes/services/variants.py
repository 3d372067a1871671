"""Pages that are made when they are asked for: the overlay of one platform, and as of a day."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef

from indexes.domain.names import NormalizedName
from indexes.domain.selection import as_of, end_of, for_platform
from indexes.domain.simple import RootPage
from indexes.domain.status import ProjectStatus
from indexes.models import Project, UpstreamFile
from indexes.services.pages import ServedPage, page_forms, read_overlay, root_forms, served


def find_platform_page(
    *, name: NormalizedName, platform: str, media_type: str, with_gzip: bool
) -> ServedPage | None:
    """The project's page of the overlay, with sdists and the wheels that the platform takes."""
    project = Project.objects.in_overlay().filter(name=name).first()
    page = None if project is None else read_overlay(project)
    if project is None or page is None:
        return None
    forms = page_forms(for_platform(page, platform))
    return served(forms, media_type, with_gzip=with_gzip, project=project)


@dataclass(frozen=True, slots=True)
class DatedPage:
    page: ServedPage
    is_final: bool
    """Whether nothing can be added to that day any more, as far as upstream told us."""


def find_dated_page(
    *, name: NormalizedName, day: date, media_type: str, with_gzip: bool
) -> DatedPage | None:
    """The project's page of the overlay on that day; None when it had no file yet."""
    project = Project.objects.in_overlay().filter(name=name).first()
    overlay = None if project is None else read_overlay(project)
    if project is None or overlay is None:
        return None
    page = as_of(overlay, day)
    is_open = project.status != ProjectStatus.QUARANTINED
    if not page.files and is_open:
        return None
    # Before upstream was asked after the day's end, more of it may come.
    is_known = project.verified_at is not None and project.verified_at >= end_of(day)
    return DatedPage(
        served(page_forms(page), media_type, with_gzip=with_gzip, project=project),
        is_final=is_open and is_known and project.unverified_at is None,
    )


def find_dated_root(*, day: date, media_type: str, with_gzip: bool) -> ServedPage:
    """The projects that had a file on that day."""
    uploaded: datetime = end_of(day)
    then = UpstreamFile.objects.filter(project=OuterRef("pk"), uploaded_at__lt=uploaded)
    names = Project.objects.in_overlay().filter(Exists(then)).order_by("name")
    root = RootPage(tuple(map(NormalizedName, names.values_list("name", flat=True))))
    return served(root_forms(root), media_type, with_gzip=with_gzip)
