"""Following a real server within its budget: `make bench-watch` in small."""

import time
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.utils import timezone

from indexes import signals
from indexes.models import Watch
from indexes.services import schedule
from indexes.services.refresh import enrol_project, refresh_project
from indexes.services.watch import Watcher
from indexes.upstream import open_watching
from indexes.upstream.fake import FakeUpstream
from tests.indexes.watch_bench import LIMIT, SLACK, at_percent, busiest_second, name_of
from tests.waiting import wait_until

PROJECTS, INTERVAL, CHANGES = 60, 6.0, 20


@pytest.fixture
def followed(db, settings):
    """An upstream over HTTP, with projects that are due one after another within an interval."""
    settings.AFFINEUR_WATCH_LONGEST = settings.AFFINEUR_WATCH_SHORTEST = INTERVAL
    settings.AFFINEUR_WATCH_ROOT_SECONDS = 0
    upstream = FakeUpstream()
    for number in range(PROJECTS):
        upstream.add_sdist(name_of(number), "1.0")
    with upstream.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        for number in range(PROJECTS):
            enrol(upstream, name_of(number))
        yield upstream


def enrol(upstream, name):
    at = timezone.now()
    project = refresh_project(name=name, at=at, upstream=upstream)
    enrol_project(project=project, at=at)
    Watch.objects.filter(project=project).update(swept_at=at)


def watch(meanwhile, until):
    """Run a watcher here, as the command does, until what is done on another thread has come."""
    stop = Event()

    def act():
        try:
            meanwhile()
            wait_until(until)
        finally:
            stop.set()

    upstream, changelog = open_watching()
    upstream.start()
    acting = Thread(target=act)
    acting.start()
    Watcher(upstream=upstream, changelog=changelog, clock=timezone.now).run(stop)
    acting.join()
    upstream.close()
    return changelog


@pytest.mark.any_database
def test_changes_are_listed_within_an_interval_and_within_the_budget(followed):
    made, listed = {}, {}

    def hear(project, **_):
        listed[project.name] = time.monotonic()

    def change():
        for number in range(0, PROJECTS, PROJECTS // CHANGES):
            followed.yank(name_of(number), "1.0", reason="broken")
            made[name_of(number)] = time.monotonic()
            time.sleep(0.2)

    followed.seen_at.clear()
    signals.release_yanked.connect(hear)
    watch(change, lambda: listed.keys() == made.keys() and len(followed.seen_at) > PROJECTS)
    signals.release_yanked.disconnect(hear)
    seconds = sorted(listed[name] - made[name] for name in made)
    assert at_percent(seconds, 95) <= INTERVAL + SLACK
    assert busiest_second(followed.seen_at) <= LIMIT


def test_the_changelog_makes_it_seconds(followed, settings, monkeypatch):
    settings.AFFINEUR_WATCH_LONGEST = settings.AFFINEUR_WATCH_SHORTEST = 3_600
    monkeypatch.setattr(schedule, "CHANGELOG_SECONDS", 0.5)
    settings.AFFINEUR_UPSTREAM_CHANGELOG = settings.AFFINEUR_UPSTREAM.replace("/simple/", "/pypi")
    Watch.objects.update(due_at=timezone.now() + timedelta(hours=1))
    heard = []

    def hear(project, **_):
        heard.append(project.name)

    def change():
        time.sleep(0.5)
        followed.yank(name_of(7), "1.0", reason="broken")

    signals.release_yanked.connect(hear)
    changelog = watch(change, lambda: heard)
    signals.release_yanked.disconnect(hear)
    changelog.close()
    assert heard == [name_of(7)]
