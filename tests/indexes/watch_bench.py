"""`make bench-watch`: a simulated upstream is followed for 10,000 projects, by two watchers.

The upstream is a real HTTP server; the watchers are processes of their own, over PostgreSQL. The
start is a steady state: every project was verified at some time within the last interval. Changes
come at random moments, answers fail at random, and each change is timed from the moment it is
made until the stored page shows it. Tells the requests of any second, the share of changes that
took longer than the polling interval and 5 s, what is wrong at the end, and writes
`var/bench-watch.json`.

A shorter run (`--minutes 3`) begins in the middle: changes are dated back to any moment since the
verification before, as if the watchers had run all the time.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from indexes.domain.names import NormalizedName
from indexes.upstream.fake import FakeUpstream, Fault
from tests import servers

ROOT = Path(__file__).resolve().parent.parent.parent
LIMIT, SLACK = 20, 5.0
CHANGE_SECONDS = 3.0
"""Between two changes: 300 projects of 10,000 in a quarter of an hour, far more than in life."""
FAULTS = [
    *(Fault.UNAVAILABLE, Fault.RESET, Fault.TRUNCATED, Fault.GARBAGE, Fault.WRONG_TYPE),
    *(Fault.NOT_FOUND, Fault.SLOW, Fault.TOO_LARGE),
]


@dataclass
class Change:
    """A yank upstream; times are seconds since 1970."""

    name: str
    made_at: float
    reason: str
    listed_at: float | None = None

    @property
    def seconds(self) -> float:
        return math.inf if self.listed_at is None else self.listed_at - self.made_at


@dataclass
class Result:
    projects: int
    interval: float
    minutes: float
    requests: int
    busiest_second: int
    faults: int
    changes: list[Change] = field(repr=False)
    wrong: list[str]

    def told(self) -> dict[str, Any]:
        seconds = sorted(change.seconds for change in self.changes)
        return {
            "projects": self.projects,
            "interval_seconds": self.interval,
            "minutes": round(self.minutes, 1),
            "requests": self.requests,
            "requests_per_second": round(self.requests / self.minutes / 60, 2),
            "busiest_second": self.busiest_second,
            "faults": self.faults,
            "changes": len(seconds),
            "p50_seconds": round(at_percent(seconds, 50), 1),
            "p95_seconds": round(at_percent(seconds, 95), 1),
            "longest_seconds": round(seconds[-1], 1),
            "goal_seconds": self.interval + SLACK,
            "wrong_listings": self.wrong,
        }

    @property
    def is_reached(self) -> bool:
        told = self.told()
        return (
            told["busiest_second"] <= LIMIT
            and told["p95_seconds"] <= told["goal_seconds"]
            and not self.wrong
        )


def at_percent(values: list[float], percent: int) -> float:
    return values[math.ceil(len(values) * percent / 100) - 1]


def busiest_second(moments: list[float]) -> int:
    """The most requests in any second, wherever it begins."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def name_of(number: int) -> str:
    return f"demo-{number:05}"


def fill(upstream: FakeUpstream, projects: int) -> None:
    for number in range(projects):
        name = name_of(number)
        for version in ("1.0", "2.0"):
            upstream.add_file(name, f"{name.replace('-', '_')}-{version}.tar.gz", name.encode())


def enrol(upstream: FakeUpstream, projects: int, interval: float) -> None:
    """Every project enrolled, verified within the last interval, and due when that is over."""
    from indexes.models import Project, UpstreamFile, Watch

    at, chance = datetime.now(UTC), random.Random(2)  # noqa: S311 - no secret
    rows, files, watches = [], [], []
    for number in range(projects):
        answer = upstream.project_page(NormalizedName(name_of(number)))
        page = answer.page
        verified_at = at - timedelta(seconds=interval * (number + 1) / projects)
        project = Project(
            pk=number + 1,
            name=page.name,
            display_name=page.name,
            is_enrolled=True,
            verified_at=verified_at,
            changed_at=at - timedelta(days=30),
            upstream_etag=answer.etag,
            upstream_digest=answer.digest,
            upstream_versions=list(page.versions),
            last_serial=page.serial,
        )
        rows.append(project)
        files.extend(
            UpstreamFile(
                project=project,
                filename=file.filename,
                version=version,
                kind="sdist",
                url=file.url,
                sha256=file.sha256,
                size=file.size,
                uploaded_at=file.uploaded_at,
            )
            for file, version in zip(page.files, page.versions, strict=True)
        )
        watches.append(
            Watch(
                project=project,
                due_at=verified_at + timedelta(seconds=interval),
                interval_seconds=interval,
                # Each day's sweep is spread over the day.
                swept_at=at - timedelta(seconds=chance.uniform(0, 86_400)),
            )
        )
    Project.objects.bulk_create(rows, batch_size=1000)
    UpstreamFile.objects.bulk_create(files, batch_size=1000)
    Watch.objects.bulk_create(watches, batch_size=1000)


def change(upstream: FakeUpstream, number: int, made_at: float) -> Change:
    name, reason = name_of(number), f"broken at {made_at:.3f}"
    upstream.yank(name, "2.0", reason=reason)
    return Change(name, made_at, reason)


