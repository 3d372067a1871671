"""Builders whose own faults pile up get no jobs; what they would have built is not to blame."""

from datetime import datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from builds.domain.breaker import PAUSE
from builds.domain.outcomes import Outcome
from builds.domain.states import AttemptState, BuildState
from builds.errors import BuilderStopped
from builds.models import Build, BuilderStop, Permit
from builds.runner.job import Job
from builds.services.builders import builders_seen, resume_builder
from builds.services.claim import claim_builds
from builds.services.lease import show_lease
from tests.builds.farm import AT, attempt_of, claim_one, ended, queue_build, say

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def room(settings) -> None:
    settings.AFFINEUR_BUILDS_IN_FLIGHT = 10


@pytest.fixture
def builds(permit: Permit) -> list[Build]:
    """Enough to do: a release each."""
    return [queue_build(permit, version=f"1.{number}") for number in range(12)]


def takes(job: Job, builder: str = "b1", at: datetime = AT) -> bool:
    return show_lease(attempt_id=UUID(job.attempt), token=job.lease, builder=builder, at=at)


def run(job: Job, outcome: Outcome, builder: str = "b1", at: datetime = AT) -> None:
    assert takes(job, builder, at)
    say(job, ended(outcome), at=at)


def break_down(
    builders: str = "b1", outcome: Outcome = Outcome.BUILDER_FAULT, at: datetime = AT
) -> list[Job]:
    """Faults of these builders in turn, one more than they may have; what was not taken yet."""
    names = builders.split()
    jobs = claim_builds(at=at)
    for number in range(5):
        run(jobs[number], outcome, names[number % len(names)], at + number * SECOND)
    return jobs[5:]


def test_a_builder_with_too_many_faults_gets_no_job(builds: list[Build]) -> None:
    job, *_ = break_down()

    with pytest.raises(BuilderStopped) as caught:
        takes(job)

    assert 0 < caught.value.seconds <= PAUSE.total_seconds() + 5
    stop = BuilderStop.objects.get()
    assert stop.reason.startswith("5 of the last 5 attempts ended by faults of the farm")


def test_the_job_goes_back_and_that_is_no_fault_of_its_build(builds: list[Build]) -> None:
    job, *_ = break_down()
    with pytest.raises(BuilderStopped):
        takes(job)

    attempt = attempt_of(job)
    assert (attempt.state, attempt.started_at) == (AttemptState.LOST, None)
    assert attempt.message == "Builder b1 is stopped, and gave it back."
    assert attempt.build.state == BuildState.QUEUED
    assert attempt.build.not_before == AT + 15 * SECOND


def test_another_builder_gets_jobs_still(builds: list[Build]) -> None:
    job, *_ = break_down()
    assert takes(job, "b2")


def test_faults_of_one_build_alone_stop_nobody(permit: Permit) -> None:
    build = queue_build(permit)
    for _ in range(5):
        run(claim_one(), Outcome.BUILDER_FAULT)
        Build.objects.filter(pk=build.pk).update(not_before=None)
    assert not BuilderStop.objects.exists()


def test_failures_of_projects_stop_nobody(builds: list[Build]) -> None:
    for job in claim_builds(at=AT)[:6]:
        run(job, Outcome.SDIST_GONE)
    assert not BuilderStop.objects.exists()


def test_nothing_is_claimed_while_everybody_is_stopped(builds: list[Build]) -> None:
    for job in break_down():
        with pytest.raises(BuilderStopped):
            takes(job)

    assert claim_builds(at=AT + timedelta(minutes=5)) == []


def after_the_pause(builds: list[Build]) -> Job:
    for job in break_down():
        with pytest.raises(BuilderStopped):
            takes(job)
    return claim_one(AT + PAUSE + timedelta(minutes=1))


def test_after_the_pause_one_job_is_on_trial(builds: list[Build]) -> None:
    at = AT + PAUSE + timedelta(minutes=1)
    trial = after_the_pause(builds)
    assert takes(trial, at=at)
    assert claim_builds(at=at) == []


