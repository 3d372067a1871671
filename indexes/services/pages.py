"""Pages of the indexes: which files they list, and their bytes, kept with the change they show."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from django.db import transaction
from django.db.models import QuerySet
from packaging.version import Version

from indexes.conf import indexes_config
from indexes.domain.encoding import encode
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON, Encoding
from indexes.domain.simple import (
    ListedFile,
    ProjectPage,
    RootPage,
    format_time,
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
_ROOTS = (OVERLAY_ROOT, WHEELS_ROOT)
_FIELDS = [
    "body",
    "gzip_body",
    "zstd_body",
    "etag",
    "zstd_etag",
    "rendered_at",
    "unverified_since",
]


def overlay_path(name: str) -> str:
    return f"{OVERLAY_ROOT}{name}/"


def wheels_path(name: str) -> str:
    return f"{WHEELS_ROOT}{name}/"


def project_root_path(name: str) -> str:
    """Of the index that has this one project; its page is the overlay's."""
    return f"/projects/{name}/simple/"


def page_cache_control() -> str:
    """How old a page may be is how long a yank takes to be seen."""
    seconds = indexes_config().max_age
    return f"public, max-age={seconds}, stale-while-revalidate={seconds}"


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
    render_pages_of(projects=[project], at=at)


def render_pages_of(*, projects: Iterable[Project], at: datetime) -> None:
    """`render_pages` of several projects, whose rows the caller holds: each root is stored once."""
    overlay_turned = wheels_turned = False
    for project in projects:
        turned = _store(_rendered(project), at, unverified_since(project))
        overlay_turned |= overlay_path(project.name) in turned
        wheels_turned |= wheels_path(project.name) in turned
    if overlay_turned:
        _render_root(OVERLAY_ROOT, at)
    if wheels_turned:
        _render_root(WHEELS_ROOT, at)


def repair_pages(*, project: Project, at: datetime) -> None:
    """`render_pages`, and believe of no page that its bytes are those of its ETag."""
    Page.objects.filter(path__in=stale_pages(project=project)).delete()
    render_pages(project=project, at=at)


@transaction.atomic
def repair_roots(*, at: datetime) -> None:
    """The same of the roots."""
    stale = stale_roots()
    Page.objects.filter(path__in=stale).delete()
    for path in stale:
        _render_root(path, at)


def unverified_since(project: Project) -> datetime | None:
    """When upstream last answered for a project whose pages leave out our files for that."""
    return None if project.unverified_at is None else project.verified_at or project.unverified_at


def stale_pages(*, project: Project) -> list[str]:
    """Paths of the project's pages whose stored bytes are not what its rows say."""
    rendered = _rendered(project)
    stored: dict[str, dict[str, bytes]] = {path: {} for path in rendered}
    pages = Page.objects.filter(path__in=rendered)
    for path, media_type, body in pages.values_list("path", "media_type", "body"):
        stored[path][media_type] = bytes(body)
    return [path for path, forms in rendered.items() if stored[path] != forms]


def stale_roots() -> list[str]:
    """The same of the roots; one that was never stored lists nothing."""
    return [path for path in _ROOTS if _is_stale_root(path)]


def _is_stale_root(path: str) -> bool:
    for media_type, body in root_forms(_root(path)).items():
        shown = find_page(path=path, media_type=media_type, encoding=Encoding.IDENTITY)
        if shown is None or shown.body != body:
            return True
    return False


def _rendered(project: Project) -> dict[str, dict[str, bytes]]:
    """Of each page of the project its forms; none for a page that is not to be."""
    ours = _ours(project)
    overlay = _overlay(project, read_state(project), ours)
    own_root = None if overlay is None else RootPage((overlay.name,))
    return {
        overlay_path(project.name): page_forms(overlay),
        project_root_path(project.name): root_forms(own_root),
        wheels_path(project.name): page_forms(_wheels(project, ours)),
    }


def read_overlay(project: Project, *, besides: Iterable[File] = ()) -> ProjectPage | None:
    """The project's page of the overlay, as the rows now have it; None when it has none.

    `besides` are files of ours to be listed that it does not list.
    """
    return _overlay(project, read_state(project), [*_ours(project), *besides])


def _ours(project: Project) -> list[File]:
    if project.unverified_at is not None:
        return []
    files = File.objects.on_pages().filter(project=project).defer("metadata", "provenance")
    return list(files.order_by("filename"))


def _overlay(
    project: Project, upstream: ProjectPage | None, ours: Iterable[File]
) -> ProjectPage | None:
    """Upstream's files and ours, of a project that is enrolled and exists upstream."""
    if upstream is None or not project.is_enrolled:
        return None
    since = unverified_since(project)
    if since is not None:
        reason = f"{upstream.status_reason} {_unverified(since)}".lstrip()
        return replace(upstream, status_reason=reason)
    return union(upstream, map(listed_file, ours), _versions(ours))


def _unverified(since: datetime) -> str:
    return (
        f"Upstream could not be checked since {format_time(since)}: "
        "wheels built here are not listed until it can be."
    )


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


def page_forms(page: ProjectPage | None) -> dict[str, bytes]:
    return {} if page is None else {JSON: render_json(page), HTML: render_html(page)}


def root_forms(root: RootPage | None) -> dict[str, bytes]:
    return {} if root is None else {JSON: render_root_json(root), HTML: render_root_html(root)}


