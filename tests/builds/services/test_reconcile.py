"""What dead builders, dead workers and lost messages left behind."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django import Settings

from builds.domain.outcomes import Outcome
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build, Permit
from builds.runner.job import Job
from builds.services.claim import TAKE_SECONDS
from builds.services.reconcile import reconcile
from builds.services.staging import STAGED
from indexes.storage import get_storage, staging_key
from tests.builds.farm import (
    AT,
    FakeCelery,
    attempt_of,
    build_wheel,
    claim_one,
    queue_build,
    take,
    upload,
)
from tests.builds.runner.wheels import make_wheel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("celery")]
SILENCE = timedelta(seconds=31)


@pytest.fixture
def job(permit: Permit) -> Job:
    queue_build(permit)
    return claim_one()


def test_a_lost_lease_puts_the_build_back(job: Job) -> None:
    take(job)

    reconcile(at=AT + SILENCE)

    attempt = attempt_of(job)
    assert (attempt.state, attempt.outcome) == (AttemptState.LOST, Outcome.BUILDER_LOST)
    assert attempt.build.state == BuildState.QUEUED
    assert attempt.build.not_before == AT + SILENCE + timedelta(seconds=15)
    assert not take(job, at=AT + SILENCE)


def test_a_lease_that_is_shown_stays(job: Job) -> None:
    take(job)
    take(job, at=AT + timedelta(seconds=20))

    reconcile(at=AT + SILENCE)

    assert attempt_of(job).state == AttemptState.RUNNING


def test_a_builder_lost_too_often_ends_the_build(permit: Permit, settings: Settings) -> None:
    settings.AFFINEUR_FARM_RETRIES = 1
    build = queue_build(permit)
    for at in (AT, AT + timedelta(minutes=5)):
        take(claim_one(at), at)
        reconcile(at=at + SILENCE)

    build.refresh_from_db()
    assert (build.state, build.outcome) == (BuildState.FAILED, Outcome.BUILDER_LOST)


def test_a_job_that_nobody_took_is_given_out_again_as_often_as_it_needs(
    permit: Permit, settings: Settings
) -> None:
    settings.AFFINEUR_FARM_RETRIES = 1
    build = queue_build(permit)
    at = AT
    for _ in range(4):
        claim_one(at)
        reconcile(at=at + timedelta(seconds=TAKE_SECONDS - 1))
        build.refresh_from_db()
        assert build.state == BuildState.CLAIMED
        at += timedelta(seconds=TAKE_SECONDS + 1)
        reconcile(at=at)
        at += timedelta(seconds=15)

    build.refresh_from_db()
    assert build.state == BuildState.QUEUED
    assert {attempt.state for attempt in build.attempts.all()} == {AttemptState.LOST}


def test_a_judge_that_died_is_sent_again_and_not_too_often(
    job: Job, celery: FakeCelery, tmp_path: Path
) -> None:
    build_wheel(job, tmp_path)

    reconcile(at=AT + timedelta(seconds=20))
    assert celery.sent == []
    reconcile(at=AT + SILENCE)
    reconcile(at=AT + SILENCE + timedelta(seconds=15))

    assert celery.sent == [("builds.judge", {"attempt_id": job.attempt})]


def test_what_a_dead_attempt_had_uploaded_is_swept_up(job: Job, tmp_path: Path) -> None:
    take(job)
    upload(job, make_wheel(tmp_path))
    # The worker that ended it died before it could tidy up.
    Attempt.objects.update(state=AttemptState.LOST.value)
    key = staging_key(UUID(job.attempt), STAGED)
    assert get_storage().exists(key)

    reconcile(at=AT)

    assert not get_storage().exists(key)
    assert not attempt_of(job).is_staged


def test_a_build_whose_wake_was_lost_is_woken(permit: Permit, celery: FakeCelery) -> None:
    queue_build(permit)

    reconcile(at=AT)

    assert celery.names() == ["builds.claim"]


def test_a_quiet_farm_is_left_in_peace(job: Job, celery: FakeCelery) -> None:
    take(job)

    reconcile(at=AT)

    assert celery.sent == []
    assert Build.objects.get().state == BuildState.RUNNING
