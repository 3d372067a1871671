"""Tasks are sent by name: every name that is sent must be one that a worker knows."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from builds import builder
from portal.celery import app
from portal.supervisor import services

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


def test_what_must_be_prompt_has_a_worker_that_does_nothing_else() -> None:
    """Whoever forgets to start it has it done by the others, as soon as they are free."""
    queues = {
        entry["options"]["queue"]
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if "options" in entry
    }
    served = {
        service.name: service.argv[service.argv.index("--queues") + 1].split(",")
        for service in services(socket_path=Path("redis.sock"), host="127.0.0.1", port=8000)
        if "--queues" in service.argv
    }

    assert queues == {"prompt"}
    assert served["prompt"] == ["prompt"]
    assert "prompt" in served["control"]
    assert "--queues prompt " in (ROOT / "deploy" / "process").read_text()
