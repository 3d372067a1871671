"""Builders lost in every stage, and clocks that jump: time is lost, and nothing else."""

from datetime import timedelta

import pytest

from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.retries import retry_delay
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build, Permit
from builds.runner.events import Stage, StageStarted
from builds.runner.job import Job
from builds.services.claim import claim_builds
from builds.services.reconcile import reconcile
from tests.builds.farm import AT, attempt_of, claim_one, ended, queue_build, say, take

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("celery")]
SILENCE = timedelta(seconds=31)
HOUR = timedelta(hours=1)


@pytest.fixture
def job(permit: Permit) -> Job:
    queue_build(permit)
    return claim_one()


@pytest.mark.parametrize("stage", list(Stage))
def test_a_builder_lost_in_any_stage_costs_time_alone(job: Job, stage: Stage) -> None:
    take(job)
    for entered in list(Stage)[: list(Stage).index(stage) + 1]:
        say(job, StageStarted(entered.value, AT.isoformat()))

    reconcile(at=AT + SILENCE)

    attempt = attempt_of(job)
    assert (attempt.state, attempt.outcome) == (AttemptState.LOST, Outcome.BUILDER_LOST)
    assert (attempt.build.state, attempt.build.outcome) == (BuildState.QUEUED, "")
    assert claim_builds(at=AT + SILENCE) == []
    again = claim_one(AT + SILENCE + timedelta(seconds=15))
    assert (again.build, again.way) == (job.build, job.way)


@pytest.mark.parametrize("fault", sorted(FARM_FAULTS))
def test_every_fault_of_ours_is_retried_five_times_and_later_each_time(
    permit: Permit, fault: Outcome
) -> None:
    queue_build(permit)
    at, waits = AT, []
    while claimed := claim_builds(at=at):
        (job,) = claimed
        take(job, at)
        say(job, ended(fault), at)
        build = Build.objects.get()
        if build.not_before is None:
            break
        waits.append(build.not_before - at)
        at = build.not_before

    assert waits == [retry_delay(n, retries=5) for n in range(1, 6)]
    assert (build.state, build.outcome) == (BuildState.FAILED, fault)
    assert "the project has nothing to do" in build.message


def test_a_clock_that_jumps_ahead_costs_an_attempt_and_blames_nobody(job: Job) -> None:
    take(job)

    reconcile(at=AT + HOUR)

    build = Build.objects.get()
    assert Attempt.objects.get().outcome == Outcome.BUILDER_LOST
    assert (build.state, build.outcome) == (BuildState.QUEUED, "")


def test_a_clock_put_back_does_not_hide_a_dead_builder(job: Job) -> None:
    take(job, AT + HOUR)

    reconcile(at=AT)
    assert Attempt.objects.get().state == AttemptState.RUNNING
    reconcile(at=AT + SILENCE)

    assert Attempt.objects.get().state == AttemptState.LOST


def test_a_clock_put_back_does_not_end_a_lease_that_is_shown(job: Job) -> None:
    take(job, AT + HOUR)

    assert take(job, AT)
    reconcile(at=AT + timedelta(seconds=20))
    assert take(job, AT + timedelta(seconds=25))
    reconcile(at=AT + timedelta(seconds=50))

    assert Attempt.objects.get().state == AttemptState.RUNNING


def test_a_clock_put_back_does_not_make_a_retry_wait_for_ages(job: Job) -> None:
    take(job, AT + HOUR)
    say(job, ended(Outcome.BUILDER_FAULT), AT + HOUR)

    reconcile(at=AT)

    assert claim_one(AT).build == job.build
