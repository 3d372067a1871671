"""Index pages as static files, for a web server with no application behind it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.domain.negotiation import HTML, JSON, Encoding
from indexes.errors import IndexesError
from indexes.models import Page
from indexes.services.pages import OVERLAY_ROOT, WHEELS_ROOT, find_page

MANIFEST = ".affineur-export.json"
_NAMES = {JSON: "index.json", HTML: "index.html"}
_ROOTS = (OVERLAY_ROOT, WHEELS_ROOT)


class NotAnExport(IndexesError):
    """The folder has files that no export of ours wrote."""

    code = "not-an-export"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} is not empty and no export of ours: name a new folder or an export's."
        )


@dataclass(frozen=True, slots=True)
class Exported:
    """Pages, each form of one counted, and each with its gzipped twin."""

    written: int
    unchanged: int
    deleted: int


def export_index(*, folder: Path) -> Exported:
    """Bring the folder up to date with the overlay and the wheels index.

    A page is `simple/<name>/index.html` and `index.json`, each with `.gz` beside it. Pages that
    the manifest has with the ETag of today are left alone; what is gone is deleted, and nothing
    that the manifest does not name. Each file is replaced whole, projects before the roots, so
    that the folder can be served meanwhile. Raises `NotAnExport`.
    """
    before = _read_manifest(folder)
    pages = _pages()
    # What is about to be written is named first, or a run that dies leaves files behind.
    _write_manifest(folder, dict.fromkeys(pages, "") | before)
    changed = [path for path, page in pages.items() if before.get(path) != page.etag]
    for path in changed:
        _export(folder, pages[path], path)
    gone = before.keys() - pages.keys()
    for path in gone:
        _delete(folder, path)
    _write_manifest(folder, {path: page.etag for path, page in pages.items()})
    return Exported(len(changed), len(pages) - len(changed), len(gone))


@dataclass(frozen=True, slots=True)
class _Source:
    site_path: str
    media_type: str
    etag: str


def _pages() -> dict[str, _Source]:
    """By path in the folder; those of projects come first."""
    stored = Page.objects.filter(path__startswith=OVERLAY_ROOT) | Page.objects.filter(
        path__startswith=WHEELS_ROOT
    )
    rows = stored.exclude(path__in=_ROOTS).order_by("path", "media_type")
    sources = [_Source(*row) for row in rows.values_list("path", "media_type", "etag")]
    for root in _ROOTS:
        for media_type in _NAMES:
            page = find_page(path=root, media_type=media_type, encoding=Encoding.IDENTITY)
            if page is not None:
                sources.append(_Source(root, media_type, page.etag))
    return {f"{source.site_path[1:]}{_NAMES[source.media_type]}": source for source in sources}


def _export(folder: Path, source: _Source, path: str) -> None:
    for ending, encoding in (("", Encoding.IDENTITY), (".gz", Encoding.GZIP)):
        page = find_page(path=source.site_path, media_type=source.media_type, encoding=encoding)
        if page is not None:  # it may have gone meanwhile
            _replace(folder / f"{path}{ending}", page.body)


def _replace(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.write_bytes(content)
    fresh.replace(target)


def _delete(folder: Path, path: str) -> None:
    target = folder / path
    for file in (target, target.with_name(f"{target.name}.gz")):
        file.unlink(missing_ok=True)
    if target.parent.is_dir() and not any(target.parent.iterdir()):
        target.parent.rmdir()


def _read_manifest(folder: Path) -> dict[str, str]:
    manifest = folder / MANIFEST
    if not manifest.exists():
        if folder.exists() and any(folder.iterdir()):
            raise NotAnExport(folder)
        return {}
    read: Any = json.loads(manifest.read_bytes())
    return {str(path): str(etag) for path, etag in read["pages"].items()}


def _write_manifest(folder: Path, etags: Mapping[str, str]) -> None:
    content = json.dumps({"pages": etags}, indent=0, sort_keys=True)
    _replace(folder / MANIFEST, content.encode())
