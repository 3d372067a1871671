"""`make bench-publish`: what it takes to publish a file into a small index and into a huge one.

An index of 1,000 files (50 projects) and one of 1,000,000 (50,000 projects, 20 files each) are
filled by the same rows; then files are published into projects of both in turn. What is timed is
the transaction: rows, standings, pages and their packed forms. The overlay's root, which every
project is in already, does not change; what it takes to store it anew is told apart. Beside it,
SQLite's log is written back as often as the scheduler has it done. It runs on
SQLite, and on a PostgreSQL of its own with `--postgresql`. What was filled for SQLite is kept
under `var/publish-bench`, and each run works on a copy. Writes `var/publish-bench-….json`.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Model

from indexes.domain.negotiation import HTML, JSON
from tests import servers
from tests.index_bench.corpus import NOW

HERE = Path(__file__).resolve().parent.parent.parent
FILES_EACH = 20
SIZES = {"small": 50, "huge": 50_000}
METADATA = b"Metadata-Version: 2.1\nName: project\nVersion: 1.0\n" + b"A description. " * 100


def fill(projects: int) -> None:
    """Projects by the ORM; their files, ours and upstream's, and their pages multiplied in SQL."""
    from indexes.models import File, Page, Project, UpstreamFile

    Project.objects.bulk_create(
        (
            Project(
                name=f"project-{number:05}",
                display_name=f"project-{number:05}",
                is_enrolled=True,
                verified_at=NOW,
                upstream_digest="0" * 64,
            )
            for number in range(projects)
        ),
        batch_size=1000,
    )
    file = File(
        build_tag="1bench",
        sha256="0" * 64,
        size=1000,
        metadata_sha256="0" * 64,
        metadata=METADATA,
        provenance={},
        published_at=NOW,
    )
    wheel = "'-1bench-cp312-cp312-manylinux_2_36_x86_64.whl'"
    version = "'1.' || number"
    stem = f"replace(name, '-', '_') || '-' || {version}"
    unique = {
        "sqlite": "printf('%%032d', indexes_project.id * 1000 + number)",
        "postgresql": "lpad((indexes_project.id * 1000 + number)::text, 32, '0')::uuid",
    }[connection.vendor]
    of_project = {"project_id": "indexes_project.id", "version": version}
    _multiply(file, FILES_EACH, of_project | {"filename": f"{stem} || {wheel}", "build_id": unique})
    sdist = UpstreamFile(
        kind="sdist", url="https://files.example/", sha256="0" * 64, size=1000, uploaded_at=NOW
    )
    _multiply(sdist, FILES_EACH, of_project | {"filename": f"{stem} || '.tar.gz'"})
    for form in (JSON, HTML):
        page = Page(media_type=form, etag='"old"', zstd_etag='"old"', rendered_at=NOW)
        page.body, page.gzip_body, page.zstd_body = (b"x" * size for size in (2000, 500, 500))
        for path in ("'/simple/' || name || '/'", "'/wheels/simple/' || name || '/'"):
            _multiply(page, 1, {"path": path})
        _multiply(page, 1, {"path": "'/projects/' || name || '/simple/'"})


def _multiply(pattern: Model, times: int, differing: dict[str, str]) -> None:
    """Store the row that many times for each project; `differing` columns are said in SQL."""
    columns, values, given = [], [], []
    for field in pattern._meta.concrete_fields:  # noqa: SLF001
        if field.primary_key:
            continue
        columns.append(field.column)
        if field.column in differing:
            values.append(differing[field.column])
            continue
        kind = field.db_type(connection)
        values.append("%s" if connection.vendor == "sqlite" else f"CAST(%s AS {kind})")
        value = field.pre_save(pattern, add=True)
        given.append(field.get_db_prep_save(value, connection))
    table = pattern._meta.db_table  # noqa: SLF001
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608  # of our own names
            " WITH RECURSIVE numbers(number) AS"
            f" (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < {times - 1})"
            f" SELECT {', '.join(values)} FROM indexes_project, numbers",
            given,
        )


def publish(projects: int, count: int, first: int) -> list[float]:
    """Seconds of each of that many publications, of projects spread over the index."""
    from indexes.models import Project
    from indexes.services.publish import publish_file

    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        wheel = Path(folder) / "wheel"
        for number in range(first, first + count):
            name = f"project-{number * 7919 % projects:05}"
            project = Project.objects.get(name=name)
            content = f"{name} {number}".encode()
            wheel.write_bytes(content)
            filename = f"{name.replace('-', '_')}-1.0-{number + 2}bench"
            began = time.perf_counter()
            publish_file(
                project=project,
                version="1.0",
                filename=f"{filename}-cp313-cp313-manylinux_2_36_x86_64.whl",
                build_tag=f"{number + 2}bench",
                wheel=wheel,
                sha256=hashlib.sha256(content).hexdigest(),
                size=len(content),
                source_sha256="",
                requires_python=">=3.8",
                metadata=METADATA,
                provenance={},
                build_id=UUID(int=10**12 + number),
                at=NOW,
            )
            seconds.append(time.perf_counter() - began)
    return seconds


