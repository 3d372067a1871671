"""Index pages and files over HTTP. No session, no cookie: what is here is public and cached."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import wraps
from typing import Any, BinaryIO, Concatenate

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from indexes.conf import indexes_config
from indexes.domain.credentials import token_of
from indexes.domain.names import InvalidProjectName, NormalizedName, parse_project_name
from indexes.domain.negotiation import (
    HTML,
    JSON,
    PLAIN_HTML,
    Encoding,
    choose,
    choose_encoding,
)
from indexes.domain.ranges import ByteRange, RangeNotSatisfiable, parse_range
from indexes.domain.selection import for_platform
from indexes.domain.simple import ProjectPage, format_time
from indexes.models import CuratedIndex
from indexes.services.curated import (
    CredentialsNeeded,
    NoSuchIndex,
    find_curated_page,
    find_curated_root,
    find_readable,
)
from indexes.services.downloads import (
    CACHE_CONTROL,
    URL_SECONDS,
    FileNotServed,
    find_download,
    find_metadata,
    find_provenance,
)
from indexes.services.mirroring import read_mirror_root, read_mirrored_project
from indexes.services.pages import (
    OVERLAY_ROOT,
    WHEELS_ROOT,
    ServedPage,
    find_page,
    find_unverified_since,
    is_gone,
    overlay_path,
    page_cache_control,
    page_forms,
    project_root_path,
    served,
    wheels_path,
)
from indexes.services.proxy import RETRY_SECONDS, proxied_page
from indexes.services.variants import (
    find_dated_page,
    find_dated_root,
    find_platform_page,
)
from indexes.services.verification import upstream_status as read_upstream_status
from indexes.storage import StorageError
from indexes.upstream import (
    ProjectNotUpstream,
    UpstreamError,
    UpstreamInvalid,
    get_upstream,
)

log = logging.getLogger(__name__)
CHUNK = 256 * 1024
# When upstream last answered, on pages that leave out our files because it does not.
UNVERIFIED = "Affineur-Unverified-Since"
# On answers that rest on what upstream said just now: no stored page tells when they are old.
PROXIED = "Affineur-Proxied"


def _read_only[**Given](
    view: Callable[Given, HttpResponseBase],
) -> Callable[Given, HttpResponseBase]:
    """405 and `Allow` for what would write, not the portal's 403: there is no form to forge."""
    return csrf_exempt(require_safe(view))


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _cached(response: HttpResponseBase) -> HttpResponseBase:
    response["Cache-Control"] = page_cache_control()
    return response


type _Find = Callable[[str, Encoding], ServedPage | None]
"""Of a media type and a coding, the page."""


def _serve_page(request: HttpRequest, path: str) -> HttpResponseBase | None:
    """The stored page at the path in the form that the client takes; None when there is none."""
    return _serve(
        request,
        lambda media_type, encoding: find_page(path=path, media_type=media_type, encoding=encoding),
    )


def _serve(request: HttpRequest, find: _Find) -> HttpResponseBase | None:
    media_type = choose(request.headers.get("Accept"))
    if media_type is None:
        return _not_acceptable("Accept", [JSON, HTML, PLAIN_HTML])
    encoding = choose_encoding(request.headers.get("Accept-Encoding"))
    if encoding is None:
        return _not_acceptable("Accept-Encoding", Encoding)
    page = find(media_type, encoding)
    if page is None:
        return None
    if has_etag(request.headers.get("If-None-Match", ""), page.etag):
        response: HttpResponseBase = HttpResponseNotModified()
    else:
        charset = "; charset=utf-8" if media_type == PLAIN_HTML else ""
        response = HttpResponse(page.body, content_type=f"{media_type}{charset}")
        response["Content-Length"] = str(len(page.body))
        if page.encoding is not Encoding.IDENTITY:
            response["Content-Encoding"] = page.encoding.value
    response["ETag"] = page.etag
    patch_vary_headers(response, ["Accept", "Accept-Encoding"])
    return _cached(_dated(response, page.unverified_since))


def _not_acceptable(header: str, forms: Iterable[str]) -> HttpResponseBase:
    response = _plain(406, f"This page comes as {', '.join(forms)}: ask for one of them.")
    patch_vary_headers(response, [header])
    return response


def _dated(response: HttpResponseBase, unverified_since: datetime | None) -> HttpResponseBase:
    if unverified_since is not None:
        response[UNVERIFIED] = format_time(unverified_since)
    return response


def has_etag(if_none_match: str, etag: str) -> bool:
    """Weakly compared, as RFC 9110 wants for `If-None-Match`: a proxy may have made it weak."""
    wanted = {given.removeprefix("W/") for given in parse_etags(if_none_match)}
    return bool(wanted & {etag, "*"})


