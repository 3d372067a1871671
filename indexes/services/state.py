"""A project's state upstream, as our rows keep it."""

from collections.abc import Iterable

from indexes.domain.changes import (
    Change,
    FileAdded,
    FileChanged,
    FileRemoved,
    FileUnyanked,
    FileYanked,
    ProjectAppeared,
    YankReasonChanged,
)
from indexes.domain.files import parse_filename
from indexes.domain.names import VERSION_LENGTH, NormalizedName
from indexes.domain.simple import ListedFile, ProjectPage
from indexes.domain.status import ProjectStatus
from indexes.models import Project, UpstreamFile

_FIELDS = (
    "version",
    "kind",
    "url",
    "sha256",
    "size",
    "uploaded_at",
    "requires_python",
    "is_yanked",
    "yanked_reason",
    "has_metadata",
    "metadata_sha256",
    "provenance_url",
)


def read_state(project: Project) -> ProjectPage | None:
    """What upstream showed when it was last asked; None when it had no such project."""
    if project.status == ProjectStatus.DELETED or not project.upstream_digest:
        return None
    rows = UpstreamFile.objects.filter(project=project)
    return ProjectPage(
        name=NormalizedName(project.name),
        status=ProjectStatus(project.status),
        status_reason=project.status_reason,
        files=tuple(sorted(map(_listed, rows), key=lambda file: file.filename)),
        versions=tuple(project.upstream_versions),
        serial=project.last_serial,
    )


def write_state(project: Project, after: ProjectPage | None, changes: Iterable[Change]) -> None:
    """Make our rows say `after`, touching what the changes name. `project` is not saved here."""
    is_quarantined = project.status == ProjectStatus.QUARANTINED
    project.was_quarantined = after is None and (is_quarantined or project.was_quarantined)
    if after is None:
        project.status = ProjectStatus.DELETED
        project.status_reason = ""
        project.upstream_versions = []
        project.last_serial = None
        UpstreamFile.objects.filter(project=project).delete()
        return
    project.status = after.status
    project.status_reason = after.status_reason
    project.upstream_versions = list(after.versions)
    project.last_serial = after.serial
    listed = {file.filename: file for file in after.files}
    touched = _touched(changes)
    gone = touched - listed.keys()
    if gone:
        UpstreamFile.objects.filter(project=project, filename__in=gone).delete()
    UpstreamFile.objects.bulk_create(
        [_row(project, listed[filename]) for filename in sorted(touched & listed.keys())],
        update_conflicts=True,
        unique_fields=["project", "filename"],
        update_fields=_FIELDS,
        batch_size=500,
    )


def _touched(changes: Iterable[Change]) -> set[str]:
    filenames: set[str] = set()
    for change in changes:
        match change:
            case ProjectAppeared(page=page):
                filenames.update(file.filename for file in page.files)
            case FileAdded(file=file) | FileChanged(file=file):
                filenames.add(file.filename)
            case (
                FileRemoved(filename=filename)
                | FileYanked(filename=filename)
                | YankReasonChanged(filename=filename)
                | FileUnyanked(filename=filename)
            ):
                filenames.add(filename)
            case _:
                pass
    return filenames


def _listed(row: UpstreamFile) -> ListedFile:
    return ListedFile(
        filename=row.filename,
        url=row.url,
        sha256=row.sha256,
        size=row.size,
        uploaded_at=row.uploaded_at,
        requires_python=row.requires_python,
        is_yanked=row.is_yanked,
        yanked_reason=row.yanked_reason,
        has_metadata=row.has_metadata,
        metadata_sha256=row.metadata_sha256,
        provenance_url=row.provenance_url,
    )


def _row(project: Project, file: ListedFile) -> UpstreamFile:
    parsed = parse_filename(file.filename, NormalizedName(project.name))
    version = "" if parsed.version is None else str(parsed.version)
    return UpstreamFile(
        project=project,
        filename=file.filename,
        version=version if len(version) <= VERSION_LENGTH else "",
        kind=parsed.kind,
        url=file.url,
        sha256=file.sha256,
        size=file.size,
        uploaded_at=file.uploaded_at,
        requires_python=file.requires_python,
        is_yanked=file.is_yanked,
        yanked_reason=file.yanked_reason,
        has_metadata=file.has_metadata,
        metadata_sha256=file.metadata_sha256,
        provenance_url=file.provenance_url,
    )
