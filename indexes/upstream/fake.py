"""An upstream for tests: in memory, and the same over HTTP."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
import xmlrpc.client
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, override
from urllib.parse import quote, unquote, urlsplit

from indexes.domain.facts import ProjectFacts, parse_facts
from indexes.domain.files import parse_filename
from indexes.domain.names import NormalizedName, parse_project_name
from indexes.domain.negotiation import JSON
from indexes.domain.simple import (
    API_VERSION,
    ListedFile,
    ProjectPage,
    parse_json,
    render_json,
)
from indexes.domain.status import ProjectStatus
from indexes.upstream.base import (
    NotModified,
    ProjectNotUpstream,
    RootSerials,
    UpstreamInvalid,
    UpstreamPage,
    UpstreamUnreachable,
)

RETRY_AFTER = 1
"""Seconds, with every 429."""
UPLOADED_AT = datetime(2020, 1, 1, tzinfo=UTC)


class Fault(StrEnum):
    """What can go wrong with one answer."""

    UNAVAILABLE = "503"
    TOO_MANY_REQUESTS = "429"
    FORBIDDEN = "403"
    RESET = "reset"
    SLOW = "slow"
    TRUNCATED = "truncated"
    GARBAGE = "garbage"
    WRONG_TYPE = "wrong-type"
    TOO_LARGE = "too-large"
    ENDLESS = "endless"
    """100 MB, and nothing says so before."""
    DRIP = "drip"
    """A byte now and then, of the headers too."""
    NOT_FOUND = "404"
    GONE = "410"
    NOT_MODIFIED = "304"
    """Though nothing was asked on condition."""

    @property
    def is_answer(self) -> bool:
        """Whether something came, that is not what it should be."""
        return self in {
            *(Fault.GARBAGE, Fault.WRONG_TYPE, Fault.TOO_LARGE, Fault.ENDLESS),
            Fault.NOT_MODIFIED,
        }


@dataclass
class _Stored:
    listed: ListedFile
    content: bytes
    metadata: bytes | None
    provenance: dict[str, Any] | None


@dataclass
class _Project:
    name: str
    status: ProjectStatus = ProjectStatus.ACTIVE
    status_reason: str = ""
    files: dict[str, _Stored] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    serial: int = 0
    display_name: str = ""
    roles: set[tuple[str, str]] = field(default_factory=set)


class FakeUpstream:
    """Implements `Upstream` over what a test put into it; `serve()` shows the same over HTTP.

    >>> upstream = FakeUpstream()
    >>> _ = upstream.add_file("docopt", "docopt-0.6.2.tar.gz", b"...")
    >>> upstream.yank("docopt", "0.6.2", reason="broken")

    `seen` lists the paths asked for, in order, as `/simple/docopt/`; over HTTP `seen_headers` the
    headers of each, and `seen_at` the time (monotonic seconds). `has_etags = False` makes it an
    upstream that sends none, `has_roles = False` one that does not say who has roles. `delay` is
    waited before every answer over HTTP, in seconds. `serial` counts all changes.
    `files_path` is where its files are. `endless_sent`
    are the bytes that clients took of endless answers.
    """

    def __init__(self, url: str = "https://upstream.example") -> None:
        self.url = url
        self.has_etags = True
        self.has_roles = True
        self.delay = 0.0
        self.files_path = "files"
        self.seen: list[str] = []
        self.seen_at: list[float] = []
        self.seen_headers: list[dict[str, str]] = []
        self.serial = 1
        self.endless_sent = 0
        self._projects: dict[NormalizedName, _Project] = {}
        self._faults: list[tuple[Fault, str]] = []
        self._overrides: dict[NormalizedName, bytes] = {}
        self.redirects: dict[str, str] = {}
        self._events: list[tuple[str, str, int, str, int]] = []
        self._lock = threading.Lock()

    # What a test puts into it

    def add_project(
        self, name: str, *, status: ProjectStatus | str = ProjectStatus.ACTIVE, reason: str = ""
    ) -> None:
        """The project, or its new status (PEP 792)."""
        normalized = parse_project_name(name)
        project = self._projects.setdefault(normalized, _Project(normalized))
        project.status, project.status_reason = ProjectStatus(status), reason
        self._touch(project)

    def add_file(
        self,
        name: str,
        filename: str,
        content: bytes = b"",
        *,
        requires_python: str = "",
        uploaded_at: datetime | None = UPLOADED_AT,
        metadata: bytes | None = None,
        provenance: dict[str, Any] | None = None,
    ) -> ListedFile:
        """A file of the project, which is made when it does not exist."""
        normalized = parse_project_name(name)
        project = self._projects.setdefault(normalized, _Project(normalized))
        listed = ListedFile(
            filename=filename,
            url="",
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            uploaded_at=uploaded_at,
            requires_python=requires_python,
            has_metadata=metadata is not None,
            metadata_sha256="" if metadata is None else hashlib.sha256(metadata).hexdigest(),
        )
        project.files[filename] = _Stored(listed, content, metadata, provenance)
        version = parse_filename(filename, normalized).version
        if version is not None and str(version) not in project.versions:
            project.versions.append(str(version))
        self._touch(project)
        return self._shown(project.files[filename])

    def add_sdist(
        self,
        name: str,
        version: str,
        *,
        files: dict[str, str] | None = None,
        requires_python: str = "",
        uploaded_at: datetime | None = UPLOADED_AT,
    ) -> ListedFile:
        """A small `.tar.gz` sdist with PKG-INFO and `files` (path in it → text)."""
        stem = f"{parse_project_name(name).replace('-', '_')}-{version}"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if requires_python:
            metadata += f"Requires-Python: {requires_python}\n"
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, text in {"PKG-INFO": metadata, **(files or {})}.items():
                member = tarfile.TarInfo(f"{stem}/{path}")
                member.size = len(text.encode())
                member.mtime = int((uploaded_at or UPLOADED_AT).timestamp())
                archive.addfile(member, io.BytesIO(text.encode()))
        content = gzip.compress(buffer.getvalue(), mtime=0)
        return self.add_file(
            name,
            f"{stem}.tar.gz",
            content,
            requires_python=requires_python,
            uploaded_at=uploaded_at,
        )

    def yank(self, name: str, target: str, *, reason: str = "") -> None:
        """A file by its name, or every file of a version."""
        self._set_yanked(name, target, is_yanked=True, reason=reason)

    def unyank(self, name: str, target: str) -> None:
        self._set_yanked(name, target, is_yanked=False, reason="")

    def _set_yanked(self, name: str, target: str, *, is_yanked: bool, reason: str) -> None:
        for stored in self._matching(name, target):
            stored.listed = replace(stored.listed, is_yanked=is_yanked, yanked_reason=reason)
        self._touch(self._projects[parse_project_name(name)])

    def remove_file(self, name: str, target: str) -> None:
        """A file by its name, or a whole release by its version."""
        normalized = parse_project_name(name)
        project = self._projects[normalized]
        for stored in self._matching(name, target):
            del project.files[stored.listed.filename]
        left = {parse_filename(filename, normalized).version for filename in project.files}
        project.versions = [v for v in project.versions if v in {str(item) for item in left}]
        self._touch(project)

    def rename(self, name: str, display_name: str) -> None:
        """Write the project's name in another way."""
        project = self._projects[parse_project_name(name)]
        project.display_name = display_name
        self._touch(project)

    def set_roles(self, name: str, *roles: tuple[str, str]) -> None:
        """Of the project these (role, user), and no others."""
        project = self._projects[parse_project_name(name)]
        project.roles = set(roles)
        self._touch(project)

    def set_serial(self, name: str, serial: int) -> None:
        """As a cache would that answers with an older page."""
        self._projects[parse_project_name(name)].serial = serial

    def _touch(self, project: _Project) -> None:
        self.serial += 1
        project.serial = self.serial
        self._events.append((project.name, "", 0, "changed", self.serial))

    def remove_project(self, name: str) -> None:
        del self._projects[parse_project_name(name)]
        self.serial += 1

    def _matching(self, name: str, target: str) -> list[_Stored]:
        normalized = parse_project_name(name)
        found = [
            stored
            for filename, stored in self._projects[normalized].files.items()
            if target in {filename, str(parse_filename(filename, normalized).version)}
        ]
        if not found:
            raise KeyError(target)
        return found

    def override(self, name: str, body: bytes) -> None:
        """Answer for the project with exactly these bytes."""
        self._overrides[parse_project_name(name)] = body

    def redirect(self, name: str, location: str) -> None:
        """Send who asks over HTTP for the project elsewhere."""
        self.redirects[f"/simple/{name}/"] = location

    def fail(self, fault: Fault, *, times: int = 1, path: str = "") -> None:
        """The next `times` answers for paths that contain `path` go wrong."""
        self._faults.extend([(fault, path)] * times)

    def recover(self) -> None:
        """No further answer goes wrong."""
        self._faults.clear()
        self._overrides.clear()

    # What it shows

    def page(self, name: NormalizedName) -> ProjectPage | None:
        """The project's page as it stands now; a quarantined one lists no files (PEP 792)."""
        project = self._projects.get(name)
        if project is None:
            return None
        is_hidden = project.status is ProjectStatus.QUARANTINED
        shown = [] if is_hidden else [self._shown(stored) for stored in project.files.values()]
        return ProjectPage(
            name=name,
            status=project.status,
            status_reason=project.status_reason,
            files=tuple(sorted(shown, key=lambda file: file.filename)),
            versions=tuple(project.versions),
            serial=project.serial,
        )

    def _shown(self, stored: _Stored) -> ListedFile:
        file = stored.listed
        url = f"{self.url}/{self.files_path}/{file.sha256}/{quote(file.filename)}"
        provenance = "" if stored.provenance is None else f"{url}.provenance"
        return replace(file, url=url, provenance_url=provenance)

    def body(self, path: str) -> bytes | None:
        """The bytes at a path of this upstream: a page in JSON, a file, a file's metadata."""
        parts = unquote(path).strip("/").split("/")
        if parts == ["simple"]:
            return self._root()
        if len(parts) == 3 and (parts[0], parts[2]) == ("pypi", "json"):  # noqa: PLR2004 - as above
            return self._facts(NormalizedName(parts[1]))
        if len(parts) == 2 and parts[0] == "simple":  # noqa: PLR2004 - /simple/<name>/
            name = NormalizedName(parts[1])
            page = self.page(name)
            shown = None if page is None else render_json(page)
            return self._overrides.get(name, shown)
        return self._file_body(parts[-1])

    def _root(self) -> bytes:
        projects = [
            {"name": name, "_last-serial": project.serial}
            for name, project in sorted(self._projects.items())
        ]
        meta = {"api-version": API_VERSION, "_last-serial": self.serial}
        return json.dumps({"meta": meta, "projects": projects}).encode()

    def _facts(self, name: NormalizedName) -> bytes | None:
        project = self._projects.get(name)
        if project is None:
            return None
        roles = [{"role": role, "user": user} for role, user in sorted(project.roles)]
        data: dict[str, Any] = {"info": {"name": project.display_name or name}}
        if self.has_roles:
            data["ownership"] = {"roles": roles, "organization": None}
        return json.dumps(data).encode()

    def changelog(self, call: bytes) -> bytes:
        arguments, method = xmlrpc.client.loads(call)
        answer: Any = self.serial
        if method == "changelog_since_serial":
            since = arguments[0]
            answer = [list(event) for event in self._events if event[-1] > since]  # type: ignore[operator]
        return xmlrpc.client.dumps((answer,), methodresponse=True).encode()

    def _file_body(self, filename: str) -> bytes | None:
        for project in self._projects.values():
            for stored in project.files.values():
                ending = filename.removeprefix(stored.listed.filename)
                if ending == "":
                    return stored.content
                if ending == ".metadata":
                    return stored.metadata
                if ending == ".provenance" and stored.provenance is not None:
                    return json.dumps(stored.provenance).encode()
        return None

    def next_fault(self, path: str) -> Fault | None:
        with self._lock:
            for number, (fault, part) in enumerate(self._faults):
                if part in path:
                    del self._faults[number]
                    return fault
        return None

    # The Upstream protocol

    def project_page(self, name: NormalizedName, etag: str = "") -> UpstreamPage | NotModified:
        body = self._answer(f"/simple/{name}/", name)
        if body is None:
            raise ProjectNotUpstream(name)
        digest = hashlib.sha256(body).hexdigest()
        current = f'"{digest}"' if self.has_etags else ""
        if current and etag == current:
            return NotModified()
        page = parse_json(body, base_url=self.project_url(name))
        if page.name != name:
            raise UpstreamInvalid(name, f"it is the page of {page.name}")
        return UpstreamPage(digest=digest, etag=current, page=page)

    def project_facts(self, name: NormalizedName) -> ProjectFacts | None:
        body = self._answer(f"/pypi/{name}/json", f"the facts of {name}")
        return None if body is None else parse_facts(body, name=name)

    def serials(self, names: Container[str], etag: str = "") -> RootSerials | NotModified:
        body = self._answer("/simple/", "its root listing") or b""
        current = f'"{hashlib.sha256(body).hexdigest()}"' if self.has_etags else ""
        if current and etag == current:
            return NotModified()
        listed = json.loads(body)["projects"]
        return RootSerials(
            current,
            {item["name"]: item["_last-serial"] for item in listed if item["name"] in names},
        )

    def project_url(self, name: NormalizedName) -> str:
        return f"{self.url}/simple/{name}/"

    def fetch_file(self, url: str, *, max_bytes: int, sha256: str) -> bytes:
        content = self._answer(urlsplit(url).path, url)
        if content is None:
            raise UpstreamInvalid(url, "it is not there")
        if len(content) > max_bytes:
            raise UpstreamInvalid(url, f"it is longer than {max_bytes} bytes")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise UpstreamInvalid(url, "its SHA-256 is not the one of the page")
        return content

    def _answer(self, path: str, what: str) -> bytes | None:
        self.seen.append(path)
        fault = self.next_fault(path)
        if fault is None:
            return self.body(path)
        if fault in {Fault.NOT_FOUND, Fault.GONE}:
            return None
        if fault.is_answer:
            raise UpstreamInvalid(what, fault)
        raise UpstreamUnreachable(what, fault, is_limit=fault is Fault.TOO_MANY_REQUESTS)

    # Over HTTP

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on 127.0.0.1 for a while; yields the URL of its simple index.

        Meanwhile `url`, and with it every URL it shows, is the server's.
        """
        before = self.url
        server = _Server(("127.0.0.1", 0), _Handler)
        server.upstream = self
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield f"{self.url}/simple/"
        finally:
            self.url = before
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    upstream: FakeUpstream

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no event."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    # A slow answer takes this long; clients under test are given shorter timeouts.
    slow_seconds = 2.0

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        call = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(200, self.server.upstream.changelog(call), "text/xml")

    def do_GET(self) -> None:
        upstream, path = self.server.upstream, urlsplit(self.path).path
        upstream.seen.append(path)
        upstream.seen_at.append(time.monotonic())
        upstream.seen_headers.append(dict(self.headers.items()))
        time.sleep(upstream.delay)
        fault = upstream.next_fault(path)
        body = upstream.body(path)
        if fault is not None:
            self._misbehave(fault, body or b"")
        elif path in upstream.redirects:
            self._send(302, b"", "text/plain", headers={"Location": upstream.redirects[path]})
        elif body is None:
            self._send(404, b"Not Found", "text/plain")
        else:
            is_page = path.startswith("/simple/")
            etag = f'"{hashlib.sha256(body).hexdigest()}"' if upstream.has_etags else ""
            headers = {"ETag": etag} if etag else {}
            if is_page and etag and self.headers.get("If-None-Match") == etag:
                self._send(304, b"", JSON, headers=headers)
            else:
                media_type = JSON if is_page else "application/octet-stream"
                self._send(200, body, media_type, headers=headers)

    def _misbehave(self, fault: Fault, body: bytes) -> None:
        self.close_connection = True
        match fault:
            case Fault.UNAVAILABLE | Fault.TOO_MANY_REQUESTS | Fault.FORBIDDEN:
                self._send(int(fault), b"no", "text/plain")
            case Fault.RESET:
                self.connection.close()
            case Fault.SLOW:
                time.sleep(self.slow_seconds)
                self._send(200, body, JSON)
            case Fault.NOT_FOUND | Fault.GONE:
                self._send(int(fault), b"Not Found", "text/plain")
            case Fault.NOT_MODIFIED:
                self._send(304, b"", JSON)
            case Fault.ENDLESS:
                self._send_endless(body)
            case Fault.DRIP:
                self._drip()
            case _:
                self._misanswer(fault, body)

    def _misanswer(self, fault: Fault, body: bytes) -> None:
        match fault:
            case Fault.TRUNCATED:
                self._send(200, body[: len(body) // 2], JSON, length=len(body) + 1)
            case Fault.GARBAGE:
                self._send(200, b"<html>" + body, JSON)
            case Fault.WRONG_TYPE:
                self._send(200, body, "text/html")
            case Fault.TOO_LARGE:
                self._send(200, body + b" " * 50_000_000, JSON)
            case _:
                raise ValueError(fault)

    def _send_endless(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", JSON)
        self.end_headers()
        self.wfile.write(body)
        for _ in range(100):
            self.wfile.write(b" " * 1_000_000)
            self.server.upstream.endless_sent += 1_000_000

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
        for _ in range(200):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _send(
        self,
        status: int,
        body: bytes,
        media_type: str,
        *,
        length: int | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.send_header("Retry-After", str(RETRY_AFTER))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `seen`."""
