"""Following upstream: its answer for a project becomes our rows, standings and pages."""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from indexes import signals
from indexes.domain.changes import Change, diff
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.simple import ProjectPage
from indexes.domain.status import ProjectStatus, UpstreamRelease, release_of
from indexes.models import Project
from indexes.services.pages import render_pages
from indexes.services.standing import update_standings
from indexes.services.state import read_state, write_state
from indexes.upstream import (
    NotModified,
    ProjectNotUpstream,
    Upstream,
    UpstreamError,
    UpstreamInvalid,
    UpstreamPage,
    get_upstream,
)

log = logging.getLogger(__name__)


def refresh_project(
    *,
    name: NormalizedName,
    at: datetime,
    upstream: Upstream | None = None,
    is_forced: bool = False,
) -> Project:
    """Ask upstream for the project and follow what changed, all of it in one transaction.

    A project that upstream does not have raises `ProjectNotUpstream` when we never saw it, and
    otherwise becomes `deleted`. Raises `UpstreamUnreachable` and `UpstreamInvalid`; then what we
    knew stands. `is_forced` compares every row again, whatever ETag and digest say.
    """
    known = Project.objects.filter(name=name).first()
    etag = "" if known is None or is_forced else known.upstream_etag
    answer: UpstreamPage | NotModified | None
    try:
        # Not in the transaction: upstream may take its time.
        answer = (upstream or get_upstream()).project_page(name, etag)
    except ProjectNotUpstream:
        if known is None:
            raise
        answer = None
    return _follow(name, answer, at, is_forced=is_forced)


@transaction.atomic
def _follow(
    name: NormalizedName,
    answer: UpstreamPage | NotModified | None,
    at: datetime,
    *,
    is_forced: bool,
) -> Project:
    project, _ = Project.objects.select_for_update().get_or_create(
        name=name, defaults={"display_name": name}
    )
    if project.verified_at is not None and at < project.verified_at:
        # Somebody asked after us and was answered before us: theirs is the later word.
        return project
    project.verified_at = at
    was_unverified, project.unverified_at = project.unverified_at is not None, None
    digest = answer.digest if isinstance(answer, UpstreamPage) else ""
    is_same = isinstance(answer, NotModified) or bool(digest and digest == project.upstream_digest)
    if is_same and not is_forced:
        project.save(update_fields=["verified_at", "unverified_at"])
        if was_unverified:
            render_pages(project=project, at=at)
            signals.project_verified.send(Project, project=project)
        return project
    after = answer.page if isinstance(answer, UpstreamPage) else None
    _refuse_older(project, after)
    before, status = read_state(project), ProjectStatus(project.status)
    project.upstream_digest = digest
    project.upstream_etag = answer.etag if isinstance(answer, UpstreamPage) else ""
    changes = diff(before, after)
    write_state(project, after, changes)
    if changes:
        project.changed_at = at
    project.save()
    update_standings(project=project)
    render_pages(project=project, at=at)
    if was_unverified:
        signals.project_verified.send(Project, project=project)
    if changes:
        _announce(project, status, before, after, changes)
    return project


def _refuse_older(project: Project, page: ProjectPage | None) -> None:
    """A cache upstream may answer with a page of before a yank."""
    if (
        page is not None
        and page.serial is not None
        and project.last_serial is not None
        and page.serial < project.last_serial
    ):
        problem = f"its serial went back from {project.last_serial} to {page.serial}"
        raise UpstreamInvalid(project.name, problem)


def _announce(
    project: Project,
    status: ProjectStatus,
    before: ProjectPage | None,
    after: ProjectPage | None,
    changes: tuple[Change, ...],
) -> None:
    signals.upstream_changed.send(Project, project=project, changes=changes)
    if project.status != status:
        signals.project_status_changed.send(
            Project, project=project, before=status, after=ProjectStatus(project.status)
        )
    if before is None or after is None:
        return
    old, new = _releases(before), _releases(after)
    for version in sorted(old.keys() & new.keys()):
        was, now = old[version], new[version]
        if now.is_yanked and now != was:
            signals.release_yanked.send(
                Project, project=project, version=version, reason=now.yanked_reason
            )
        elif was.is_yanked and not now.is_yanked:
            signals.release_unyanked.send(Project, project=project, version=version)


def _releases(page: ProjectPage) -> dict[str, UpstreamRelease]:
    files: dict[str, list[tuple[FileKind, bool, str]]] = defaultdict(list)
    for file in page.files:
        parsed = parse_filename(file.filename, page.name)
        if parsed.version is not None:
            files[str(parsed.version)].append((parsed.kind, file.is_yanked, file.yanked_reason))
    return {version: release_of(listed) for version, listed in files.items()}


@transaction.atomic
def enrol_project(*, project: Project, at: datetime) -> None:
    """Follow the project upstream from now on, and list it in the overlay index."""
    locked = Project.objects.select_for_update().get(pk=project.pk)
    locked.is_enrolled = True
    locked.save(update_fields=["is_enrolled"])
    render_pages(project=locked, at=at)
    project.is_enrolled = True


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a round over the enrolled projects came to; names are the projects'."""

    checked: int
    changed: tuple[str, ...]
    failed: tuple[tuple[str, UpstreamError], ...]


def refresh_enrolled(*, at: datetime, upstream: Upstream | None = None) -> Refreshed:
    """Refresh every enrolled project; one that fails is logged and does not hold up the rest."""
    upstream = upstream or get_upstream()
    checked, changed, failed = 0, [], []
    for name in list(Project.objects.enrolled().values_list("name", flat=True)):
        try:
            project = refresh_project(name=NormalizedName(name), at=at, upstream=upstream)
        except UpstreamError as error:
            log.warning("%s", error)
            failed.append((name, error))
        else:
            checked += 1
            if project.changed_at == at:
                changed.append(name)
    return Refreshed(checked, tuple(changed), tuple(failed))
