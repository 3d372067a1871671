"""Tasks are sent by name: every name that is sent must be one that a worker knows."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from builds import builder
from portal.celery import app

ROOT = Path(__file__).resolve().parent.parent.parent
SENT = re.compile(r'"((?:builds|indexes|portal|builder)\.[a-z_]+)"')


def sent_names() -> set[str]:
    sources = [
        path
        for package in ("builds", "indexes", "portal")
        for path in (ROOT / package).rglob("*.py")
        if path.name in {"dispatch.py", "builder.py"}
    ]
    return {name for path in sources for name in SENT.findall(path.read_text())}


@pytest.fixture(scope="module")
def known_names() -> set[str]:
    app.autodiscover_tasks(force=True)
    return set(app.tasks) | set(builder.app.tasks)


def test_every_task_that_is_sent_by_name_is_registered(known_names: set[str]) -> None:
    sent = sent_names()

    assert {"builds.claim", "builds.judge", "builds.record_event", "builder.run"} <= sent
    assert sent <= known_names


def test_every_scheduled_task_is_registered(known_names: set[str]) -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled <= known_names
