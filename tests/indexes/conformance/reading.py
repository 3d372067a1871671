"""Asking an index and reading what it says, with nothing of ours in between."""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, override
from urllib.parse import urljoin, urlsplit

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML = "text/html"
# Not every index has the versioned type: that is a rule of its own, and no other's business.
ANY_HTML = f"{HTML}, {PLAIN_HTML};q=0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire: nothing is decoded, no redirect is followed."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def __getitem__(self, header: str) -> str:
        return self.headers.get(header, "")

    @property
    def media_type(self) -> str:
        return self.headers.get_content_type()

    @property
    def location(self) -> str:
        return urljoin(self.url, self["Location"])

    @property
    def vary(self) -> set[str]:
        return {part.strip().lower() for part in self["Vary"].split(",") if part.strip()}

    @property
    def cache_control(self) -> dict[str, str]:
        parts = (part.strip().partition("=") for part in self["Cache-Control"].split(","))
        return {name.lower(): value for name, _, value in parts if name}


def ask(url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """Exactly these headers are sent, and Host."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=30)
    try:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(url, response.status, response.headers, response.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file as a page of either form lists it; None where it says nothing."""

    filename: str
    url: str
    hashes: dict[str, str]
    requires_python: str | None
    yanked: bool | str
    metadata: bool | str
    """Its SHA-256 where the page gives it."""
    provenance: str | None


@dataclass(frozen=True, slots=True)
class ReadPage:
    api_version: str
    status: str | None
    status_reason: str | None
    files: tuple[ReadFile, ...]

    @property
    def filenames(self) -> list[str]:
        return [file.filename for file in self.files]


def read_page(answer: Answer) -> ReadPage:
    return _read_json(answer) if answer.media_type == JSON else _read_html(answer)


def _read_json(answer: Answer) -> ReadPage:
    data = json.loads(answer.body)
    status = data.get("project-status", {})
    files = tuple(
        ReadFile(
            filename=file["filename"],
            url=urljoin(answer.url, file["url"]),
            hashes=file["hashes"],
            requires_python=file.get("requires-python"),
            yanked=file.get("yanked", False),
            metadata=_metadata(file.get("core-metadata", False)),
            provenance=file.get("provenance"),
        )
        for file in data["files"]
    )
    return ReadPage(data["meta"]["api-version"], status.get("status"), status.get("reason"), files)


def _metadata(value: Any) -> bool | str:
    return value.get("sha256", True) if isinstance(value, dict) else bool(value)


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Document(HTMLParser):
    """Every element in order, with the text directly after it."""

    elements: list[Element] = field(default_factory=list)
    declaration: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @override
    def handle_decl(self, decl: str) -> None:
        self.declaration = decl

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    @override
    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1].text += data

    def named(self, tag: str) -> Iterator[Element]:
        return (element for element in self.elements if element.tag == tag)

    def meta(self, name: str) -> str | None:
        found = (e.attributes for e in self.named("meta") if e.attributes.get("name") == name)
        return next((attributes.get("content") for attributes in found), None)


def read_document(answer: Answer) -> Document:
    document = Document()
    document.feed(answer.body.decode())
    document.close()
    return document


def _read_html(answer: Answer) -> ReadPage:
    document = read_document(answer)
    return ReadPage(
        document.meta("pypi:repository-version") or "",
        document.meta("pypi:project-status"),
        document.meta("pypi:project-status-reason"),
        tuple(_read_anchor(anchor, answer.url) for anchor in document.named("a")),
    )


def _read_anchor(anchor: Element, base: str) -> ReadFile:
    said = anchor.attributes
    url, _, fragment = urljoin(base, said["href"]).partition("#")
    algorithm, _, digest = fragment.partition("=")
    metadata = said.get("data-core-metadata", "")
    return ReadFile(
        filename=anchor.text.strip(),
        url=url,
        hashes={algorithm: digest} if digest else {},
        requires_python=said.get("data-requires-python"),
        yanked=(said["data-yanked"] or True) if "data-yanked" in said else False,
        metadata=metadata.removeprefix("sha256=") if "=" in metadata else metadata == "true",
        provenance=said.get("data-provenance"),
    )


def read_names(answer: Answer) -> list[str]:
    """The projects that a root lists, as it writes them."""
    if answer.media_type == JSON:
        return [project["name"] for project in json.loads(answer.body)["projects"]]
    return [anchor.text.strip() for anchor in read_document(answer).named("a")]
