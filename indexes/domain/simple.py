"""Pages of the simple repository API 1.4, read and written.

It is PEP 503, 592, 629, 658, 691, 700, 714, 740 and 792 in one specification.

A page is a value. Rendering is deterministic: files are listed by name, keys in one order, so
that an unchanged page has unchanged bytes.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from ipaddress import ip_address
from typing import Any
from urllib.parse import urljoin, urlsplit

from indexes.domain.files import parse_filename
from indexes.domain.names import InvalidProjectName, NormalizedName, parse_project_name
from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from indexes.domain.simple_html import read_html
from indexes.domain.status import ProjectStatus
from indexes.errors import IndexesError

API_VERSION = "1.4"
FILENAME_LENGTH = 255
_LARGEST = 2**63 - 1
# What is added to a time is a time as well.
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)
_SERIAL = re.compile(r"[0-9]{1,19}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class InvalidPage(IndexesError):
    """Somebody's page is not one of the simple API 1.x."""

    code = "invalid-page"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"The page is not one of the simple API: {problem}.")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file as a project page lists it. Empty strings and None stand for "not said"."""

    filename: str
    url: str
    sha256: str = ""
    size: int | None = None
    """Bytes."""
    uploaded_at: datetime | None = None
    requires_python: str = ""
    is_yanked: bool = False
    yanked_reason: str = ""
    has_metadata: bool = False
    """Whether `{url}.metadata` answers (PEP 658)."""
    metadata_sha256: str = ""
    provenance_url: str = ""


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """A project as an index shows it. `serial` is upstream's `_last-serial`, where it has one."""

    name: NormalizedName
    status: ProjectStatus = ProjectStatus.ACTIVE
    status_reason: str = ""
    files: tuple[ListedFile, ...] = ()
    versions: tuple[str, ...] = ()
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class RootPage:
    """The projects an index has."""

    projects: tuple[NormalizedName, ...] = ()
    serial: int | None = None


def union(page: ProjectPage, files: Iterable[ListedFile], versions: Iterable[str]) -> ProjectPage:
    """`page` with more files and versions; of one filename, the page's own file stays."""
    listed = {file.filename: file for file in (*files, *page.files)}
    return ProjectPage(
        name=page.name,
        status=page.status,
        status_reason=page.status_reason,
        files=tuple(listed[filename] for filename in sorted(listed)),
        versions=tuple(dict.fromkeys((*page.versions, *versions))),
        serial=page.serial,
    )


# Writing


def render_json(page: ProjectPage) -> bytes:
    """The page as `application/vnd.pypi.simple.v1+json`."""
    body: dict[str, Any] = {
        "meta": _meta(page.serial),
        "name": page.name,
        "project-status": _status(page),
        "versions": list(page.versions),
        "files": [_file(file) for file in page.files],
    }
    return _dump(body)


def render_root_json(root: RootPage) -> bytes:
    return _dump(
        {"meta": _meta(root.serial), "projects": [{"name": name} for name in root.projects]}
    )


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(
        errors="backslashreplace"
    )


def _meta(serial: int | None) -> dict[str, Any]:
    meta: dict[str, Any] = {"api-version": API_VERSION}
    return meta if serial is None else {**meta, "_last-serial": serial}


def _status(page: ProjectPage) -> dict[str, str]:
    status = {"status": page.status.value}
    return {**status, "reason": page.status_reason} if page.status_reason else status


def _file(file: ListedFile) -> dict[str, Any]:
    item: dict[str, Any] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
    }
    if file.requires_python:
        item["requires-python"] = file.requires_python
    # uv refuses a page where one of these is null, so what is not known is left out.
    if file.size is not None:
        item["size"] = file.size
    if file.uploaded_at is not None:
        item["upload-time"] = format_time(file.uploaded_at)
    # An empty string would be "not yanked" to pip and "yanked" to uv.
    item["yanked"] = (file.yanked_reason or True) if file.is_yanked else False
    if file.has_metadata:
        metadata = {"sha256": file.metadata_sha256} if file.metadata_sha256 else True
        item["core-metadata"] = metadata
        item["data-dist-info-metadata"] = metadata
    if file.provenance_url:
        item["provenance"] = file.provenance_url
    return item


def format_time(value: datetime) -> str:
    """As PEP 700 writes it: `2024-05-01T10:00:00.000000Z`."""
    # Not by strftime: of years before 1000 it leaves digits out.
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def render_html(page: ProjectPage) -> bytes:
    """The page as `application/vnd.pypi.simple.v1+html`; everything in it is escaped."""
    status = [f'<meta name="pypi:project-status" content="{escape(page.status.value)}">']
    if page.status_reason:
        status.append(
            f'<meta name="pypi:project-status-reason" content="{escape(page.status_reason)}">'
        )
    return _html(f"Links for {page.name}", status, [_anchor(file) for file in page.files])


