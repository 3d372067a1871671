"""An index as static files, for a web server or a CDN with no application behind it."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from django.utils import timezone

from indexes.conf import IndexesConfig, indexes_config
from indexes.domain.encoding import encode
from indexes.domain.names import InvalidProjectName, NormalizedName, parse_project_name
from indexes.domain.negotiation import HTML, JSON, Encoding
from indexes.domain.selection import as_of, end_of, for_platform, is_platform
from indexes.domain.simple import ProjectPage, RootPage
from indexes.domain.status import ProjectStatus
from indexes.errors import IndexesError
from indexes.models import CuratedIndex, File, Page, Project, UpstreamFile
from indexes.services.curated import read_curated
from indexes.services.downloads import (
    CACHE_CONTROL,
    FileNotServed,
    find_download,
    find_metadata,
    find_provenance,
)
from indexes.services.pages import (
    OVERLAY_ROOT,
    WHEELS_ROOT,
    overlay_path,
    page_cache_control,
    page_forms,
    project_root_path,
    read_overlay,
    root_forms,
)
from indexes.storage import file_key
from indexes.storage.s3 import s3_client
from indexes.storage.site import BucketSite, FolderSite, Site, StaticObject

# Beside each page `p` there is `p` with each ending, in that content coding.
CODINGS = {"": Encoding.IDENTITY, ".gz": Encoding.GZIP, ".zst": Encoding.ZSTD}
NAMES = {JSON: "index.json", HTML: "index.html"}
# HTML is stored as what any browser and any old client takes; a web server that negotiates
# says which of its two types it gives.
TYPES = {JSON: JSON, HTML: "text/html; charset=utf-8"}
DEFAULT_INDEXES = (OVERLAY_ROOT, WHEELS_ROOT)


class UnknownIndex(IndexesError):
    """Nothing that can be exported is at that path."""

    code = "unknown-index"

    def __init__(self, given: str) -> None:
        self.given = given
        super().__init__(
            f"There is no index {given!r} to export: name one by its path on the site, such as "
            "simple, wheels/simple, projects/NAME/simple, platforms/TAG/simple, "
            "as-of/2026-01-31/simple or o/ORGANISATION/INDEX/simple."
        )


class CannotLink(IndexesError):
    """Links lead from a folder to a folder."""

    code = "cannot-link"

    def __init__(self) -> None:
        super().__init__(
            "Files can be linked only from a folder, and to storage that is a folder too: "
            "copy them."
        )


class Files(StrEnum):
    """What becomes of the files that the pages list."""

    COPY = "copy"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Exported:
    """Objects: pages, each form and coding of one counted, files, and what is beside them."""

    written: int
    unchanged: int
    deleted: int


def site_at(target: str) -> Site:
    """The folder, or the place in a bucket that `s3://bucket/prefix` names.

    A bucket is reached as storage is: by the same endpoint, region and credentials.
    """
    parts = urlsplit(target)
    if parts.scheme != "s3":
        return FolderSite(Path(target))
    config = indexes_config()
    client = s3_client(endpoint=config.s3_endpoint, region=config.s3_region)
    return BucketSite(client, parts.netloc, parts.path)


def export_index(*, site: Site, indexes: Iterable[str], files: Files = Files.COPY) -> Exported:
    """Bring the site up to date with these indexes, each named by the path of its root.

    A page is `<its path>index.json` and `index.html`, with each coding of `CODINGS` beside it; a
    file of ours is at its usual address, with `.metadata` and `.provenance`. What the manifest of
    the last export has unchanged is left alone; what is gone is deleted, and nothing that the
    manifest does not name. Files come before the pages that list them, pages before the roots,
    and what is gone goes last, so that the site can be served meanwhile. A page that changes while
    this runs is left to the next export: the files that it lists now may not be there. Raises
    `UnknownIndex`, `CannotLink`, `NotAnExport`, `StorageError`.
    """
    if files is Files.LINK and not isinstance(site, FolderSite):
        raise CannotLink
    chosen = [_find_index(given) for given in dict.fromkeys(indexes)]
    before = _read_manifest(site)
    wanted = {given.key: given for given in _objects(chosen, files)}
    changed = [key for key, given in wanted.items() if before.get(key) != given.digest]
    gone = before.keys() - wanted.keys()
    if changed:
        # What is about to be written is named first, as of no known bytes: a run that dies
        # leaves nothing behind that the next does not write again or delete.
        _write_manifest(site, before | dict.fromkeys(changed, ""))
    left = [key for key in changed if not site.write(wanted[key])]
    for key in gone:
        site.delete(key)
    if changed or gone:
        digests = {key: given.digest for key, given in wanted.items()}
        _write_manifest(site, digests | dict.fromkeys(left, ""))
    return Exported(len(changed) - len(left), len(wanted) - len(changed), len(gone))


def _read_manifest(site: Site) -> dict[str, str]:
    content = site.read_manifest()
    read: Any = {"objects": {}} if content is None else json.loads(content)
    return {str(key): str(digest) for key, digest in read["objects"].items()}


def _write_manifest(site: Site, digests: Mapping[str, str]) -> None:
    site.write_manifest(json.dumps({"objects": digests}, indent=0, sort_keys=True).encode())


# Which pages an index has


@dataclass(frozen=True, slots=True)
class _Source:
    """A form of a page, and how to get its bytes as they are now; None when it has gone."""

    path: str
    """On the site, as in `/simple/name/`."""
    media_type: str
    etag: str
    read: Callable[[], bytes | None]


@dataclass(frozen=True, slots=True)
class _Index:
    pages: Callable[[], Iterator[_Source]]
    roots: Callable[[], Iterator[_Source]]
    project: NormalizedName | None = None
    """The one project that it has; None for an index of all."""


def _find_index(given: str) -> _Index:
    path = given.strip("/")
    for pattern, find in _KINDS:
        found = re.fullmatch(pattern, path)
        index = None if found is None else find(f"/{path}/", *found.groups())
        if index is not None:
            return index
    raise UnknownIndex(given)


def _stored_index(root: str) -> _Index:
    def pages() -> Iterator[_Source]:
        rows = Page.objects.filter(path__startswith=root).exclude(path=root)
        for path, media_type, etag in _rows(rows):
            yield _Source(path, media_type, etag, partial(_body, path, media_type))

    def roots() -> Iterator[_Source]:
        stored = list(_rows(Page.objects.filter(path=root)))
        for path, media_type, etag in stored:
            yield _Source(path, media_type, etag, partial(_body, path, media_type))
        if not stored:
            # A root that was never stored lists nothing.
            yield from _made(root, partial(root_forms, RootPage()))

    return _Index(pages, roots)


def _rows(pages: Any) -> Iterator[tuple[str, str, str]]:
    rows = pages.order_by("path", "media_type").values_list("path", "media_type", "etag")
    yield from rows.iterator()


def _body(path: str, media_type: str) -> bytes | None:
    pages = Page.objects.filter(path=path, media_type=media_type)
    body = pages.values_list("body", flat=True).first()
    return None if body is None else bytes(body)


def _project_index(root: str, given: str) -> _Index | None:
    try:
        name = parse_project_name(given)
    except InvalidProjectName:
        return None
    stored = {f"{root}{name}/": overlay_path(name), root: project_root_path(name)}
    if name != given or not Page.objects.filter(path=stored[root]).exists():
        return None

    def sources(path: str) -> Iterator[_Source]:
        for kept, media_type, etag in _rows(Page.objects.filter(path=stored[path])):
            yield _Source(path, media_type, etag, partial(_body, kept, media_type))

    return _Index(partial(sources, f"{root}{name}/"), partial(sources, root), name)


def _platform_index(root: str, platform: str) -> _Index | None:
    if not is_platform(platform):
        return None
    return _Index(
        partial(_made_pages, root, lambda page: for_platform(page, platform)),
        partial(_made_root, root, lambda: _names(Project.objects.in_overlay())),
    )


def _dated_index(root: str, given: str) -> _Index | None:
    try:
        day = date.fromisoformat(given)
    except ValueError:
        return None
    if day > timezone.now().astimezone(UTC).date():
        return None

    def then(page: ProjectPage) -> ProjectPage | None:
        left = as_of(page, day)
        is_there = left.files or page.status is ProjectStatus.QUARANTINED
        return left if is_there else None

    def names() -> list[NormalizedName]:
        had = UpstreamFile.objects.filter(uploaded_at__lt=end_of(day)).values("project")
        return _names(Project.objects.in_overlay().filter(pk__in=had))

    return _Index(partial(_made_pages, root, then), partial(_made_root, root, names))


def _curated_index(root: str, tenant: str, slug: str) -> _Index | None:
    """Who is to read a private one is then the business of what serves it."""
    index = CuratedIndex.objects.filter(tenant=tenant, slug=slug).first()
    if index is None:
        return None
    names = list(map(NormalizedName, index.projects))

    def forms(name: NormalizedName) -> dict[str, bytes]:
        found = read_curated(index=index, name=name, at=timezone.now())
        is_there = found is not None and (found.page.files or not found.left_out)
        return page_forms(found.page) if found is not None and is_there else {}

    def pages() -> Iterator[_Source]:
        for name in names:
            yield from _made(f"{root}{name}/", partial(forms, name))

    return _Index(pages, partial(_made_root, root, lambda: names))


# An index by the path of its root; the groups are what the function is given besides.
_KINDS: tuple[tuple[str, Callable[..., _Index | None]], ...] = (
    (r"simple|wheels/simple", _stored_index),
    (r"projects/([^/]+)/simple", _project_index),
    (r"platforms/([^/]+)/simple", _platform_index),
    (r"as-of/(\d{4}-\d{2}-\d{2})/simple", _dated_index),
    (r"o/([^/]+)/([^/]+)/simple", _curated_index),
)


def _names(projects: Any) -> list[NormalizedName]:
    return list(map(NormalizedName, projects.order_by("name").values_list("name", flat=True)))


def _made(path: str, make: Callable[[], dict[str, bytes]]) -> Iterator[_Source]:
    """A page that is not stored: made to see what it is, and again when it is to be written."""
    for media_type, body in make().items():
        etag = hashlib.sha256(body).hexdigest()
        yield _Source(path, media_type, etag, partial(_form, make, media_type))


def _form(make: Callable[[], dict[str, bytes]], media_type: str) -> bytes | None:
    return make().get(media_type)


def _made_pages(
    root: str, select: Callable[[ProjectPage], ProjectPage | None]
) -> Iterator[_Source]:
    def forms(name: NormalizedName) -> dict[str, bytes]:
        project = Project.objects.in_overlay().filter(name=name).first()
        page = None if project is None else read_overlay(project)
        return {} if page is None else page_forms(select(page))

    for name in _names(Project.objects.in_overlay()):
        yield from _made(f"{root}{name}/", partial(forms, name))


def _made_root(root: str, names: Callable[[], list[NormalizedName]]) -> Iterator[_Source]:
    yield from _made(root, lambda: root_forms(RootPage(tuple(names()))))


# What is written


def _objects(indexes: Iterable[_Index], files: Files) -> Iterator[StaticObject]:
    """In the order in which they are to appear."""
    chosen = list(indexes)
    # Looked at before the files: all that they list is among those.
    pages = [*_sources(chosen, "pages"), *_sources(chosen, "roots")]
    yield from _file_objects({index.project for index in chosen}, files)
    cache_control = page_cache_control()
    for source in pages:
        yield from _page_objects(source, cache_control)


def _sources(indexes: Iterable[_Index], part: str) -> Iterator[_Source]:
    return chain.from_iterable(getattr(index, part)() for index in indexes)


def _page_objects(source: _Source, cache_control: str) -> Iterator[StaticObject]:
    digest = source.etag.strip('"')

    def read(coding: Encoding) -> BinaryIO | None:
        body = source.read()
        if body is None or hashlib.sha256(body).hexdigest() != digest:
            return None
        return BytesIO(encode(body, coding))

    for ending, coding in CODINGS.items():
        yield StaticObject(
            key=f"{source.path[1:]}{NAMES[source.media_type]}{ending}",
            digest=digest,
            content_type=TYPES[source.media_type],
            content_encoding="" if coding is Encoding.IDENTITY else coding.value,
            cache_control=cache_control,
            read=partial(read, coding),
        )


def _file_objects(projects: set[NormalizedName | None], files: Files) -> Iterator[StaticObject]:
    """Of every file that may be downloaded, listed or not: lock files name them."""
    found = File.objects.downloadable()
    if None not in projects:
        found = found.filter(project__name__in=projects)
    rows = found.order_by("pk").values_list("filename", "sha256")
    config = indexes_config()
    for filename, sha256 in rows.iterator():
        yield StaticObject(
            key=f"files/{sha256}/{filename}",
            digest=sha256,
            content_type="application/octet-stream",
            cache_control=CACHE_CONTROL,
            read=partial(_opened, filename, sha256),
            link_to=_place(config, sha256) if files is Files.LINK else None,
        )
        yield _beside(filename, sha256, ".metadata", "text/plain; charset=utf-8", find_metadata)
        yield _beside(filename, sha256, ".provenance", "application/json", find_provenance)


def _opened(filename: str, sha256: str) -> BinaryIO | None:
    """None of a file that was quarantined meanwhile."""
    try:
        return find_download(sha256=sha256, filename=filename).open()
    except FileNotServed:
        return None


def _place(config: IndexesConfig, sha256: str) -> Path:
    if config.storage != "local":
        raise CannotLink
    return (config.storage_root / file_key(sha256)).resolve()


def _beside(
    filename: str, sha256: str, ending: str, content_type: str, find: Callable[..., bytes]
) -> StaticObject:
    def read() -> BinaryIO | None:
        try:
            return BytesIO(find(sha256=sha256, filename=filename))
        except FileNotServed:
            return None

    return StaticObject(
        key=f"files/{sha256}/{filename}{ending}",
        # A file never changes, and what is beside it was made with it.
        digest=sha256,
        content_type=content_type,
        cache_control=CACHE_CONTROL,
        read=read,
    )
