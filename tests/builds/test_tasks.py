"""Tasks parse what came over the broker, call one service, and may run twice."""

from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from builds import tasks
from builds.domain.outcomes import Outcome
from builds.domain.states import BuildState
from builds.models import Build
from builds.runner.events import event_to_json
from builds.runner.job import Job
from builds.services.lease import show_lease
from indexes.models import File
from tests.builds.farm import (
    FakeCelery,
    attempt_of,
    ended,
    make_project,
    permit_all,
    queue_build,
    upload,
    wheel_report,
)
from tests.builds.runner.wheels import make_wheel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def celery(monkeypatch: pytest.MonkeyPatch) -> FakeCelery:
    fake = FakeCelery()
    monkeypatch.setattr("builds.dispatch.current_app", fake)
    return fake


def test_messages_alone_carry_a_build_to_its_end(
    celery: FakeCelery, settings: Settings, tmp_path: Path
) -> None:
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "provenance.pem"
    queue_build(permit_all(make_project()), queued_at=timezone.now())

    tasks.claim()
    ((_, told),) = celery.sent
    job = Job.from_json(told["job"])
    attempt = attempt_of(job)
    show_lease(attempt_id=attempt.pk, token=job.lease, builder="b1", at=timezone.now())
    wheel = make_wheel(tmp_path)
    upload(job, wheel)
    event = event_to_json(ended(Outcome.BUILT, wheel=wheel_report(wheel)))
    for _ in range(2):
        tasks.record_event(attempt_id=job.attempt, lease=job.lease, event=event)
    for _ in range(2):
        tasks.judge(attempt_id=job.attempt)
    tasks.reconcile()

    assert celery.names() == ["builder.run", "builds.judge", "builds.claim", "builds.claim"]
    assert Build.objects.get().state == BuildState.PUBLISHED
    assert File.objects.count() == 1
