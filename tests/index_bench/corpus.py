"""What is served and installed: generated, with one seed, in this index and in folders of files.

Run as a program it fills the database and the storage of the environment's settings, and writes
what the other servers get into a folder: `www/` for nginx, `packages/` for pypiserver.
"""

import base64
import hashlib
import io
import json
import random
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

SEED = 7
PROJECTS = 50_000
INSTALLED = tuple(f"package-{number:02}" for number in range(20))
SMALL_FILES = 10
LARGE_FILES = 3_000
WHEEL_BYTES = 50_000
TOKEN = "affr_bench"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wheel:
    project: str
    version: str
    filename: str
    content: bytes
    metadata: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def names() -> list[str]:
    """Of the projects that the root lists: as long as those of PyPI are, about 13 letters."""
    chance = random.Random(SEED)  # noqa: S311
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = {
        "".join(chance.choices(letters, k=chance.randint(5, 20)))
        for _ in range(PROJECTS - len(INSTALLED) - 2)
    }
    return sorted({*found, *INSTALLED, "small", "large"})


def wheel(project: str, version: str, size: int, needs: tuple[str, ...] = ()) -> Wheel:
    """A pure wheel that installs, of about that many bytes."""
    module = project.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    noise = random.Random(f"{project} {version}").randbytes(size)  # noqa: S311
    files = {
        f"{module}/__init__.py": b"",
        f"{module}/data": noise,
        f"{info}/METADATA": f"{metadata}\n{'A description. ' * 200}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: hashlib.sha256(content).digest() for path, content in files.items()}
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},\n"
        for path, digest in digests.items()
    )
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content)
    filename = f"{module}-{version}-1bench-py3-none-any.whl"
    return Wheel(project, version, filename, buffer.getvalue(), files[f"{info}/METADATA"])


def wheels() -> Iterator[Wheel]:
    """Those whose bytes are there: of the small project, and of what is installed."""
    for number in range(SMALL_FILES):
        yield wheel("small", f"1.{number}", 200)
    for number, project in enumerate(INSTALLED):
        # Each needs the next, so that a resolver cannot ask for all at once.
        yield wheel(project, "1.0", WHEEL_BYTES, INSTALLED[number + 1 : number + 2])


def fill_the_index(folder: Path) -> None:
    from django.core.management import call_command  # once Django is set up

    from indexes.models import File, Project
    from indexes.services.pages import file_url, render_pages
    from indexes.storage import file_key, get_storage

    call_command("migrate", verbosity=0)
    Project.objects.bulk_create(
        Project(
            name=name,
            display_name=name,
            is_enrolled=True,
            verified_at=NOW,
            upstream_digest="0" * 64,  # upstream has it, without a file
        )
        for name in names()
    )
    projects = {project.name: project for project in Project.objects.all()}
    made: list[File] = []
    kept = folder / "wheel"
    for number, each in enumerate(wheels()):
        kept.write_bytes(each.content)
        get_storage().put(file_key(each.sha256), kept, sha256=each.sha256)
        made.append(_row(File, projects[each.project], each, each.sha256, number))
        _write(folder / "packages" / each.filename, each.content)
        url = file_url(each.sha256, each.filename)
        _write(folder / "www" / url[1:], each.content)
        _write(folder / "www" / f"{url[1:]}.metadata", each.metadata)
    sample = wheel("large", "1.0", 200)
    for number in range(LARGE_FILES):
        version = f"1.{number}"
        filename = sample.filename.replace("-1.0-", f"-{version}-")
        each = Wheel("large", version, filename, sample.content, sample.metadata)
        sha256 = hashlib.sha256(filename.encode()).hexdigest()
        made.append(_row(File, projects["large"], each, sha256, 1_000_000 + number))
        _link(folder, filename)
    File.objects.bulk_create(made, batch_size=500)
    for name in names():
        if name not in {*INSTALLED, "small", "large"}:
            _link(folder, f"{name}-1.0-py3-none-any.whl")
    for name in (*INSTALLED, "small", "large"):
        render_pages(project=projects[name], at=NOW)
    kept.unlink()
    _curate()
    _write_pages(folder / "www")


def _curate() -> None:
    """An organisation's indexes of what is installed and of the small project."""
    from indexes.services.curated import Terms, add_reader_token, create_index

    for slug, is_private in (("open", False), ("closed", True)):
        terms = Terms([*INSTALLED, "small"], is_private=is_private)
        create_index(tenant="bench", slug=slug, terms=terms, at=NOW)
    add_reader_token(
        tenant="bench", name="bench", prefix=TOKEN[:4], secret=TOKEN, expires_at=None, at=NOW
    )


def _row(model, project, each: Wheel, sha256: str, number: int):
    return model(
        project=project,
        version=each.version,
        filename=each.filename,
        build_tag="1bench",
        sha256=sha256,
        size=len(each.content),
        requires_python=">=3.8",
        metadata_sha256=hashlib.sha256(each.metadata).hexdigest(),
        metadata=each.metadata,
        provenance={},
        build_id=UUID(int=number),
        published_at=NOW,
    )


def _link(folder: Path, filename: str) -> None:
    """A name for pypiserver to list; nobody asks for its bytes."""
    empty = folder / "empty"
    empty.touch()
    (folder / "packages").mkdir(exist_ok=True)
    (folder / "packages" / filename).hardlink_to(empty)


def _write_pages(www: Path) -> None:
    """The stored pages in both forms, so that nginx serves the very bytes."""
    from indexes.domain.negotiation import JSON
    from indexes.models import Page

    for page in Page.objects.filter(path__startswith="/simple/").iterator():
        name = "index.json" if page.media_type == JSON else "index.html"
        _write(www / page.path[1:] / name, bytes(page.body))
        _write(www / page.path[1:] / f"{name}.gz", bytes(page.gzip_body))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> None:
    import django

    django.setup()
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    fill_the_index(folder)
    first, installed = next(wheels()), wheel(INSTALLED[0], "1.0", WHEEL_BYTES, INSTALLED[1:2])
    urls = {each.project: f"/files/{each.sha256}/{each.filename}" for each in (first, installed)}
    (folder / "corpus.json").write_text(json.dumps({"wheel": urls[INSTALLED[0]]}))


if __name__ == "__main__":
    main()
