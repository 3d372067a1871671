"""The lease: what a builder may go on with, and when it must stop."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from builds.domain.outcomes import Outcome
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build, Permit
from builds.runner.job import Job
from builds.services.cancel import cancel_builds
from builds.services.lease import show_lease
from builds.services.permits import revoke_permits
from builds.signals import build_started
from tests.builds.farm import AT, attempt_of, claim_one, permit_all, queue_build, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(permit: Permit) -> Job:
    queue_build(permit)
    return claim_one()


def test_the_first_showing_takes_the_build(job: Job) -> None:
    started: list[dict[str, Any]] = []

    def hear(**told: Any) -> None:
        started.append(told)

    build_started.connect(hear)
    is_live = take(job, at=AT + timedelta(seconds=3))
    build_started.disconnect(hear)

    attempt = attempt_of(job)
    assert is_live
    assert (attempt.state, attempt.build.state) == (AttemptState.RUNNING, BuildState.RUNNING)
    assert (attempt.builder, attempt.started_at) == ("b1", AT + timedelta(seconds=3))
    assert [told["attempt"] for told in started] == [attempt]


def test_a_wrong_token_is_no_lease(job: Job) -> None:
    assert not show_lease(attempt_id=attempt_of(job).pk, token="guess", builder="", at=AT)
    assert attempt_of(job).state == AttemptState.LEASED


def test_a_build_stops_when_its_permit_expires(job: Job, permit: Permit) -> None:
    ends_at = AT + timedelta(hours=1)
    Permit.objects.update(expires_at=ends_at)
    take(job)

    assert take(job, at=ends_at - timedelta(seconds=1))
    assert not take(job, at=ends_at)

    build = attempt_of(job).build
    assert (build.state, build.outcome) == (BuildState.CANCELLED, Outcome.PERMIT_GONE)


def test_a_build_goes_on_under_another_permit(job: Job, permit: Permit) -> None:
    ends_at = AT + timedelta(hours=1)
    Permit.objects.update(expires_at=ends_at)
    other = permit_all(permit.project)
    take(job)

    assert take(job, at=ends_at)

    build = attempt_of(job).build
    assert (build.state, build.permit_id) == (BuildState.RUNNING, other.pk)


def test_a_showing_is_one_query(
    job: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    take(job)

    with django_assert_num_queries(1):
        assert take(job, at=AT + timedelta(seconds=4))

    assert attempt_of(job).heartbeat_at == AT


def test_a_heartbeat_is_written_now_and_then(job: Job) -> None:
    take(job)

    assert take(job, at=AT + timedelta(seconds=5))

    assert attempt_of(job).heartbeat_at == AT + timedelta(seconds=5)


def test_a_permit_that_is_gone_at_the_take_cancels(job: Job) -> None:
    Permit.objects.update(revoked_at=AT)

    assert not take(job)

    attempt = attempt_of(job)
    assert (attempt.state, attempt.build.state) == (AttemptState.CANCELLED, BuildState.CANCELLED)
    assert attempt.build.outcome == Outcome.PERMIT_GONE


def test_a_running_builder_hears_of_a_revocation_at_its_next_poll(job: Job) -> None:
    take(job)

    revoked = revoke_permits(origin="consent:1", reason="I changed my mind.", at=AT)

    assert revoked.cancelled == 1
    assert not take(job, at=AT + timedelta(seconds=1))
    build = Build.objects.get()
    assert (build.state, build.outcome) == (BuildState.CANCELLED, Outcome.PERMIT_GONE)
    assert build.message == "I changed my mind."


@pytest.mark.parametrize("state", [AttemptState.LOST, AttemptState.CANCELLED, AttemptState.FAILED])
def test_an_ended_attempt_has_no_lease(job: Job, state: AttemptState) -> None:
    take(job)
    Attempt.objects.update(state=state.value)

    assert not take(job)


def test_a_cancelled_build_that_nobody_took_is_never_taken(job: Job) -> None:
    cancelled = cancel_builds(
        builds=Build.objects.all(), reason="stop", outcome=Outcome.CANCELLED, at=AT
    )

    assert cancelled == 1
    assert not take(job)
