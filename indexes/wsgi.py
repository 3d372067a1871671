"""Index pages on a thin WSGI entry: answers from memory, all else by the application it wraps.

The application behind it (Django) is the only one that makes an answer, so that each header is
what it says. An answer is kept by what it may depend on: path, form, coding, host and scheme. A
hit is two look-ups in dictionaries and takes no lock: what a client sent is read once, and known
when it comes again.

How a change is noticed, in every process on every host: an answer is kept with its *stamp*
(`indexes.services.pages.page_stamp`: the ETag of the stored page, or why there is none), read
from the database before the answer was made. An answer whose stamp was read within the last
second is given as it is; after that the stamp is read again, and if it differs the answer is
made anew. A page of one platform, or as of a day, goes by the stamp of the project's page of the
overlay, and by whether that day has come. So what is served is at most a second older than the
database, a page costs at most one small query a second and process, and no count of changes that
transactions would have to queue for is kept.

The answer of an organisation's index is kept for each reader apart, and its stamp says besides
whether the reader's token is good and what the index's terms are
(`indexes.services.curated.curated_stamp`): four small queries a second. Of the token itself only
a digest is kept.
"""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.utils import timezone

from indexes.domain.credentials import token_of
from indexes.domain.names import InvalidProjectName, parse_project_name
from indexes.domain.negotiation import JSON, Encoding, choose, choose_encoding
from indexes.domain.selection import is_platform
from indexes.services.curated import curated_stamp
from indexes.services.pages import (
    OVERLAY_ROOT,
    WHEELS_ROOT,
    overlay_path,
    page_stamp,
    project_root_path,
    wheels_path,
)
from indexes.views import PROXIED, has_etag

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FRESH_SECONDS = 1.0
CACHE_BYTES = 64 * 1024 * 1024
# What an answer takes beside its body: headers, keys, the entry itself.
_OVERHEAD = 4 * 1024
# What clients sent, as it was read: no longer than this, and no more of it.
_LONGEST_KNOWN = 1024
_MOST_KNOWN = 8192
_METHODS = frozenset({"GET", "HEAD"})
_CURATED = "/o/"
_PREFIXES = ("/simple/", "/wheels/simple/", "/projects/", "/platforms/", "/as-of/", _CURATED)
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_PATH = re.compile(
    rf"(?P<index>/simple/|/wheels/simple/)(?:(?P<name>{_NAME})/?)?"
    rf"|/projects/(?P<project>{_NAME})/simple(?:/(?P<listed>{_NAME})?)?/?"
    rf"|/platforms/(?P<platform>[a-z0-9_]+)/simple/(?:(?P<of_platform>{_NAME})/?)?"
    rf"|/as-of/(?P<day>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})/simple/(?P<dated>{_NAME})/?"
    rf"|/o/(?P<tenant>[\w-]+)/(?P<slug>[\w-]+)/simple/(?:(?P<chosen>{_NAME})/?)?",
    re.ASCII,
)
_NAMES = ("name", "project", "of_platform", "dated", "chosen")
_KEPT = frozenset({"200", "301", "302", "401", "404"})
_NOT_KEPT = frozenset({"set-cookie", PROXIED.lower()})
_NOT_OF_304 = frozenset({"content-type", "content-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str
    headers: list[tuple[str, str]]
    headers_of_304: list[tuple[str, str]]
    body: bytes
    etag: str
    stamp: object
    stamped_at: float
    """Monotonic seconds, from before the stamp was read."""

    @property
    def size(self) -> int:
        return len(self.body) + _OVERHEAD


class _Sent(NamedTuple):
    """What a client sent of all that an answer may depend on. A tuple, as that is fast to hash."""

    method: str
    path: str
    query: str
    accept: str
    encoding: str | None
    host: str
    scheme: str
    forwarded_scheme: str
    is_elsewhere: bool
    """Whether the request was sent on from another host, or is for an application below ours."""
    reader: str
    """A digest of what the reader of an organisation's index showed."""


class _Basis(NamedTuple):
    """What an answer rests on: a stored page, a project, and whether a day has come."""

    path: str
    name: str
    day: date | None
    curated: tuple[str, str] | None
    """The tenant and slug of the index, where an organisation's is asked for."""


class _Request(NamedTuple):
    """All that an answer depends on."""

    path: str
    basis: _Basis
    media_type: str
    encoding: Encoding
    host: str
    scheme: str
    forwarded_scheme: str
    reader: str


class _Cache:
    """Answers by request; when the bytes do not fit, those go that were renewed longest ago.

    Reading takes no lock: a dictionary is whole at any moment.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._answers: OrderedDict[_Request, _Answer] = OrderedDict()
        self.get = self._answers.get

    def put(self, request: _Request, answer: _Answer) -> None:
        with self._lock:
            self._forget(request)
            if answer.size > self._max_bytes:
                return
            self._answers[request] = answer
            self._bytes += answer.size
            while self._bytes > self._max_bytes:
                self._forget(next(iter(self._answers)))

    def forget(self, request: _Request) -> None:
        with self._lock:
            self._forget(request)

    def _forget(self, request: _Request) -> None:
        answer = self._answers.pop(request, None)
        if answer is not None:
            self._bytes -= answer.size


class IndexApplication:
    """A WSGI application (PEP 3333); `clock` gives monotonic seconds."""

    def __init__(
        self,
        application: "WSGIApplication",
        *,
        clock: Callable[[], float] = time.monotonic,
        max_bytes: int = CACHE_BYTES,
    ) -> None:
        self._application = application
        self._clock = clock
        self._cache = _Cache(max_bytes)
        proxy = settings.SECURE_PROXY_SSL_HEADER
        self._scheme_header = proxy[0] if proxy else ""
        self._known: dict[tuple[object, ...], _Request] = {}

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        get = environ.get
        path = get("PATH_INFO", "")
        sent = (
            environ["REQUEST_METHOD"],
            path,
            get("QUERY_STRING", ""),
            get("HTTP_ACCEPT", ""),
            get("HTTP_ACCEPT_ENCODING"),
            get("HTTP_HOST", ""),
            environ["wsgi.url_scheme"],
            get(self._scheme_header, ""),
            "HTTP_X_FORWARDED_HOST" in environ or bool(get("SCRIPT_NAME")),
            _reader(environ) if path.startswith(_CURATED) else "",
        )
        request = self._known.get(sent) or self._read(_Sent(*sent))
        answer = None if request is None else self._find(request, environ)
        if answer is None:
            return self._application(environ, start_response)
        if_none_match = get("HTTP_IF_NONE_MATCH")
        if if_none_match and answer.etag and _is_known(if_none_match, answer.etag):
            start_response("304 Not Modified", answer.headers_of_304.copy())
            return [b""]
        start_response(answer.status, answer.headers.copy())
        return [b"" if sent[0] == "HEAD" else answer.body]

    def _read(self, sent: _Sent) -> _Request | None:
        """The request in what was sent, remembered unless it would fill the memory."""
        request = _request(sent)
        if request is not None and _length(sent) <= _LONGEST_KNOWN:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[sent] = request
        return request

    def _find(self, request: _Request, environ: "WSGIEnvironment") -> _Answer | None:
        """The answer as of a second ago or later; None when it is not one to keep."""
        answer = self._cache.get(request)
        now = self._clock()
        if answer is not None and now - answer.stamped_at < FRESH_SECONDS:
            return answer
        stamp = _read_stamp(request, environ)
        if answer is not None and answer.stamp == stamp:
            answer = replace(answer, stamped_at=now)
        else:
            answer = self._ask(request, environ, stamp, now)
        if answer is None:
            self._cache.forget(request)
        else:
            self._cache.put(request, answer)
        return answer

    def _ask(
        self, request: _Request, environ: "WSGIEnvironment", stamp: object, now: float
    ) -> _Answer | None:
        """What the application says, asked with nothing but what the answer is kept by."""
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str,
            headers: list[tuple[str, str]],
            exc_info: Any = None,  # noqa: ARG001  # PEP 3333's signature
            /,
        ) -> Callable[[bytes], object]:
            told.append((status, headers))
            return _no_write

        parts = self._application(self._plain(request, environ), start_response)
        try:
            body = b"".join(parts)
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        status, headers = told[-1]
        values = {name.lower(): value for name, value in headers}
        if status[:3] not in _KEPT or values.keys() & _NOT_KEPT:
            return None
        return _Answer(
            status, headers, _headers_of_304(headers), body, values.get("etag", ""), stamp, now
        )

    def _plain(self, request: _Request, environ: "WSGIEnvironment") -> "WSGIEnvironment":
        plain = {key: value for key, value in environ.items() if not key.startswith("HTTP_")}
        plain |= {
            "REQUEST_METHOD": "GET",
            "CONTENT_LENGTH": "0",
            "CONTENT_TYPE": "",
            "wsgi.input": BytesIO(),
            "HTTP_ACCEPT": request.media_type,
            "HTTP_ACCEPT_ENCODING": request.encoding.value,
        }
        if request.host:
            plain["HTTP_HOST"] = request.host
        if request.reader:
            plain["HTTP_AUTHORIZATION"] = environ["HTTP_AUTHORIZATION"]
        if request.forwarded_scheme:
            plain[self._scheme_header] = request.forwarded_scheme
        return plain


def _reader(environ: "WSGIEnvironment") -> str:
    authorization = environ.get("HTTP_AUTHORIZATION")
    return hashlib.sha256(authorization.encode()).hexdigest() if authorization else ""


def _length(sent: _Sent) -> int:
    return sum(len(value) for value in sent if isinstance(value, str))


def _request(sent: _Sent) -> _Request | None:
    """What the answer depends on; None for what is not ours to remember: 406, other paths."""
    if (
        not sent.path.startswith(_PREFIXES)
        or sent.method not in _METHODS
        or sent.query
        or sent.is_elsewhere
    ):
        return None
    basis = _basis(sent.path)
    media_type, encoding = choose(sent.accept), choose_encoding(sent.encoding)
    if basis is None or media_type is None or encoding is None:
        return None
    return _Request(
        sent.path,
        basis,
        media_type,
        encoding,
        sent.host,
        sent.scheme,
        sent.forwarded_scheme,
        sent.reader,
    )


def _no_write(data: bytes) -> None:
    """What PEP 3333 has for applications of before it; Django does not call it."""
    raise NotImplementedError


def _is_known(if_none_match: str, etag: str) -> bool:
    # Most clients send back the one that they were given.
    return if_none_match == etag or has_etag(if_none_match, etag)


def _headers_of_304(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    kept = [header for header in headers if header[0].lower() not in _NOT_OF_304]
    return [*kept, ("Content-Length", "0")]


def _read_stamp(request: _Request, environ: "WSGIEnvironment") -> object:
    """Between the signals of a request, at which Django looks after its connections."""
    request_started.send(IndexApplication, environ=environ)
    try:
        return _stamp_of(request, environ)
    finally:
        request_finished.send(IndexApplication)


def _stamp_of(request: _Request, environ: "WSGIEnvironment") -> object:
    basis, now = request.basis, timezone.now()
    if basis.curated is not None:
        tenant, slug = basis.curated
        return curated_stamp(
            tenant=tenant,
            slug=slug,
            name=basis.name,
            media_type=request.media_type,
            secret=token_of(environ.get("HTTP_AUTHORIZATION")),
            at=now,
        )
    # Only JSON says when a file came, by which a day's page chooses.
    media_type = request.media_type if basis.day is None else JSON
    stamp = page_stamp(path=basis.path, media_type=media_type, name=basis.name)
    return stamp, basis.day is None or basis.day <= now.astimezone(UTC).date()


def _basis(path: str) -> _Basis | None:
    """What the answer at the path rests on; None where no page can be."""
    found = _PATH.fullmatch(path)
    if found is None or not is_platform(found["platform"] or "win32"):
        return None
    try:
        day = date.fromisoformat(found["day"]) if found["day"] else None
    except ValueError:
        return None
    curated = (found["tenant"], found["slug"]) if found["tenant"] else None
    return _Basis(*_stored(found), day, curated)


def _stored(found: re.Match[str]) -> tuple[str, str]:
    """The path of the stored page, and the project's name.

    Where nothing stored answers, the path itself: then nothing changes the answer.
    """
    given = next(filter(None, (found[group] for group in _NAMES)), None)
    if given is None:
        return OVERLAY_ROOT if found["platform"] else found[0], ""
    try:
        name = parse_project_name(given)
    except InvalidProjectName:
        return found[0], ""
    if found["index"] == WHEELS_ROOT:
        return wheels_path(name), name
    if found["project"] and not found["listed"]:
        return project_root_path(name), name
    return overlay_path(name), name