def render_root_html(root: RootPage) -> bytes:
    links = [f'<a href="{escape(name)}/">{escape(name)}</a>' for name in root.projects]
    return _html("Simple index", [], links)


def _html(title: str, head: list[str], links: list[str]) -> bytes:
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta name="pypi:repository-version" content="{API_VERSION}">',
        *head,
        f"<title>{escape(title)}</title>",
        "</head>",
        "<body>",
        f"<h1>{escape(title)}</h1>",
        *(f"{link}<br>" for link in links),
        "</body>",
        "</html>",
        "",
    ]
    return "\n".join(lines).encode(errors="xmlcharrefreplace")


def _anchor(file: ListedFile) -> str:
    fragment = f"#sha256={file.sha256}" if file.sha256 else ""
    attributes = {"href": file.url.partition("#")[0] + fragment}
    if file.requires_python:
        attributes["data-requires-python"] = file.requires_python
    if file.is_yanked:
        attributes["data-yanked"] = file.yanked_reason
    if file.has_metadata:
        metadata = f"sha256={file.metadata_sha256}" if file.metadata_sha256 else "true"
        attributes["data-core-metadata"] = metadata
        attributes["data-dist-info-metadata"] = metadata
    if file.provenance_url:
        attributes["data-provenance"] = file.provenance_url
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items())
    return f"<a{written}>{escape(file.filename)}</a>"


# Reading


def parse_json(body: bytes, *, base_url: str) -> ProjectPage:
    """Somebody's project page; relative URLs are taken from `base_url`. Raises `InvalidPage`.

    One bad field refuses the whole page: half a page would be taken for upstream's word that the
    other half is gone.
    """
    return _page(_load(body), base_url)


def parse_html(body: bytes, *, name: NormalizedName, base_url: str) -> ProjectPage:
    """Somebody's project page in HTML, as `parse_json` reads the other form.

    HTML can be anything, a notice of some proxy as well: a page that lists no file is refused,
    unless it gives a reason, as that of a quarantined project does.
    """
    try:
        read = read_html(body.decode(), name=name, base_url=base_url)
    except UnicodeDecodeError as error:
        raise InvalidPage("it is not UTF-8") from error
    except (ValueError, AssertionError) as error:
        # A base that is no URL, a number of thousands of digits, markup that html.parser gives up.
        raise InvalidPage("it is no HTML that can be read") from error
    if read is None:
        raise InvalidPage("it ends before its end")
    data, base = read
    if not data["files"] and "project-status" not in data:
        raise InvalidPage("it is HTML that lists no file")
    return _page(_checked(data), base)


def parse_page(body: bytes, *, media_type: str, name: NormalizedName, base_url: str) -> ProjectPage:
    """A project page of either form; raises `InvalidPage`."""
    if media_type == JSON:
        return parse_json(body, base_url=base_url)
    if media_type in {HTML, PLAIN_HTML}:
        return parse_html(body, name=name, base_url=base_url)
    raise InvalidPage(f"it is {media_type or 'of no type'}, and we read {JSON} and HTML")


def _page(data: dict[str, Any], base_url: str) -> ProjectPage:
    try:
        name = parse_project_name(_text(data, "name"))
    except InvalidProjectName as error:
        raise InvalidPage("its name is no project name") from error
    status, reason = _parse_status(data.get("project-status"))
    files = tuple(_parse_file(item, base_url) for item in _objects(data, "files"))
    filenames = [file.filename for file in files]
    if len(set(filenames)) != len(filenames):
        raise InvalidPage("it lists one filename twice")
    return ProjectPage(
        name=name,
        status=status,
        status_reason=reason,
        files=tuple(sorted(files, key=lambda file: file.filename)),
        versions=_parse_versions(data.get("versions"), name, filenames),
        serial=parse_serial(data["meta"].get("_last-serial")),
    )


def _load(body: bytes) -> dict[str, Any]:
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidPage("it is not JSON") from error
    if not isinstance(data, dict):
        raise InvalidPage("it is not an object")
    return _checked(data)


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    meta = data.get("meta")
    if not isinstance(meta, dict) or not isinstance(meta.get("api-version"), str):
        raise InvalidPage("it has no API version")
    if meta["api-version"].partition(".")[0] != "1":
        raise InvalidPage(f"its API version is {meta['api-version'][:20]}, and we read 1.x")
    return data