type _NamedView = Callable[Concatenate[HttpRequest, NormalizedName, ...], HttpResponseBase]


def _for_project(route: str) -> Callable[[_NamedView], Callable[..., HttpResponseBase]]:
    """Parse the project's name; what is not normalised is sent to the route of what is."""

    def decorate(view: _NamedView) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapped(request: HttpRequest, name: str, **others: Any) -> HttpResponseBase:
            try:
                normalized = parse_project_name(name)
            except InvalidProjectName as error:
                return _plain(404, str(error))
            if normalized != name or not request.path.endswith("/"):
                place = reverse(route, kwargs={**others, "name": normalized})
                return _cached(HttpResponsePermanentRedirect(place))
            return view(request, normalized, **others)

        return wrapped

    return decorate


@_read_only
def overlay_root(request: HttpRequest) -> HttpResponseBase:
    return _serve_page(request, OVERLAY_ROOT) or _plain(404, "There is no such index.")


@_read_only
def wheels_root(request: HttpRequest) -> HttpResponseBase:
    return _serve_page(request, WHEELS_ROOT) or _plain(404, "There is no such index.")


@_read_only
@_for_project("indexes:overlay-project")
def overlay_project(request: HttpRequest, name: NormalizedName) -> HttpResponseBase:
    """Upstream's files and ours; what we do not follow is upstream's to answer."""
    return _serve_page(request, overlay_path(name)) or _elsewhere(request, name)


def _elsewhere(
    request: HttpRequest,
    name: NormalizedName,
    select: Callable[[ProjectPage], ProjectPage] = lambda page: page,
) -> HttpResponseBase:
    """What upstream has of a project that we do not follow: a redirect, or `select` of its page."""
    if is_gone(name=name):
        return _cached(_plain(404, f"{name} was deleted upstream."))
    if indexes_config().overlay_unknown == "redirect":
        return _cached(HttpResponseRedirect(get_upstream().project_url(name)))
    response = _from_upstream(request, name, select)
    response[PROXIED] = "true"
    return response


def _from_upstream(
    request: HttpRequest, name: NormalizedName, select: Callable[[ProjectPage], ProjectPage]
) -> HttpResponseBase:
    def find(media_type: str, encoding: Encoding) -> ServedPage:
        page = select(proxied_page(name=name, at=timezone.now()))
        return served(page_forms(page), media_type, encoding=encoding)

    try:
        response = _serve(request, find)
    except ProjectNotUpstream as error:
        return _cached(_plain(404, str(error)))
    except UpstreamError as error:
        return _later(error)
    return response or _plain(404, f"There is no page of {name}.")


def _later(error: UpstreamError) -> HttpResponseBase:
    """Upstream's fault, for now: 502 where it answered something else, 503 where it did not."""
    response = _plain(502 if isinstance(error, UpstreamInvalid) else 503, str(error))
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


@_read_only
@_for_project("indexes:wheels-project")
def wheels_project(request: HttpRequest, name: NormalizedName) -> HttpResponseBase:
    return _serve_page(request, wheels_path(name)) or _without_wheels(name)


def _without_wheels(name: NormalizedName) -> HttpResponseBase:
    """404, and not a page without files, at which uv would stop looking elsewhere."""
    since = find_unverified_since(name=name)
    if since is None:
        return _cached(_plain(404, f"We have no wheel of {name}."))
    text = f"Upstream could not be checked for {name}: our wheels are not listed until it can be."
    return _cached(_dated(_plain(404, text), since))


@_read_only
@_for_project("indexes:project-root")
def project_root(request: HttpRequest, name: NormalizedName) -> HttpResponseBase:
    """The root of the index that has this one project."""
    return _serve_page(request, project_root_path(name)) or _cached(
        _plain(404, f"We do not follow {name}: it has no index here.")
    )


@_read_only
def project_page(request: HttpRequest, name: str, listed: str) -> HttpResponseBase:
    """The page in the index of one project: the overlay's, of that project and no other."""
    try:
        project, wanted = parse_project_name(name), parse_project_name(listed)
    except InvalidProjectName as error:
        return _plain(404, str(error))
    if wanted != project:
        return _cached(_plain(404, f"The index of {project} has no other project."))
    if (project, wanted) != (name, listed) or not request.path.endswith("/"):
        place = reverse("indexes:project-page", args=[project, project])
        return _cached(HttpResponsePermanentRedirect(place))
    return _serve_page(request, overlay_path(project)) or _elsewhere(request, project)


