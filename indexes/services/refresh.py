"""Following upstream: its answer for a project becomes our rows, standings and pages."""

import logging
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.db import transaction

from indexes import signals
from indexes.domain.changes import (
    ReleaseChange,
    ReleaseQuarantined,
    ReleaseRemoved,
    ReleaseYanked,
    diff,
    fact_changes,
    release_changes,
)
from indexes.domain.facts import ProjectFacts, Role
from indexes.domain.names import NormalizedName
from indexes.domain.schedule import Doubt
from indexes.domain.status import ProjectStatus
from indexes.models import Project, Watch
from indexes.services.announce import announce_changes, announce_facts
from indexes.services.clock import since
from indexes.services.latencies import count_latency
from indexes.services.pages import render_pages
from indexes.services.schedule import watch_pace
from indexes.services.standing import update_standings
from indexes.services.state import read_state, write_state
from indexes.upstream import (
    NotModified,
    ProjectNotUpstream,
    Upstream,
    UpstreamDoubtful,
    UpstreamError,
    UpstreamPage,
    get_upstream,
)

log = logging.getLogger(__name__)


type Answer = UpstreamPage | NotModified | None
"""Upstream's answer for one project; None: there is no such project."""


def refresh_project(
    *,
    name: NormalizedName,
    at: datetime,
    upstream: Upstream | None = None,
    is_forced: bool = False,
) -> Project:
    """Ask upstream for the project and follow what changed, all of it in one transaction.

    Raises `ProjectNotUpstream` for a project that upstream does not have and we never saw, and
    `UpstreamUnreachable`, `UpstreamInvalid` and `UpstreamDoubtful`; then what we knew stands.
    `is_forced` compares every row again, whatever ETag and digest say, and doubts nothing.
    """
    began = monotonic()
    known = Project.objects.filter(name=name).first()
    etag = "" if known is None or is_forced else known.upstream_etag
    answer: Answer
    try:
        # Not in the transaction: upstream may take its time.
        answer = (upstream or get_upstream()).project_page(name, etag)
    except ProjectNotUpstream:
        if known is None:
            raise
        answer = None
    return follow_answer(
        name=name,
        answer=answer,
        at=at,
        written_at=since(began, at),
        is_forced=is_forced,
        is_believed=is_forced,
    )


def follow_answer(
    *,
    name: NormalizedName,
    answer: Answer,
    at: datetime,
    written_at: datetime,
    is_forced: bool = False,
    is_believed: bool = False,
    facts: ProjectFacts | None = None,
) -> Project:
    """Make what upstream answered our state: rows, standings and pages in one transaction.

    `at` is when it was asked, `written_at` the time now, which the pages bear: a mirror that has
    seen a later one would not ask for them. An answer that a broken cache would give too (no such
    project; a page from before the one we know) changes nothing and raises `UpstreamDoubtful`,
    until upstream has answered so for long enough (`Doubt`) or `is_believed`.
    """
    with transaction.atomic():
        project, _ = Project.objects.select_for_update().get_or_create(
            name=name, defaults={"display_name": name}
        )
        if project.verified_at is not None and at < project.verified_at:
            # Somebody asked after us and was answered before us: theirs is the later word.
            return project
        doubt = None if is_believed else _doubt(project, answer)
        if doubt is None or _is_settled(project, doubt, at):
            _follow(project, answer, at, is_forced=is_forced, written_at=written_at)
            if facts is not None:
                _follow_facts(project, facts)
            return project
        _keep_doubt(project, doubt, at)
    raise UpstreamDoubtful(name, doubt)


def _doubt(project: Project, answer: Answer) -> Doubt | None:
    if answer is None:
        is_known = project.verified_at is not None and project.status != ProjectStatus.DELETED
        return Doubt.MISSING if is_known else None
    if isinstance(answer, NotModified):
        return None
    now, before = answer.page.serial, project.last_serial
    # An upstream without serials, or one that stopped giving them, is taken at its word.
    return Doubt.OLDER if now is not None and before is not None and now < before else None


def _is_settled(project: Project, doubt: Doubt, at: datetime) -> bool:
    return project.doubt == doubt and doubt.is_settled(since=project.doubted_at, at=at)


def _keep_doubt(project: Project, doubt: Doubt, at: datetime) -> None:
    if project.doubt != doubt:
        project.doubt, project.doubted_at = doubt, at
        project.save(update_fields=["doubt", "doubted_at"])


def _follow(
    project: Project, answer: Answer, at: datetime, *, is_forced: bool, written_at: datetime
) -> None:
    verified_before, project.verified_at = project.verified_at, at
    was_unverified, project.unverified_at = project.unverified_at is not None, None
    project.doubt, project.doubted_at = "", None
    digest = answer.digest if isinstance(answer, UpstreamPage) else ""
    is_same = bool(digest) and digest == project.upstream_digest
    if isinstance(answer, NotModified) or (is_same and not is_forced):
        project.save(update_fields=["verified_at", "unverified_at", "doubt", "doubted_at"])
        if was_unverified:
            render_pages(project=project, at=written_at)
            signals.project_verified.send(Project, project=project)
        return
    after = None if answer is None else answer.page
    before, status = read_state(project), ProjectStatus(project.status)
    project.upstream_digest = digest
    project.upstream_etag = "" if answer is None else answer.etag
    changes = diff(before, after)
    write_state(project, after, changes)
    if changes:
        project.changed_at = at
    project.save()
    update_standings(project=project)
    render_pages(project=project, at=written_at)
    if was_unverified:
        signals.project_verified.send(Project, project=project)
    if changes:
        releases = release_changes(before, after) if before and after else ()
        announce_changes(project=project, before=status, changes=changes, releases=releases)
        if verified_before is not None and project.is_enrolled:
            is_yank = project.status != status or any(map(_turns_away, releases))
            count_latency(since=verified_before, until=written_at, is_yank=is_yank)


def _turns_away(change: ReleaseChange) -> bool:
    """Whether resolvers choose something else after it."""
    return isinstance(change, ReleaseYanked | ReleaseRemoved | ReleaseQuarantined)


def _follow_facts(project: Project, facts: ProjectFacts) -> None:
    known = project.upstream_roles
    roles = None if known is None else frozenset(Role(*item) for item in known)
    changes = fact_changes(ProjectFacts(project.display_name, roles), facts)
    project.display_name = facts.display_name
    if facts.roles is not None:
        project.upstream_roles = sorted(map(list, facts.roles))
    project.save(update_fields=["display_name", "upstream_roles"])
    announce_facts(project=project, changes=changes)


@transaction.atomic
def enrol_project(*, project: Project, at: datetime) -> None:
    """Follow the project upstream from now on, and list it in the overlay index."""
    locked = Project.objects.select_for_update().get(pk=project.pk)
    locked.is_enrolled = True
    locked.save(update_fields=["is_enrolled"])
    Watch.objects.get_or_create(
        project=locked, defaults={"due_at": at, "interval_seconds": watch_pace().shortest}
    )
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
    began = monotonic()
    upstream = upstream or get_upstream()
    checked, changed, failed = 0, [], []
    for name in list(Project.objects.enrolled().values_list("name", flat=True)):
        asked_at = since(began, at)
        try:
            project = refresh_project(name=NormalizedName(name), at=asked_at, upstream=upstream)
        except UpstreamError as error:
            log.warning("%s", error)
            failed.append((name, error))
        else:
            checked += 1
            if project.changed_at == asked_at:
                changed.append(name)
    return Refreshed(checked, tuple(changed), tuple(failed))