def _root(path: str) -> RootPage:
    projects = Project.objects.in_overlay()
    if path == WHEELS_ROOT:
        on_pages = File.objects.on_pages().values("project")
        projects = Project.objects.filter(unverified_at=None, pk__in=on_pages)
    names = projects.order_by("name").values_list("name", flat=True)
    return RootPage(tuple(map(NormalizedName, names)))


def _render_root(path: str, at: datetime) -> None:
    # Locked before the names are read, or of two projects that appear at once one is lost.
    if not Page.objects.select_for_update().filter(path=path).values_list("pk"):
        Page.objects.bulk_create(
            [_page(path, *form, at, None) for form in root_forms(RootPage()).items()],
            ignore_conflicts=True,
        )
        list(Page.objects.select_for_update().filter(path=path).values_list("pk"))
    _store({path: root_forms(_root(path))}, at, None)


def _store(
    rendered: Mapping[str, Mapping[str, bytes]], at: datetime, unverified_since: datetime | None
) -> set[str]:
    """Keep these forms of each page, none for no page; says which pages appeared or vanished."""
    stored = {
        (path, media_type): (etag, zstd_etag)
        for path, media_type, etag, zstd_etag in Page.objects.filter(path__in=rendered).values_list(
            "path", "media_type", "etag", "zstd_etag"
        )
    }
    differing = [
        _page(path, media_type, body, at, unverified_since)
        for path, forms in rendered.items()
        for media_type, body in forms.items()
        if stored.get((path, media_type)) != (_etag(body), _etag(body))
    ]
    if differing:
        Page.objects.bulk_create(
            differing,
            update_conflicts=True,
            unique_fields=["path", "media_type"],
            update_fields=_FIELDS,
        )
    had = {path for path, _ in stored}
    gone = {path for path in had if not rendered[path]}
    if gone:
        Page.objects.filter(path__in=gone).delete()
    return gone | {path for path, forms in rendered.items() if forms and path not in had}


def _page(
    path: str, media_type: str, body: bytes, at: datetime, unverified_since: datetime | None
) -> Page:
    return Page(
        path=path,
        media_type=media_type,
        body=body,
        gzip_body=encode(body, Encoding.GZIP),
        zstd_body=encode(body, Encoding.ZSTD),
        etag=_etag(body),
        zstd_etag=_etag(body),
        rendered_at=at,
        unverified_since=unverified_since,
    )


@dataclass(frozen=True, slots=True)
class ServedPage:
    """Bytes of a page in the form that a client gets."""

    body: bytes
    etag: str
    """Strong, quoted, of these very bytes: packed, they are another representation."""
    encoding: Encoding = Encoding.IDENTITY
    unverified_since: datetime | None = None
    """Set while it leaves out our files: upstream was not checked after that."""


def served(
    forms: Mapping[str, bytes],
    media_type: str,
    *,
    encoding: Encoding,
    project: Project | None = None,
) -> ServedPage:
    """A page that is not stored, in the form that a client gets."""
    body = forms[_form(media_type)]
    since = None if project is None else unverified_since(project)
    return _packed(ServedPage(body, _etag(body), unverified_since=since), encoding)


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'


def _etag_of(etag: str, encoding: Encoding) -> str:
    return etag if encoding is Encoding.IDENTITY else f'{etag[:-1]}-{encoding}"'


def _form(media_type: str) -> str:
    return JSON if media_type == JSON else HTML


_COLUMNS = {
    Encoding.IDENTITY: ("body", "etag"),
    Encoding.GZIP: ("gzip_body", "etag"),
    Encoding.ZSTD: ("zstd_body", "zstd_etag"),
}


def find_page(*, path: str, media_type: str, encoding: Encoding) -> ServedPage | None:
    """The stored page; None when there is none. A root that was never stored lists nothing."""
    row = stored_page(path=path, media_type=media_type)
    found = row.values_list(*_COLUMNS[encoding], "etag", "unverified_since").first()
    if found is None:
        is_root = path in _ROOTS
        return served(root_forms(RootPage()), media_type, encoding=encoding) if is_root else None
    body, packed_etag, etag, since = found
    if packed_etag != etag:
        plain = find_page(path=path, media_type=media_type, encoding=Encoding.IDENTITY)
        return plain and _packed(plain, encoding)
    return ServedPage(bytes(body), _etag_of(etag, encoding), encoding, since)


def _packed(page: ServedPage, encoding: Encoding) -> ServedPage:
    body, etag = encode(page.body, encoding), _etag_of(page.etag, encoding)
    return replace(page, body=body, etag=etag, encoding=encoding)


def stored_page(*, path: str, media_type: str) -> QuerySet[Page]:
    """The one row of that form: a search of the index on both columns."""
    return Page.objects.filter(path=path, media_type=_form(media_type))


def find_unverified_since(*, name: NormalizedName) -> datetime | None:
    """Since when upstream was not checked for the project, if our files are unlisted for that."""
    project = Project.objects.filter(name=name, unverified_at__isnull=False).first()
    return None if project is None else unverified_since(project)


def page_stamp(*, path: str, media_type: str, name: str) -> object:
    """A value that differs whenever the answer at the path may: the ETag of the stored page.

    Where none is stored, what else the answer rests on: what we know of the project.
    """
    etag = stored_page(path=path, media_type=media_type).values_list("etag", flat=True).first()
    if etag is not None or not name:
        return etag
    projects = Project.objects.filter(name=name)
    return projects.values_list("is_enrolled", "status", "unverified_at").first()


def is_gone(*, name: NormalizedName) -> bool:
    """Whether we follow the project and upstream has deleted it."""
    return Project.objects.enrolled().filter(name=name, status=ProjectStatus.DELETED).exists()
