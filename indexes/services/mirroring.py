"""What a mirror reads of us: what changed since it last asked, and a project's files by release.

bandersnatch knows an index by two addresses of before the simple API had versions: a root whose
projects bear serials, and `/pypi/<name>/json`. We serve what it needs of them and no more: of the
facts about a release that an upload carries (summary, author, licence) we keep none.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from indexes.domain.files import parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import JSON
from indexes.domain.simple import API_VERSION, ListedFile, ProjectPage, format_time
from indexes.models import Page, Project
from indexes.services.pages import OVERLAY_ROOT, overlay_path, read_overlay

# A page younger than this may have been overtaken by one that was rendered before it and is not
# committed yet, whose serial is smaller: a mirror that had seen the larger would never ask again.
SETTLED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class MirroredProject:
    serial: int
    body: dict[str, Any]


def serial_of(rendered_at: datetime) -> int:
    """Microseconds since 1970: grows with every change of a page, whoever made it."""
    return int(rendered_at.astimezone(UTC).timestamp() * 1_000_000)


def read_mirror_root(*, at: datetime) -> dict[str, Any]:
    """The overlay's projects, each with the serial of its page.

    Those that changed within the last minute have none yet: a mirror takes them the next time.
    """
    pages = Page.objects.filter(path__startswith=OVERLAY_ROOT, media_type=JSON)
    rows = pages.exclude(path=OVERLAY_ROOT).order_by("path").values_list("path", "rendered_at")
    projects = []
    for path, rendered_at in rows:
        project: dict[str, Any] = {"name": path.removeprefix(OVERLAY_ROOT).rstrip("/")}
        if rendered_at <= at - SETTLED:
            project["_last-serial"] = serial_of(rendered_at)
        projects.append(project)
    serials = [project.get("_last-serial", 0) for project in projects]
    meta = {"api-version": API_VERSION, "_last-serial": max(serials, default=0)}
    return {"meta": meta, "projects": projects}


def read_mirrored_project(*, name: NormalizedName, site: str) -> MirroredProject | None:
    """The overlay's page of the project by release; `site` goes before addresses of ours."""
    pages = Page.objects.filter(path=overlay_path(name), media_type=JSON)
    rendered_at = pages.values_list("rendered_at", flat=True).first()
    project = Project.objects.in_overlay().filter(name=name).first()
    page = None if project is None else read_overlay(project)
    if project is None or page is None or rendered_at is None:
        return None
    serial = serial_of(rendered_at)
    body = {
        "info": {"name": project.display_name, "version": _latest(page)},
        "releases": _releases(page, site),
        "last_serial": serial,
    }
    return MirroredProject(serial, body)


def _latest(page: ProjectPage) -> str:
    released = [
        parse_filename(f.filename, page.name).version for f in page.files if not f.is_yanked
    ]
    known = [version for version in released if version is not None]
    final = [version for version in known if not version.is_prerelease]
    return str(max(final or known, default=""))


def _releases(page: ProjectPage, site: str) -> dict[str, list[dict[str, Any]]]:
    """Of each version its files. What has no version, hash, size or time a mirror cannot keep."""
    releases: dict[str, list[dict[str, Any]]] = {}
    for file in page.files:
        parsed = parse_filename(file.filename, page.name)
        is_known = file.sha256 and file.size is not None and file.uploaded_at is not None
        if parsed.version is not None and is_known:
            releases.setdefault(str(parsed.version), []).append(
                _file(file, parsed.kind.value, site)
            )
    return releases


def _file(file: ListedFile, kind: str, site: str) -> dict[str, Any]:
    uploaded = None if file.uploaded_at is None else format_time(file.uploaded_at)
    has_digest = file.has_metadata and file.metadata_sha256
    return {
        "filename": file.filename,
        "packagetype": "bdist_wheel" if kind == "wheel" else "sdist",
        "url": _address(file.url, site),
        "digests": {"sha256": file.sha256},
        "size": file.size,
        "upload_time_iso_8601": uploaded,
        "requires_python": file.requires_python or None,
        "yanked": file.is_yanked,
        "yanked_reason": file.yanked_reason or None,
        "core-metadata": {"sha256": file.metadata_sha256} if has_digest else False,
    }


def _address(url: str, site: str) -> str:
    """A mirror keeps a file at the path that it has, and only where that is under `packages`."""
    is_ours = url.startswith("/files/")
    return f"{site}/packages/{url.removeprefix('/files/')}" if is_ours else url