def store_root() -> float:
    """Seconds to render and store the overlay's root anew."""
    from django.db import transaction

    from indexes.models import Page, Project
    from indexes.services.pages import render_pages

    project = Project.objects.order_by("pk")[0]
    Page.objects.filter(path=f"/simple/{project.name}/").delete()
    began = time.perf_counter()
    with transaction.atomic():
        render_pages(project=project, at=NOW)
    return time.perf_counter() - began


def write_back_now_and_then() -> None:
    from indexes.services.write_back import write_back

    while True:
        time.sleep(settings.CELERY_BEAT_SCHEDULE["write-back"]["schedule"])
        write_back(connection)


def serve_questions() -> None:
    """One database's part: a line in is what to do, a line out is how long it took."""
    import django

    django.setup()
    from django.core.management import call_command

    from indexes.models import Project

    call_command("migrate", verbosity=0)
    projects = int(sys.argv[2])
    if not Project.objects.exists():
        fill(projects)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    threading.Thread(target=write_back_now_and_then, daemon=True).start()
    print("[]", flush=True)
    done = 0
    for line in sys.stdin:
        if line.strip() == "root":
            print(json.dumps([store_root()]), flush=True)
        else:
            print(json.dumps(publish(projects, int(line), done)), flush=True)
            done += int(line)


def answering(projects: int, address: str) -> subprocess.Popen[str]:
    """A process that works on that database; its first line comes when the database is filled."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.index_bench.publish", "--answer", str(projects)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.index_bench.settings",
            "AFFINEUR_DATABASE": address,
        },
    )


def filled(name: str, projects: int) -> Path:
    """A SQLite file of that size; made once, and anew when what fills it has changed."""
    makers = sorted([Path(__file__), *(HERE / "indexes").glob("m[io]*/*.py")])
    told = hashlib.sha256(b"".join(path.read_bytes() for path in makers)).hexdigest()
    folder = HERE / "var" / "publish-bench"
    path = folder / f"{name}-{told[:16]}.sqlite3"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{name}-*"):
            old.unlink()
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            made = Path(unfinished) / name
            with answering(projects, f"sqlite://{made}") as process:
                _ask(process, None)
                process.stdin.close()
            made.replace(path)
    return path


def measure(database: str, stack: ExitStack, rounds: int) -> dict[str, dict[str, float]]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=HERE / "var")))
    running = {}
    for name, projects in SIZES.items():
        if database == "postgresql":
            address = stack.enter_context(servers.postgresql(is_durable=True))
        else:
            shutil.copyfile(filled(name, projects), folder / name)
            address = f"sqlite://{folder / name}"
        running[name] = stack.enter_context(answering(projects, address))
    # What copying and filling left to be written is not publishing's.
    os.sync()
    for process in running.values():
        _ask(process, None)
    # The first of each warm up.
    taken: dict[str, list[float]] = {name: [] for name in SIZES}
    for number in range(rounds + 1):
        for name, process in running.items():
            found = _ask(process, "20")
            taken[name] += found if number else []
    results = {
        name: {
            "p50_ms": round(statistics.median(seconds) * 1e3, 2),
            "p99_ms": round(statistics.quantiles(seconds, n=100)[98] * 1e3, 2),
            "root_ms": round(_ask(running[name], "root")[0] * 1e3, 1),
        }
        for name, seconds in taken.items()
    }
    for process in running.values():
        process.stdin.close()
    results["ratio"] = {
        key: round(results["huge"][key] / results["small"][key], 2) for key in ("p50_ms", "p99_ms")
    }
    return results


def _ask(process: subprocess.Popen[str], question: str | None) -> list[float]:
    if question is not None:
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.index_bench.publish", description=__doc__
    )
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--rounds", type=int, default=25, help="of 20 files into each index")
    options = parser.parse_args()
    database = "postgresql" if options.postgresql else "sqlite"
    (HERE / "var").mkdir(exist_ok=True)
    with ExitStack() as stack:
        results = measure(database, stack, options.rounds)
    print(f"{database:12}" + "".join(f"{key:>10}" for key in ("p50_ms", "p99_ms", "root_ms")))
    for name, figures in results.items():
        print(f"{name:12}" + "".join(f"{value:>10g}" for value in figures.values()))
    path = HERE / "var" / f"publish-bench-{database}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    serve_questions() if sys.argv[1:2] == ["--answer"] else main()