@_read_only
def platform_root(request: HttpRequest, platform: str) -> HttpResponseBase:  # noqa: ARG001  # all have the same projects
    return _serve_page(request, OVERLAY_ROOT) or _plain(404, "There is no such index.")


@_read_only
@_for_project("indexes:platform-project")
def platform_project(request: HttpRequest, name: NormalizedName, platform: str) -> HttpResponseBase:
    """The overlay's page without the wheels of other platforms."""

    def find(media_type: str, encoding: Encoding) -> ServedPage | None:
        return find_platform_page(
            name=name, platform=platform, media_type=media_type, encoding=encoding
        )

    return _serve(request, find) or _elsewhere(
        request, name, lambda page: for_platform(page, platform)
    )


@_read_only
def dated_root(request: HttpRequest, day: date) -> HttpResponseBase:
    if day > timezone.now().astimezone(UTC).date():
        return _plain(404, f"{day} is yet to come.")

    def find(media_type: str, encoding: Encoding) -> ServedPage | None:
        return find_dated_root(day=day, media_type=media_type, encoding=encoding)

    return _serve(request, find) or _plain(404, "There is no such index.")


@_read_only
@_for_project("indexes:dated-project")
def dated_project(request: HttpRequest, name: NormalizedName, day: date) -> HttpResponseBase:
    """The overlay's page with what was there by the end of that day (UTC).

    What we do not follow is 404: upstream's own page is not of that day.
    """
    if day > timezone.now().astimezone(UTC).date():
        return _plain(404, f"{day} is yet to come.")

    def find(media_type: str, encoding: Encoding) -> ServedPage | None:
        return find_dated_page(name=name, day=day, media_type=media_type, encoding=encoding)

    response = _serve(request, find)
    if response is None:
        return _cached(_plain(404, f"We know of no file of {name} on {day}."))
    return response


@_read_only
def curated_root(request: HttpRequest, tenant: str, index: str) -> HttpResponseBase:
    """The projects that an organisation chose."""

    def answer(curated: CuratedIndex) -> HttpResponseBase:
        if not request.path.endswith("/"):
            return _cached(HttpResponsePermanentRedirect(f"{request.path}/"))

        def find(media_type: str, encoding: Encoding) -> ServedPage:
            return find_curated_root(index=curated, media_type=media_type, encoding=encoding)

        return _serve(request, find) or _plain(404, "There is no such index.")

    return _for_readers(request, tenant, index, answer)


@_read_only
def curated_project(request: HttpRequest, tenant: str, index: str, name: str) -> HttpResponseBase:
    """A project as an organisation's rules let it be listed.

    Its wheels of ours are named by their public addresses: what is private is the choice.
    """

    def answer(curated: CuratedIndex) -> HttpResponseBase:
        try:
            project = parse_project_name(name)
        except InvalidProjectName as error:
            return _plain(404, str(error))
        if project != name or not request.path.endswith("/"):
            place = reverse("indexes:curated-project", args=[tenant, index, project])
            return _cached(HttpResponsePermanentRedirect(place))
        return _curated_page(request, curated, project)

    return _for_readers(request, tenant, index, answer)


def _curated_page(
    request: HttpRequest, curated: CuratedIndex, name: NormalizedName
) -> HttpResponseBase:
    def find(media_type: str, encoding: Encoding) -> ServedPage | None:
        return find_curated_page(
            index=curated,
            name=name,
            media_type=media_type,
            encoding=encoding,
            at=timezone.now(),
        )

    try:
        response = _serve(request, find)
    except UpstreamError as error:
        return _later(error)
    if response is not None:
        return response
    # A page without files would stop uv from looking elsewhere.
    return _cached(_plain(404, f"{curated} lists no file of {name}."))


def _for_readers(
    request: HttpRequest,
    tenant: str,
    slug: str,
    answer: Callable[[CuratedIndex], HttpResponseBase],
) -> HttpResponseBase:
    """The answer of an index that this request may read; of a private one nobody else keeps it."""
    secret = token_of(request.headers.get("Authorization"))
    try:
        index = find_readable(tenant=tenant, slug=slug, secret=secret, at=timezone.now())
    except CredentialsNeeded as error:
        response: HttpResponseBase = _plain(401, str(error))
        response["WWW-Authenticate"] = 'Basic realm="affineur", charset="UTF-8"'
        return _unshared(response, "no-store")
    except NoSuchIndex as error:
        return _unshared(_plain(404, str(error)), "private, no-store")
    response = answer(index)
    if not index.is_private:
        return response
    return _unshared(response, f"private, max-age={indexes_config().max_age}")


