"""A project's files as an index lists them, in short."""

from datetime import UTC, datetime

from builds.domain.planning import ProjectFacts, ReleaseFile
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.status import ProjectStatus, Standing

PROJECT = NormalizedName("demo")
UPLOADED_AT = datetime(2020, 1, 1, tzinfo=UTC)


def listed(
    filename: str,
    *,
    requires_python: str = "",
    sha256: str | None = None,
    yanked: str | None = None,
    project: NormalizedName = PROJECT,
) -> ReleaseFile:
    """A file of upstream's; `yanked` is the reason."""
    parsed = parse_filename(filename, project)
    return ReleaseFile(
        filename=filename,
        kind=parsed.kind,
        version="" if parsed.version is None else str(parsed.version),
        requires_python=requires_python,
        sha256="a" * 64 if sha256 is None else sha256,
        is_yanked=yanked is not None,
        reason=yanked or "",
        uploaded_at=UPLOADED_AT,
    )


def of_ours(
    filename: str, *, standing: Standing = Standing.LISTED, reason: str = ""
) -> ReleaseFile:
    """A wheel of ours."""
    parsed = parse_filename(filename, PROJECT)
    return ReleaseFile(
        filename=filename,
        kind=FileKind.WHEEL,
        version=str(parsed.version),
        sha256="b" * 64,
        is_yanked=standing is Standing.YANKED,
        reason=reason,
        standing=standing,
    )


def project(
    *files: ReleaseFile | str, status: ProjectStatus = ProjectStatus.ACTIVE, reason: str = ""
) -> ProjectFacts:
    """The project `demo` with these files; a bare filename is upstream's."""
    return ProjectFacts(
        name=PROJECT,
        status=status,
        status_reason=reason,
        files=tuple(listed(file) if isinstance(file, str) else file for file in files),
    )
