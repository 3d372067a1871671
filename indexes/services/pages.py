"""Pages of the indexes: which files they list, and their bytes, kept with the change they show."""

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from django.db.models import QuerySet
from packaging.version import Version

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON
from indexes.domain.simple import (
    ListedFile,
    ProjectPage,
    RootPage,
    render_html,
    render_json,
    render_root_html,
    render_root_json,
    union,
)
from indexes.domain.status import ProjectStatus, Standing
from indexes.models import File, Page, Project
from indexes.services.state import read_state

OVERLAY_ROOT = "/simple/"
WHEELS_ROOT = "/wheels/simple/"


def overlay_path(name: str) -> str:
    return f"{OVERLAY_ROOT}{name}/"


def wheels_path(name: str) -> str:
    return f"{WHEELS_ROOT}{name}/"


def project_root_path(name: str) -> str:
    """Of the index that has this one project; its page is the overlay's."""
    return f"/projects/{name}/simple/"


def file_url(sha256: str, filename: str) -> str:
    """On this site, so that the pages stand wherever the site does."""
    return f"/files/{sha256}/{quote(filename)}"


def listed_file(file: File) -> ListedFile:
    """A file of ours as pages list it."""
    return ListedFile(
        filename=file.filename,
        url=file_url(file.sha256, file.filename),
        sha256=file.sha256,
        size=file.size,
        uploaded_at=file.published_at,
        requires_python=file.requires_python,
        is_yanked=file.standing == Standing.YANKED,
        yanked_reason=file.standing_reason if file.standing == Standing.YANKED else "",
        has_metadata=True,
        metadata_sha256=file.metadata_sha256,
    )


def render_pages(*, project: Project, at: datetime) -> None:
    """Store the project's pages as the rows now have them, and the roots that change with them.

    The caller's transaction holds the project's row, so that no two renderings cross.
    """
    turned = {path for path, forms in _rendered(project).items() if _store(path, forms, at)}
    if overlay_path(project.name) in turned:
        _render_root(OVERLAY_ROOT, Project.objects.in_overlay(), at)
    if wheels_path(project.name) in turned:
        with_wheels = Project.objects.filter(pk__in=File.objects.on_pages().values("project"))
        _render_root(WHEELS_ROOT, with_wheels, at)


def stale_pages(*, project: Project) -> list[str]:
    """Paths of the project's pages whose stored bytes are not what its rows say."""
    rendered = _rendered(project)
    stored: dict[str, dict[str, bytes]] = {path: {} for path in rendered}
    pages = Page.objects.filter(path__in=rendered)
    for path, media_type, body in pages.values_list("path", "media_type", "body"):
        stored[path][media_type] = bytes(body)
    return [path for path, forms in rendered.items() if stored[path] != forms]


def _rendered(project: Project) -> dict[str, dict[str, bytes]]:
    """Of each page of the project its forms; none for a page that is not to be."""
    ours = list(
        File.objects.on_pages()
        .filter(project=project)
        .defer("metadata", "provenance")
        .order_by("filename")
    )
    overlay = _overlay(project, read_state(project), ours)
    own_root = None if overlay is None else RootPage((overlay.name,))
    return {
        overlay_path(project.name): _forms(overlay),
        project_root_path(project.name): _root_forms(own_root),
        wheels_path(project.name): _forms(_wheels(project, ours)),
    }


def _overlay(
    project: Project, upstream: ProjectPage | None, ours: Iterable[File]
) -> ProjectPage | None:
    """Upstream's files and ours, of a project that is enrolled and exists upstream."""
    if upstream is None or not project.is_enrolled:
        return None
    return union(upstream, map(listed_file, ours), _versions(ours))


def _wheels(project: Project, ours: Iterable[File]) -> ProjectPage | None:
    """Ours only, of a project that has some: a page without files would stop uv."""
    files = tuple(map(listed_file, ours))
    if not files:
        return None
    return ProjectPage(
        name=NormalizedName(project.name),
        status=ProjectStatus(project.status),
        status_reason=project.status_reason,
        files=files,
        versions=_versions(ours),
    )


def _versions(files: Iterable[File]) -> tuple[str, ...]:
    return tuple(str(version) for version in sorted({Version(file.version) for file in files}))


def _forms(page: ProjectPage | None) -> dict[str, bytes]:
    return {} if page is None else {JSON: render_json(page), HTML: render_html(page)}


def _root_forms(root: RootPage | None) -> dict[str, bytes]:
    return {} if root is None else {JSON: render_root_json(root), HTML: render_root_html(root)}


def _render_root(path: str, projects: QuerySet[Project], at: datetime) -> None:
    # Locked before the names are read, or of two projects that appear at once one is lost.
    Page.objects.bulk_create(
        _pages(path, _root_forms(RootPage()), at),
        ignore_conflicts=True,
    )
    list(Page.objects.select_for_update().filter(path=path).values_list("pk"))
    names = projects.order_by("name").values_list("name", flat=True)
    _store(path, _root_forms(RootPage(tuple(map(NormalizedName, names)))), at)


def _store(path: str, forms: Mapping[str, bytes], at: datetime) -> bool:
    """Keep these forms of the page, none for no page; whether it appeared or vanished."""
    stored = dict(Page.objects.filter(path=path).values_list("media_type", "etag"))
    pages = _pages(path, forms, at)
    differing = [page for page in pages if stored.get(page.media_type) != page.etag]
    if differing:
        Page.objects.bulk_create(
            differing,
            update_conflicts=True,
            unique_fields=["path", "media_type"],
            update_fields=["body", "gzip_body", "etag", "rendered_at"],
        )
    if stored and not forms:
        Page.objects.filter(path=path).delete()
    return bool(stored) != bool(forms)


def _pages(path: str, forms: Mapping[str, bytes], at: datetime) -> list[Page]:
    return [
        Page(
            path=path,
            media_type=media_type,
            body=body,
            gzip_body=gzip.compress(body, mtime=0),
            etag=f'"{hashlib.sha256(body).hexdigest()}"',
            rendered_at=at,
        )
        for media_type, body in forms.items()
    ]


@dataclass(frozen=True, slots=True)
class ServedPage:
    """Bytes of a page in the form that a client gets."""

    body: bytes
    etag: str
    is_gzipped: bool


def find_page(*, path: str, media_type: str, with_gzip: bool) -> ServedPage | None:
    """The stored page; None when there is none. A root that was never stored lists nothing."""
    form = JSON if media_type == JSON else HTML
    column = "gzip_body" if with_gzip else "body"
    found = Page.objects.filter(path=path, media_type=form).values_list(column, "etag").first()
    if found is not None:
        body, etag = bytes(found[0]), found[1]
    elif path in {OVERLAY_ROOT, WHEELS_ROOT}:
        with_gzip, body = False, _root_forms(RootPage())[form]
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
    else:
        return None
    # Other bytes on the wire are another representation, and need another strong ETag.
    return ServedPage(body, f'{etag[:-1]}-gzip"' if with_gzip else etag, with_gzip)


def is_gone(*, name: NormalizedName) -> bool:
    """Whether we follow the project and upstream has deleted it."""
    return Project.objects.enrolled().filter(name=name, status=ProjectStatus.DELETED).exists()
