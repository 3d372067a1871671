"""Whether what we hold and show is what it should be: rows, pages, bytes."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from indexes.domain.changes import Change, SerialChanged, diff
from indexes.domain.names import NormalizedName
from indexes.models import File, Project
from indexes.services.pages import repair_pages, stale_pages, stale_roots
from indexes.services.refresh import refresh_project
from indexes.services.standing import stale_standings, update_standings
from indexes.services.state import read_state
from indexes.storage import BytesMissing, file_key, get_storage
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
    """Its name; empty for the indexes as a whole."""
    what: str
    """In words, for an operator."""
    can_repair: bool = True
    is_compared: bool = True
    """False when upstream did not answer, so that nothing can be said."""


def compare_projects(
    *, names: Collection[NormalizedName] = (), upstream: Upstream | None = None
) -> Iterator[Difference]:
    """What differs, of the projects named.

    Without names of all that are enrolled or have files of ours, and of the roots.
    """
    upstream = upstream or get_upstream()
    projects = Project.objects.filter(name__in=names)
    if not names:
        projects = Project.objects.enrolled() | Project.objects.filter(
            pk__in=File.objects.values("project")
        )
    for project in projects.distinct().order_by("name"):
        yield from _compare(project, upstream)
    if not names:
        for path in stale_roots():
            yield Difference("", f"page {path} is not what the rows say")


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
    for file, standing in stale_standings(project=project):
        what = f"{file.filename} is {standing}, and should be {file.standing}"
        yield Difference(project.name, f"{what} ({file.standing_reason})".removesuffix(" ()"))
    for path in stale_pages(project=project):
        yield Difference(project.name, f"page {path} is not what the rows say")
    for problem in _problems_in_storage(project):
        yield Difference(project.name, problem, can_repair=False)


def _problems_in_storage(project: Project) -> Iterator[str]:
    """By size: whoever downloads compares the hash."""
    storage = get_storage()
    for filename, sha256, size in project.files.values_list("filename", "sha256", "size"):
        try:
            found = storage.size(file_key(sha256))
        except BytesMissing:
            yield f"storage has no bytes of {filename}"
        else:
            if found != size:
                yield f"storage has {found} bytes of {filename}, and should have {size}"


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
        repair_pages(project=locked, at=at)