def _unshared(response: HttpResponseBase, cache_control: str) -> HttpResponseBase:
    if response.headers.get("Cache-Control") != "no-store":
        response["Cache-Control"] = cache_control
    patch_vary_headers(response, ["Authorization"])
    return response


@_read_only
def upstream_status(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001  # a view's signature
    """How long ago upstream was checked, as JSON; times in seconds."""
    status = asdict(read_upstream_status(at=timezone.now()))
    response = JsonResponse(status)
    response["Cache-Control"] = "public, max-age=15"
    return response


# What mirrors read


@_read_only
def mirror_root(request: HttpRequest) -> HttpResponseBase:  # noqa: ARG001  # a view's signature
    """The overlay's projects with a serial each, as bandersnatch asks for them."""
    body = read_mirror_root(at=timezone.now())
    return _cached(JsonResponse(body, content_type=JSON))


@_read_only
def mirror_project(request: HttpRequest, name: str) -> HttpResponseBase:
    """The project's files by release, as PyPI's older JSON interface has them."""
    try:
        normalized = parse_project_name(name)
    except InvalidProjectName as error:
        return _plain(404, str(error))
    site = request.build_absolute_uri("/").rstrip("/")
    found = read_mirrored_project(name=normalized, site=site)
    if found is None:
        return _cached(_plain(404, f"We do not follow {normalized}."))
    response = _cached(JsonResponse(found.body))
    response["X-PyPI-Last-Serial"] = str(found.serial)
    return response


# Files


def _immutable(response: HttpResponseBase, etag: str) -> HttpResponseBase:
    response["Cache-Control"] = CACHE_CONTROL
    response["ETag"] = etag
    return response


@_read_only
def file(request: HttpRequest, sha256: str, filename: str) -> HttpResponseBase:
    try:
        download = find_download(sha256=sha256, filename=filename)
    except FileNotServed as error:
        return _plain(404, str(error))
    etag = f'"{sha256}"'
    if has_etag(request.headers.get("If-None-Match", ""), etag):
        return _immutable(HttpResponseNotModified(), etag)
    # Not on HEAD: an address of storage is signed for GET alone.
    is_get = request.method == "GET"
    location = download.location() if is_get else None
    if location is not None:
        redirect = HttpResponseRedirect(location)
        redirect["Cache-Control"] = f"private, max-age={URL_SECONDS // 2}"
        return redirect
    # A range of another file than the one the client has begins nowhere.
    is_same = request.headers.get("If-Range", etag) == etag
    wanted = request.headers.get("Range") if is_get and is_same else None
    try:
        part = parse_range(wanted, size=download.size)
    except RangeNotSatisfiable as error:
        refused = _plain(416, str(error))
        refused["Content-Range"] = f"bytes */{download.size}"
        return refused
    try:
        response = _stream(request, download.open, part, download.size)
    except StorageError as error:
        log.exception("cannot serve %s", filename)
        return _plain(503, str(error))
    return _immutable(response, etag)


def _stream(
    request: HttpRequest, open_file: Callable[[], BinaryIO], part: ByteRange | None, size: int
) -> HttpResponseBase:
    whole = ByteRange(0, size - 1)
    sent = part or whole
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        response = StreamingHttpResponse(_chunks(open_file(), sent))
    response["Content-Type"] = "application/octet-stream"
    response["Content-Length"] = str(sent.length)
    response["Accept-Ranges"] = "bytes"
    if part is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {part.start}-{part.end}/{size}"
    return response


def _chunks(content: BinaryIO, part: ByteRange) -> Iterator[bytes]:
    with content:
        content.seek(part.start)
        left = part.length
        while left > 0 and (chunk := content.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


@_read_only
def file_metadata(request: HttpRequest, sha256: str, filename: str) -> HttpResponseBase:
    try:
        metadata = find_metadata(sha256=sha256, filename=filename)
    except FileNotServed as error:
        return _plain(404, str(error))
    return _serve_bytes(request, metadata, "text/plain; charset=utf-8")


@_read_only
def file_provenance(request: HttpRequest, sha256: str, filename: str) -> HttpResponseBase:
    try:
        provenance = find_provenance(sha256=sha256, filename=filename)
    except FileNotServed as error:
        return _plain(404, str(error))
    return _serve_bytes(request, provenance, "application/json")


def _serve_bytes(request: HttpRequest, body: bytes, content_type: str) -> HttpResponseBase:
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    if has_etag(request.headers.get("If-None-Match", ""), etag):
        return _immutable(HttpResponseNotModified(), etag)
    response = HttpResponse(body, content_type=content_type)
    response["Content-Length"] = str(len(body))
    return _immutable(response, etag)