def test_a_second_job_waits_for_the_trial(builds: list[Build]) -> None:
    at = AT + PAUSE + timedelta(minutes=1)
    first, second, *_ = break_down()
    assert takes(first, at=at)
    with pytest.raises(BuilderStopped) as caught:
        takes(second, at=at)
    assert caught.value.seconds == 30


def test_a_trial_that_goes_well_ends_the_stop(builds: list[Build]) -> None:
    at = AT + PAUSE + timedelta(minutes=1)
    run(after_the_pause(builds), Outcome.SDIST_GONE, at=at)

    assert BuilderStop.objects.get().until is None
    assert len(claim_builds(at=at)) > 1


def test_what_was_before_does_not_count_again(builds: list[Build]) -> None:
    at = AT + PAUSE + timedelta(minutes=1)
    run(after_the_pause(builds), Outcome.SDIST_GONE, at=at)
    for job in claim_builds(at=at)[:4]:
        run(job, Outcome.BUILDER_FAULT, at=at + SECOND)
    assert BuilderStop.objects.get().until is None


def test_a_trial_that_fails_is_another_pause(builds: list[Build]) -> None:
    at = AT + PAUSE + timedelta(minutes=1)
    run(after_the_pause(builds), Outcome.BUILDER_FAULT, at=at)

    stop = BuilderStop.objects.get()
    assert (stop.until, stop.trial) == (at + PAUSE, None)
    assert claim_builds(at=at + timedelta(minutes=5)) == []


def test_the_same_everywhere_stops_everybody(builds: list[Build]) -> None:
    job, *_ = break_down("b1 b2", Outcome.UPSTREAM_UNREACHABLE)

    assert BuilderStop.objects.get().builder == ""
    with pytest.raises(BuilderStopped):
        takes(job, "b3")
    assert claim_builds(at=AT + timedelta(minutes=5)) == []


def test_an_operator_lets_a_builder_go_on(builds: list[Build]) -> None:
    job, *_ = break_down()
    assert resume_builder(name="b1", at=AT + 10 * SECOND)
    assert takes(job, at=AT + 10 * SECOND)
    assert not resume_builder(name="b1", at=AT)


def test_the_command_tells_and_resumes(builds: list[Build], monkeypatch) -> None:
    break_down()
    monkeypatch.setattr("django.utils.timezone.now", lambda: AT + timedelta(minutes=1))
    told = StringIO()
    call_command("builders", stdout=told)
    assert "b1: last seen 2024-03-01 12:00 UTC, in a day 5 attempts, 5 of them" in told.getvalue()
    assert "stopped: b1 since 2024-03-01 12:00 UTC" in told.getvalue()

    call_command("builders", resume="b1", stdout=told)
    assert "b1 is given jobs again." in told.getvalue()
    with pytest.raises(CommandError, match="b1 is not stopped"):
        call_command("builders", resume="b1")
    with pytest.raises(CommandError, match="The whole farm is not stopped"):
        call_command("builders", resume="")


def test_a_builder_is_told_over_http_how_long_to_wait(builds: list[Build]) -> None:
    job, *_ = break_down()
    BuilderStop.objects.update(until=datetime.max.replace(tzinfo=AT.tzinfo) - timedelta(days=9))
    headers = {"Authorization": f"Bearer {job.lease}", "X-Affineur-Builder": "b1"}

    answer = Client(headers=headers).post(f"/builder/attempts/{job.attempt}/lease")

    assert (answer.status_code, answer.json()["code"]) == (409, "builder-stopped")
    assert int(answer["Retry-After"]) > 0


def test_an_event_of_a_stopped_farm_takes_nothing(builds: list[Build]) -> None:
    job, *_ = break_down("b1 b2", Outcome.UPSTREAM_UNREACHABLE)
    say(job, ended(Outcome.BUILD_FAILED))
    assert attempt_of(job).state == AttemptState.LOST


def test_builders_are_seen_in_two_queries(builds: list[Build], django_assert_num_queries) -> None:
    break_down("b1 b2 b3")
    with django_assert_num_queries(2):
        seen = builders_seen(at=AT)
    assert {builder.name: builder.faults for builder in seen} == {"b1": 2, "b2": 2, "b3": 1}
