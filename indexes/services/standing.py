"""Standings of our files: what we decided, and what upstream says."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from packaging.tags import Tag

from indexes import signals
from indexes.domain.files import FileKind, is_superseded, parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.status import (
    Decision,
    ProjectStatus,
    Standing,
    UpstreamRelease,
    release_of,
    standing_of,
)
from indexes.models import File, Project, UpstreamFile
from indexes.services.pages import render_pages


@transaction.atomic
def decide(
    *,
    files: QuerySet[File],
    decision: Decision | None,
    reason: str,
    at: datetime,
    is_to_be_remade: bool = False,
) -> int:
    """Yank, withdraw or quarantine files of ours, or (None) take that back; says how many.

    With `is_to_be_remade` other builds may take the place of what is yanked. Standings and pages
    follow in the same transaction.
    """
    is_remade = is_to_be_remade and decision is Decision.YANKED
    changed = 0
    for project, of_project in _by_project(files):
        changed += of_project.update(
            decision="" if decision is None else decision.value,
            decision_reason="" if decision is None else reason,
            is_to_be_remade=is_remade,
        )
        signals.files_decided.send(
            File,
            project=project,
            filenames=list(of_project.values_list("filename", flat=True)),
            decision=decision,
            reason=reason,
            is_to_be_remade=is_remade,
        )
        update_standings(project=project)
        render_pages(project=project, at=at)
    return changed


@transaction.atomic
def withhold(*, files: QuerySet[File], reason: str, at: datetime) -> int:
    """Keep files of ours off the pages for now, or (no reason) no longer; says how many.

    It decides nothing of the files: what was decided of them holds meanwhile, and after. They stay
    downloadable. Standings and pages follow in the same transaction.
    """
    changed = 0
    for project, of_project in _by_project(files):
        changed += of_project.update(withheld=reason)
        signals.files_withheld.send(
            File,
            project=project,
            filenames=list(of_project.values_list("filename", flat=True)),
            reason=reason,
        )
        update_standings(project=project)
        render_pages(project=project, at=at)
    return changed


def update_standings(*, project: Project) -> int:
    """Bring the standing of each file of the project up to date; says how many changed.

    The caller holds the project's row, and renders the pages.
    """
    changed = stale_standings(project=project)
    File.objects.bulk_update([file for file, _ in changed], ["standing", "standing_reason"])
    for file, before in changed:
        file.project = project
        signals.standing_changed.send(
            File,
            file=file,
            before=before,
            after=Standing(file.standing),
            reason=file.standing_reason,
        )
    return len(changed)


def stale_standings(*, project: Project) -> list[tuple[File, Standing]]:
    """Files of the project that do not stand where they should, and where they do.

    Each is as it should be, and unsaved.
    """
    files = list(File.objects.filter(project=project).defer("metadata", "provenance"))
    releases = _releases(project, {file.version for file in files})
    stood = [(file, Standing(file.standing)) for file in files]
    return [(file, was) for file, was in stood if _set_standing(project, file, releases)]


def _by_project(files: QuerySet[File]) -> Iterator[tuple[Project, QuerySet[File]]]:
    """The same files, whatever changes of them, with the rows of their projects locked."""
    chosen = dict(files.values_list("pk", "project_id"))
    projects = Project.objects.select_for_update().filter(pk__in=set(chosen.values()))
    for project in projects.order_by("pk"):
        of_project = [pk for pk, project_id in chosen.items() if project_id == project.pk]
        yield project, File.objects.filter(pk__in=of_project)


@dataclass(frozen=True, slots=True)
class _Release:
    """What upstream says of a version, the tags that its wheels serve, and its sdists' hashes."""

    said: UpstreamRelease
    tags: frozenset[Tag]
    sources: frozenset[str]

    def has_source_of(self, file: File) -> bool:
        """Whether it may be what the file was built from; a hash that is not said may be any."""
        return not file.source_sha256 or bool({file.source_sha256, ""} & self.sources)


type _Releases = dict[str, _Release]


def _releases(project: Project, versions: set[str]) -> _Releases:
    """Of each version."""
    rows: dict[str, list[tuple[FileKind, bool, str]]] = defaultdict(list)
    tags: dict[str, set[Tag]] = defaultdict(set)
    sources: dict[str, set[str]] = defaultdict(set)
    upstream = UpstreamFile.objects.filter(project=project, version__in=versions)
    for filename, version, kind, sha256, is_yanked, reason in upstream.values_list(
        "filename", "version", "kind", "sha256", "is_yanked", "yanked_reason"
    ):
        rows[version].append((FileKind(kind), is_yanked, reason))
        if not is_yanked:
            tags[version] |= parse_filename(filename, NormalizedName(project.name)).tags
        if kind == FileKind.SDIST:
            sources[version].add(sha256)
    return {
        version: _Release(
            release_of(rows[version]), frozenset(tags[version]), frozenset(sources[version])
        )
        for version in versions
    }


def overtaken_files(*, project: Project) -> list[File]:
    """Files of ours that upstream's serve as well, each as it would stand alone; unsaved."""
    superseded = File.objects.filter(project=project, standing=Standing.SUPERSEDED)
    files = list(superseded.defer("metadata", "provenance").order_by("filename"))
    releases = _releases(project, {file.version for file in files}) if files else {}
    alone = {
        version: replace(release, tags=frozenset[Tag]()) for version, release in releases.items()
    }
    for file in files:
        _set_standing(project, file, alone)
    return files


def _set_standing(project: Project, file: File, releases: _Releases) -> bool:
    release = releases[file.version]
    standing, reason = standing_of(
        Decision(file.decision) if file.decision else None,
        decision_reason=file.decision_reason,
        withheld=file.withheld,
        upstream_is_there=release.said.is_there,
        source_is_there=release.has_source_of(file),
        upstream_yanked=release.said.is_yanked,
        upstream_reason=release.said.yanked_reason,
        project_status=ProjectStatus(project.status),
        status_reason=project.status_reason,
        was_quarantined=project.was_quarantined,
        is_superseded=is_superseded(
            parse_filename(file.filename, NormalizedName(project.name)).tags, release.tags
        ),
    )
    is_changed = (file.standing, file.standing_reason) != (standing, reason)
    file.standing, file.standing_reason = standing, reason
    return is_changed
