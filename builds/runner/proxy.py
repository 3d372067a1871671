"""The one thing that a sandbox can talk to: an index, over a Unix socket.

It answers `/simple/<name>/` and the files that those pages name, each verified by SHA-256, and
nothing else. pip and uv install through it (PEP 503, 658, 691, 714).
"""

import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, override
from urllib.parse import quote, unquote, urljoin, urlsplit

import httpx

from builds.domain.limits import MEBIBYTE
from builds.executors.base import INDEX_PORT
from builds.runner.download import (
    CHUNK,
    DownloadError,
    FileCache,
    GoneError,
    UnreachableError,
    WrongHashError,
)
from indexes.domain.names import NormalizedName, parse_project_name
from indexes.domain.negotiation import ACCEPT, HTML, JSON, PLAIN_HTML, choose
from indexes.domain.simple import (
    InvalidPage,
    ListedFile,
    ProjectPage,
    parse_page,
    render_html,
    render_json,
)
from indexes.errors import IndexesError

INDEX_URL = f"http://127.0.0.1:{INDEX_PORT}/simple/"
"""The index as commands in a sandbox reach it."""
PAGE_LIMIT = 64 * MEBIBYTE
PAGES_LIMIT = 512 * MEBIBYTE
"""Of all pages of a job together: they are kept while it lasts, and code may ask for any."""
FILE_LIMIT = 2048 * MEBIBYTE
METADATA_LIMIT = 16 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that a sandbox was given."""

    filename: str
    sha256: str
    url: str


class IndexProxy:
    """The index of one job. `cutoff` hides what was uploaded later, or nobody knows when."""

    def __init__(
        self,
        upstream: str,
        *,
        cache: FileCache,
        client: httpx.Client,
        cutoff: datetime | None = None,
        is_live: Callable[[], bool] = lambda: True,
    ) -> None:
        self._upstream = upstream.rstrip("/") + "/"
        self._cache = cache
        self._client = client
        self._cutoff = cutoff
        self._is_live = is_live
        self._lock = threading.Lock()
        self._pages_size = 0
        self._pages: dict[NormalizedName, ProjectPage | None] = {}
        self._files: dict[str, ListedFile] = {}
        self.downloaded: list[Downloaded] = []
        self.unreachable: list[str] = []
        """What upstream did not answer as it had announced: then no failure is the project's."""

    def page(self, name: NormalizedName) -> ProjectPage | None:
        """Return the project's page, its files at `/files/`; None when upstream has none."""
        with self._lock:
            if name not in self._pages:
                if self._pages_size > PAGES_LIMIT:
                    raise GoneError(f"{name}: this build has asked for too many projects")
                self._pages[name] = self._fetch_page(name)
            return self._pages[name]

    def open(self, sha256: str, filename: str) -> int:
        """Return a descriptor of a file, or of its metadata, that a page served has named."""
        listed = self._files.get(sha256)
        if listed is None or filename not in {listed.filename, f"{listed.filename}.metadata"}:
            raise GoneError(filename)
        if filename == listed.filename:
            descriptor = self._cached(listed.url, sha256, FILE_LIMIT)
            self.downloaded.append(Downloaded(filename, sha256, listed.url))
            return descriptor
        if not listed.metadata_sha256:
            raise GoneError(filename)
        return self._cached(f"{listed.url}.metadata", listed.metadata_sha256, METADATA_LIMIT)

    def _cached(self, url: str, sha256: str, limit: int) -> int:
        try:
            return self._cache.open(url, sha256, limit=limit, is_live=self._is_live)
        except (UnreachableError, WrongHashError) as error:
            self.unreachable.append(str(error))
            raise

    def _fetch_page(self, name: NormalizedName) -> ProjectPage | None:
        url = urljoin(self._upstream, f"{quote(name)}/")
        try:
            with self._client.stream("GET", url, headers={"Accept": ACCEPT}) as response:
                if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                    return None
                response.raise_for_status()
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > PAGE_LIMIT:
                        raise InvalidPage("it is too large")
            self._pages_size += len(body)
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            page = parse_page(
                bytes(body), media_type=media_type.lower(), name=name, base_url=str(response.url)
            )
        except (httpx.HTTPError, IndexesError) as error:
            self.unreachable.append(f"{url}: {error}")
            raise UnreachableError(f"{url}: {error}") from error
        return self._shown(page)

    def _shown(self, page: ProjectPage) -> ProjectPage:
        shown: list[ListedFile] = []
        for file in page.files:
            is_hidden = self._cutoff is not None and (
                file.uploaded_at is None or file.uploaded_at > self._cutoff
            )
            # What has no hash cannot be verified, so it cannot be installed.
            if is_hidden or not file.sha256:
                continue
            self._files[file.sha256] = file
            shown.append(
                replace(
                    file,
                    url=f"../../files/{file.sha256}/{quote(file.filename)}",
                    has_metadata=bool(file.metadata_sha256),
                    provenance_url="",
                )
            )
        return replace(page, files=tuple(shown))

    @contextmanager
    def serve(self, place: Path) -> Iterator[Path]:
        """Answer on a Unix socket in the folder `place` for a while; yields its path."""
        path = place / "index.sock"
        path.unlink(missing_ok=True)
        with _Server(path, self) as server:
            # Whoever the sandbox runs as must be able to connect.
            path.chmod(0o666)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield path
            finally:
                server.shutdown()
                thread.join()
                path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: Path, proxy: IndexProxy) -> None:
        self.proxy = proxy
        # A socket's address is at most 107 bytes long, and a path may be longer.
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            super().__init__(f"/proc/self/fd/{folder}/{path.name}", _Handler)  # type: ignore[arg-type]
        finally:
            os.close(folder)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 120

    @override
    def address_string(self) -> str:
        return "sandbox"

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """The report says what was downloaded."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = unquote(urlsplit(self.path).path).split("/")
        try:
            match parts:
                case ["", "simple", name, ""] | ["", "simple", name]:
                    self._page(parse_project_name(name))
                case ["", "files", sha256, filename]:
                    self._file(sha256, filename)
                case _:
                    self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        except (GoneError, IndexesError):
            self._refuse(HTTPStatus.NOT_FOUND, "upstream has none")
        except DownloadError as error:
            self._refuse(HTTPStatus.BAD_GATEWAY, str(error))

    def _page(self, name: NormalizedName) -> None:
        media_type = choose(self.headers.get("Accept"))
        page = self.server.proxy.page(name)
        if page is None:
            self._refuse(HTTPStatus.NOT_FOUND, f"upstream has no {name}")
        elif media_type is None:
            self._refuse(HTTPStatus.NOT_ACCEPTABLE, f"{JSON}, {HTML} or {PLAIN_HTML}")
        else:
            body = render_json(page) if media_type == JSON else render_html(page)
            self._send(HTTPStatus.OK, body, media_type)

    def _file(self, sha256: str, filename: str) -> None:
        descriptor = self.server.proxy.open(sha256, filename)
        with os.fdopen(descriptor, "rb") as file:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(os.fstat(descriptor).st_size))
            self.end_headers()
            while self.command == "GET" and (chunk := file.read(CHUNK)):
                self.wfile.write(chunk)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, f"{why}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
