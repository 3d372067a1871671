"""What upstream changed, told to the floors above in the transaction that follows it."""

from django.dispatch import Signal

from indexes import signals
from indexes.domain.changes import (
    Change,
    FactChange,
    ReleaseAdded,
    ReleaseChange,
    ReleaseCleared,
    ReleaseQuarantined,
    ReleaseRemoved,
    ReleaseUnyanked,
    ReleaseYanked,
    ReleaseYankReasonChanged,
    Renamed,
    RolesChanged,
)
from indexes.domain.status import ProjectStatus
from indexes.models import Project


def announce_changes(
    *,
    project: Project,
    before: ProjectStatus,
    changes: tuple[Change, ...],
    releases: tuple[ReleaseChange, ...],
) -> None:
    """`before` is the status that the project had."""
    signals.upstream_changed.send(Project, project=project, changes=changes)
    after = ProjectStatus(project.status)
    if after is not before:
        signals.project_status_changed.send(Project, project=project, before=before, after=after)
    _announce_versions(project, releases, ReleaseAdded, signals.releases_added)
    _announce_versions(project, releases, ReleaseRemoved, signals.releases_removed)
    _announce_versions(project, releases, ReleaseQuarantined, signals.releases_quarantined)
    _announce_versions(project, releases, ReleaseCleared, signals.releases_cleared)
    for change in releases:
        match change:
            case (
                ReleaseYanked(version=version, reason=reason)
                | ReleaseYankReasonChanged(version=version, reason=reason)
            ):
                signals.release_yanked.send(
                    Project, project=project, version=version, reason=reason
                )
            case ReleaseUnyanked(version=version):
                signals.release_unyanked.send(Project, project=project, version=version)
            case _:
                pass


def _announce_versions(
    project: Project,
    releases: tuple[ReleaseChange, ...],
    kind: type[ReleaseChange],
    signal: Signal,
) -> None:
    versions = tuple(change.version for change in releases if isinstance(change, kind))
    if versions:
        signal.send(Project, project=project, versions=versions)


def announce_facts(*, project: Project, changes: tuple[FactChange, ...]) -> None:
    for change in changes:
        match change:
            case Renamed(before=before, display_name=after):
                signals.project_renamed.send(Project, project=project, before=before, after=after)
            case RolesChanged(added=added, removed=removed):
                signals.roles_changed.send(Project, project=project, added=added, removed=removed)