def _objects(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    items = data.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidPage(f"{key} is not a list of objects")
    return items


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value or not _is_storable(value):
        raise InvalidPage(f"{key} is not a string that says something")
    return value


def _is_storable(value: str) -> bool:
    """Whether a database takes the text: no NUL, no half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _optional_text(data: Mapping[str, Any], key: str) -> str:
    return _text(data, key) if data.get(key) else ""


def _parse_status(value: object) -> tuple[ProjectStatus, str]:
    if value is None:
        return ProjectStatus.ACTIVE, ""
    if not isinstance(value, dict):
        raise InvalidPage("project-status is not an object")
    name = value.get("status", ProjectStatus.ACTIVE.value)
    served = [status for status in ProjectStatus if status is not ProjectStatus.DELETED]
    if name not in served:
        raise InvalidPage(f"project-status is {str(name)[:40]!r}, which PEP 792 does not know")
    return ProjectStatus(name), _optional_text(value, "reason")


def _parse_versions(
    value: object, project: NormalizedName, filenames: Iterable[str]
) -> tuple[str, ...]:
    """An index of before PEP 700 says no versions: then those of its files."""
    if value is None:
        parsed = (parse_filename(filename, project).version for filename in filenames)
        found = {version for version in parsed if version is not None}
        return tuple(str(version) for version in sorted(found))
    if not isinstance(value, list) or not all(
        isinstance(item, str) and _is_storable(item) for item in value
    ):
        raise InvalidPage("versions is not a list of strings")
    return tuple(value)


def _parse_file(item: Mapping[str, Any], base_url: str) -> ListedFile:
    filename = _text(item, "filename")
    if (
        len(filename) > FILENAME_LENGTH
        or not filename.isprintable()
        or filename in {"", ".", ".."}
        or not {"/", "\\"}.isdisjoint(filename)
    ):
        raise InvalidPage(f"{filename[:60]!r} is no filename")
    yanked = item.get("yanked", False)
    if not isinstance(yanked, bool | str):
        raise InvalidPage(f"yanked of {filename} is neither a boolean nor a string")
    metadata = item.get("core-metadata", item.get("data-dist-info-metadata"))
    provenance = item.get("provenance")
    return ListedFile(
        filename=filename,
        url=parse_url(_text(item, "url"), base_url=base_url),
        sha256=_sha256(item.get("hashes"), filename),
        size=_count(item.get("size"), f"size of {filename}"),
        uploaded_at=_time(item.get("upload-time"), filename),
        requires_python=_optional_text(item, "requires-python"),
        # A string, even an empty one, is a yank: PEP 592 wrote them as `data-yanked=""`.
        is_yanked=yanked is not False,
        yanked_reason=_optional_text(item, "yanked") if isinstance(yanked, str) else "",
        has_metadata=bool(metadata),
        metadata_sha256=_sha256(metadata, filename) if isinstance(metadata, dict) else "",
        provenance_url=parse_url(_text(item, "provenance"), base_url=base_url)
        if provenance
        else "",
    )


def parse_url(value: str, *, base_url: str) -> str:
    """An address on the web, absolute; relative ones are taken from `base_url`.

    Raises `InvalidPage`, also for one that leads from a public index into a private network.
    """
    try:
        url = urljoin(base_url, value)
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidPage(f"{value[:60]!r} is no URL") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable():
        raise InvalidPage(f"{value[:60]!r} is no address on the web")
    if _is_private(parts.hostname) and not _is_private(urlsplit(base_url).hostname or ""):
        raise InvalidPage(f"{value[:60]!r} leads from a public index into a private network")
    return url


def _is_private(host: str) -> bool:
    """Whether the address says by itself that it is of a private network; names are not asked."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith((".localhost", ".internal", ".local")):
        return True
    try:
        return not ip_address(host.partition("%")[0]).is_global
    except ValueError:
        # What resolvers read as an address all the same: 2130706433, 0x7f.1, 127.1.
        return host.rpartition(".")[2].isdigit() or host.rpartition(".")[2].startswith("0x")


def _sha256(hashes: object, filename: str) -> str:
    value = hashes.get("sha256", "") if isinstance(hashes, dict) else None
    if not isinstance(value, str) or (value and not _SHA256.fullmatch(value)):
        raise InvalidPage(f"hashes of {filename} are not an object of hexadecimal digests")
    return value


def _count(value: object, what: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST:
        return value
    raise InvalidPage(f"{what} is not a number that makes sense")


def parse_serial(value: object) -> int | None:
    """A `_last-serial`; None where it is none.

    No standard describes it (PEP 691 leaves keys with an underscore to the index). Mirrors give it
    as a number or as its digits; whatever else it is, the page is no worse.
    """
    if isinstance(value, str) and _SERIAL.fullmatch(value):
        value = int(value)
    try:
        return _count(value, "_last-serial")
    except InvalidPage:
        return None


def _time(value: object, filename: str) -> datetime | None:
    """Of a time without a zone it is UTC (PEP 700)."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None:
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        time = None
    if time is None or time > _LATEST:
        raise InvalidPage(f"upload-time of {filename} is not a time")
    return time
