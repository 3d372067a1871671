"""Whether what we hold and show is what it should be: rows, pages, bytes."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from indexes.domain.changes import Change, SerialChanged, diff
from indexes.domain.names import NormalizedName
from indexes.models import File, Project
from indexes.services.pages import render_pages, stale_pages
from indexes.services.refresh import refresh_project
from indexes.services.standing import update_standings
from indexes.services.state import read_state
from indexes.storage import file_key, get_storage
from indexes.upstream import (
    NotModified,
    ProjectNotUpstream,
    Upstream,
    UpstreamError,
    get_upstream,
)


@dataclass(frozen=True, slots=True)
class Difference:
    project: str
    what: str
    """In words, for an operator."""
    can_repair: bool = True
    is_compared: bool = True
    """False when upstream did not answer, so that nothing can be said."""


def compare_projects(
    *, names: Collection[NormalizedName] = (), upstream: Upstream | None = None
) -> Iterator[Difference]:
    """What differs, of the projects named; of all enrolled and with files of ours without names."""
    upstream = upstream or get_upstream()
    projects = Project.objects.filter(name__in=names)
    if not names:
        projects = Project.objects.enrolled() | Project.objects.filter(
            pk__in=File.objects.values("project")
        )
    for project in projects.distinct().order_by("name"):
        yield from _compare(project, upstream)


def known_among(*, names: Collection[NormalizedName]) -> set[str]:
    """Those of the projects that we have a row of."""
    return set(Project.objects.filter(name__in=names).values_list("name", flat=True))


def _compare(project: Project, upstream: Upstream) -> Iterator[Difference]:
    try:
        answer = upstream.project_page(NormalizedName(project.name))
    except ProjectNotUpstream:
        answer = None
    except UpstreamError as error:
        yield Difference(project.name, str(error), can_repair=False, is_compared=False)
        return
    if not isinstance(answer, NotModified):
        there = None if answer is None else answer.page
        for change in diff(read_state(project), there):
            if not isinstance(change, SerialChanged):
                yield Difference(project.name, f"upstream: {_described(change)}")
    for path in stale_pages(project=project):
        yield Difference(project.name, f"page {path} is not what the rows say")
    storage = get_storage()
    for filename, sha256 in project.files.values_list("filename", "sha256"):
        if not storage.exists(file_key(sha256)):
            yield Difference(project.name, f"storage has no bytes of {filename}", can_repair=False)


def _described(change: Change) -> str:
    facts = [str(getattr(change, name)) for name in ("filename", "reason") if hasattr(change, name)]
    file = getattr(change, "file", None)
    return " ".join([type(change).__name__, *facts, *([file.filename] if file else [])])


def repair_project(*, name: NormalizedName, at: datetime, upstream: Upstream | None = None) -> None:
    """Ask upstream again, compare every row, and render the pages again."""
    project = refresh_project(name=name, at=at, upstream=upstream, is_forced=True)
    with transaction.atomic():
        locked = Project.objects.select_for_update().get(pk=project.pk)
        update_standings(project=locked)
        render_pages(project=locked, at=at)
