"""Reading the HTML form of a project page (PEP 503, 592, 629, 658, 714, 740, 792).

The page is turned into the object that its JSON form would be, so that one set of rules judges
both. `data-upload-time` and `data-size` are in no PEP; some indexes say them, and they are read.
"""

from html.parser import HTMLParser
from typing import Any, override
from urllib.parse import parse_qsl, urldefrag, urljoin


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.meta: dict[str, str] = {}
        self.base = ""
        self.files: list[dict[str, Any]] = []
        self.is_whole = False
        self._anchor: dict[str, str] | None = None
        self._text = ""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("name", "").startswith("pypi:"):
            self.meta[values["name"].removeprefix("pypi:")] = values.get("content", "")
        elif tag == "base" and not self.base:
            self.base = values.get("href", "")
        elif tag == "a" and "href" in values:
            self._anchor, self._text = values, ""

    @override
    def handle_data(self, data: str) -> None:
        self._text += data

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "html":
            self.is_whole = True
        elif tag == "a" and self._anchor is not None:
            self.files.append(_file(self._anchor, self._text.strip()))
            self._anchor = None


def read_html(text: str, *, name: str, base_url: str) -> tuple[dict[str, Any], str] | None:
    """The page as its JSON form, and the base of its URLs; None unless it is a whole page."""
    page = _Page()
    page.feed(text)
    page.close()
    if not page.is_whole:
        return None
    shown: dict[str, Any] = {
        "meta": {"api-version": page.meta.get("repository-version", "1.0")},
        "name": name,
        "files": page.files,
    }
    if "project-status" in page.meta:
        reason = page.meta.get("project-status-reason", "")
        shown["project-status"] = {"status": page.meta["project-status"], "reason": reason}
    return shown, urljoin(base_url, page.base)


def _file(anchor: dict[str, str], filename: str) -> dict[str, Any]:
    url, fragment = urldefrag(anchor["href"])
    hashes = dict(parse_qsl(fragment))
    metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    size = anchor.get("data-size", "")
    return {
        "filename": filename,
        "url": url,
        "hashes": {key: value for key, value in hashes.items() if key == "sha256"},
        "requires-python": anchor.get("data-requires-python"),
        "yanked": anchor.get("data-yanked", False),
        "core-metadata": _metadata(metadata),
        "provenance": anchor.get("data-provenance"),
        "upload-time": anchor.get("data-upload-time"),
        "size": int(size) if size.isascii() and size.isdigit() else None,
    }


def _metadata(value: str | None) -> bool | dict[str, str]:
    """`true`, `sha256=…` or nothing (PEP 658)."""
    if value is None or value == "false":
        return False
    return dict([value.split("=", 1)]) if value.startswith("sha256=") else True