def note_listed(pending: list[Change]) -> None:
    """Look at the stored pages of what is not listed yet."""
    from indexes.domain.negotiation import JSON
    from indexes.models import Page
    from indexes.services.pages import overlay_path

    waiting = {overlay_path(each.name): each for each in pending if each.listed_at is None}
    pages = Page.objects.filter(path__in=waiting, media_type=JSON).values_list("path", "body")
    now = time.time()
    for path, body in pages:
        if waiting[path].reason in bytes(body).decode():
            waiting[path].listed_at = now


def wrong_listings(upstream: FakeUpstream, changes: list[Change]) -> list[str]:
    """Projects whose rows or pages are not what upstream says, in the end."""
    from indexes.models import Project
    from indexes.services.pages import stale_pages
    from indexes.services.state import read_state

    changed = {each.name for each in changes}
    return [
        project.name
        for project in Project.objects.filter(name__in=changed)
        if read_state(project) != upstream.page(NormalizedName(project.name))
        or stale_pages(project=project)
    ]


@contextmanager
def watchers(count: int, environment: dict[str, str], folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        for number in range(count):
            log = stack.enter_context((folder / f"watcher-{number}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "manage.py", "watch"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
        yield


def run(*, projects: int, interval: float, minutes: float, rate: float, count: int) -> Result:
    upstream = FakeUpstream()
    with (
        servers.postgresql() as database,
        servers.short_folder() as folder,
        upstream.serve() as url,
    ):
        environment = {
            **os.environ,
            "AFFINEUR_DATABASE": database,
            "AFFINEUR_DATA_DIR": str(folder),
            "AFFINEUR_UPSTREAM": url,
            "AFFINEUR_WATCH_LONGEST": str(interval),
            "AFFINEUR_WATCH_RATE": str(rate),
            "AFFINEUR_WATCH_ROOT_SECONDS": "0",
            "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
        }
        set_up(environment)
        fill(upstream, projects)
        tell(f"{projects} projects made upstream; enrolling them")
        enrol(upstream, projects, interval)
        upstream.seen.clear()
        upstream.seen_at.clear()
        tell("watching")
        with watchers(count, environment, folder):
            changes, faults = drive(upstream, projects, interval, minutes * 60)
            moments = sorted(upstream.seen_at)
        wrong = wrong_listings(upstream, changes)
        tell((folder / "watcher-0.log").read_text(errors="replace")[-600:])
    spent = (moments[-1] - moments[0]) / 60
    return Result(
        projects, interval, spent, len(moments), busiest_second(moments), faults, changes, wrong
    )


def set_up(environment: dict[str, str]) -> None:
    """The database of this process too, whose settings are read here for the first time."""
    import django
    from django.core.management import call_command

    os.environ.update(environment)
    django.setup()
    call_command("migrate", verbosity=0)


def drive(
    upstream: FakeUpstream, projects: int, interval: float, seconds: float
) -> tuple[list[Change], int]:
    """Change and break things for that long, then wait until all is listed.

    A run shorter than an interval changes only what is due within it, dated back to any moment
    since the verification before.
    """
    from indexes.models import Project

    chance = random.Random(1)  # noqa: S311 - no secret
    begun, changes, faults = time.time(), [], 0
    is_short = seconds < interval
    verified = {
        name: at.timestamp() for name, at in Project.objects.values_list("name", "verified_at")
    }
    numbers = [
        number
        for number in range(projects)
        if not is_short or 2 < verified[name_of(number)] + interval - begun < seconds - 20
    ]
    chance.shuffle(numbers)
    while (now := time.time()) < begun + seconds or any(each.listed_at is None for each in changes):
        if now > begun + seconds + interval + 60:
            break
        if begun + len(changes) * CHANGE_SECONDS < now < begun + seconds - 20 and numbers:
            number = numbers.pop()
            due_at = verified[name_of(number)] + interval
            if not is_short:
                changes.append(change(upstream, number, now))
            elif due_at > now + 1:
                changes.append(change(upstream, number, chance.uniform(due_at - interval, now)))
            if chance.random() < 0.1:
                upstream.fail(chance.choice(FAULTS))
                faults += 1
        note_listed(changes)
        time.sleep(0.5)
    upstream.recover()
    return changes, faults


def tell(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.indexes.watch_bench")
    parser.add_argument("--projects", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=900.0, help="seconds, when quiet")
    parser.add_argument("--minutes", type=float, default=16.0)
    parser.add_argument("--rate", type=float, default=16.0, help="requests a second at most")
    parser.add_argument("--watchers", type=int, default=2)
    options = parser.parse_args()
    result = run(
        projects=options.projects,
        interval=options.interval,
        minutes=options.minutes,
        rate=options.rate,
        count=options.watchers,
    )
    told = result.told()
    (ROOT / "var").mkdir(exist_ok=True)
    (ROOT / "var" / "bench-watch.json").write_text(json.dumps(told, indent=2))
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    sys.stdout.write("The goals are reached.\n" if result.is_reached else "A goal is missed.\n")
    return 0 if result.is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
