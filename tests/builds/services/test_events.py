"""What builders say: once each, in any order, and never to be trusted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from builds.domain.outcomes import FARM_FAULTS, Outcome, Turn
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build, LogChunk, Permit
from builds.runner.events import LogWritten, StageStarted
from builds.runner.job import Job
from builds.services import events
from builds.services.claim import claim_builds
from tests.builds.farm import (
    AT,
    CP312,
    FakeCelery,
    attempt_of,
    claim_one,
    ended,
    queue_build,
    say,
    take,
)

pytestmark = pytest.mark.django_db
WHEEL = {"filename": "demo-1.0-py3-none-any.whl", "sha256": "1" * 64, "size": 3}


@pytest.fixture
def job(permit: Permit) -> Job:
    queue_build(permit)
    return claim_one()


def second(n: int) -> str:
    return (AT + timedelta(seconds=n)).isoformat()


def test_stages_come_out_in_order_however_they_come_in(job: Job) -> None:
    take(job)

    for stage, at in [("build", 9), ("fetch", 1), ("resolve", 4), ("fetch", 1)]:
        say(job, StageStarted(stage, second(at)))
    say(job, ended(Outcome.BUILD_FAILED))

    stages = attempt_of(job).stages
    assert [(s["stage"], s["ended_at"]) for s in stages] == [
        ("fetch", second(4)),
        ("resolve", second(9)),
        ("build", AT.isoformat()),
    ]
    assert attempt_of(job).stage == "build"


def test_a_piece_of_log_is_kept_once(job: Job) -> None:
    take(job)

    for _ in range(2):
        say(job, LogWritten(1, "build", "world"))
        say(job, LogWritten(0, "build", "hello "))

    chunks = LogChunk.objects.filter(attempt=job.attempt)
    assert [(c.sequence, c.text) for c in chunks] == [(0, "hello "), (1, "world")]
    assert attempt_of(job).log_size == len("hello world")


def test_log_that_comes_after_the_end_is_kept(job: Job) -> None:
    take(job)
    say(job, ended(Outcome.BUILD_FAILED))

    say(job, LogWritten(0, "build", "the last words"))

    assert LogChunk.objects.get().text == "the last words"


def test_a_log_is_cut_where_it_gets_too_long(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_LOG", 10)
    take(job)

    for sequence in range(5):
        say(job, LogWritten(sequence, "build", "abcdef"))

    texts = list(LogChunk.objects.values_list("text", flat=True))
    assert texts == ["abcdef", "abcd" + events.LOG_CUT]


def test_what_a_database_cannot_store_is_replaced(job: Job) -> None:
    take(job)

    say(job, LogWritten(0, "build", "a\0b\ud800"))
    say(job, ended(Outcome.BUILD_FAILED, note={"x\0": ["\0"]}))

    assert LogChunk.objects.get().text == "a\N{REPLACEMENT CHARACTER}b?"
    assert attempt_of(job).report["note"] == {
        "x\N{REPLACEMENT CHARACTER}": ["\N{REPLACEMENT CHARACTER}"]
    }


@pytest.mark.parametrize(
    "event",
    [
        {"kind": "dance"},
        {},
        {"kind": "log-written", "sequence": -1, "stage": "build", "text": "x"},
        {"kind": "log-written", "sequence": "1", "stage": "build", "text": "x"},
        {"kind": "log-written", "sequence": 2**40, "stage": "build", "text": "x"},
        {"kind": "log-written", "sequence": 1, "stage": "party", "text": "x"},
        {"kind": "log-written", "sequence": 1, "stage": "build", "text": 7},
        {"kind": "stage-started", "stage": "party", "at": "2026-01-01T00:00:00+00:00"},
        {"kind": "stage-started", "stage": "build", "at": "yesterday"},
        {"kind": "stage-started", "stage": "build", "at": "2026-01-01T00:00:00"},
        {"kind": "stage-started", "stage": ["build"], "at": None},
    ],
)
def test_a_malformed_event_is_ignored(job: Job, event: dict[str, Any]) -> None:
    take(job)

    say(job, event)

    assert attempt_of(job).stages == []
    assert not LogChunk.objects.exists()
    assert attempt_of(job).state == AttemptState.RUNNING


def test_a_wrong_lease_is_not_heard(job: Job) -> None:
    take(job)

    say(job, ended(Outcome.BUILD_FAILED), lease="guess")

    assert attempt_of(job).state == AttemptState.RUNNING


def test_a_late_worker_loses(job: Job) -> None:
    take(job)
    Attempt.objects.filter(pk=job.attempt).update(state=AttemptState.LOST.value)
    Build.objects.update(state=BuildState.QUEUED.value)
    second_job = claim_one()
    take(second_job)

    say(job, ended(Outcome.BUILT, wheel=WHEEL))
    say(job, LogWritten(0, "build", "x"))

    assert attempt_of(job).state == AttemptState.LOST
    assert attempt_of(second_job).state == AttemptState.RUNNING
    assert Build.objects.get().state == BuildState.RUNNING
    assert not LogChunk.objects.exists()


def test_a_word_before_the_first_poll_takes_the_build(job: Job) -> None:
    say(job, StageStarted("fetch", second(0)))

    assert attempt_of(job).state == AttemptState.RUNNING
    assert attempt_of(job).stage == "fetch"


def test_a_built_wheel_goes_to_the_judge(
    job: Job,
    celery: FakeCelery,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    take(job)

    with django_capture_on_commit_callbacks(execute=True):
        say(job, ended(Outcome.BUILT, wheel=WHEEL))

    attempt = attempt_of(job)
    assert (attempt.state, attempt.build.state) == (AttemptState.JUDGING, BuildState.JUDGING)
    assert celery.sent == [("builds.judge", {"attempt_id": job.attempt}), ("builds.claim", {})]


def test_two_ends_are_one(
    job: Job,
    celery: FakeCelery,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    take(job)
    say(job, ended(Outcome.BUILT, wheel=WHEEL))

    with django_capture_on_commit_callbacks(execute=True):
        say(job, ended(Outcome.BUILT, wheel=WHEEL))
        say(job, ended(Outcome.BUILD_FAILED))

    assert attempt_of(job).state == AttemptState.JUDGING
    assert celery.sent == []


def test_a_fault_of_the_project_ends_the_build(job: Job) -> None:
    take(job)

    say(job, ended(Outcome.IMPORT_FAILED))

    attempt = attempt_of(job)
    assert (attempt.state, attempt.build.state) == (AttemptState.FAILED, BuildState.FAILED)
    assert attempt.build.outcome == attempt.outcome == Outcome.IMPORT_FAILED
    assert attempt.build.message.startswith("It ended with import-failed. ")
    assert attempt.evidence == "error: the line that shows it"
    assert attempt.build.ended_at == AT


@pytest.mark.parametrize("fault", sorted(FARM_FAULTS))
def test_a_fault_of_the_farm_is_tried_again_later_each_time_and_then_given_up(
    permit: Permit, settings: Settings, fault: Outcome
) -> None:
    build = queue_build(permit)
    at, waits = AT, []
    for _ in range(settings.AFFINEUR_FARM_RETRIES):
        job = claim_one(at)
        take(job, at)
        say(job, ended(fault), at)
        build.refresh_from_db()
        assert build.state == BuildState.QUEUED
        assert build.outcome == ""
        waits.append((build.not_before - at).total_seconds())
        assert claim_builds(at=at) == []
        at = build.not_before

    job = claim_one(at)
    take(job, at)
    say(job, ended(fault), at)

    build.refresh_from_db()
    assert waits == [15, 30, 60, 120, 240]
    assert (build.state, build.outcome) == (BuildState.FAILED, fault)
    assert "6 faults of the farm" in build.message
    assert build.attempts.count() == 6


@pytest.mark.parametrize(
    ("outcome", "report"),
    [
        ("enchanted", {}),
        (Outcome.BUILT, {}),
        (Outcome.BUILT, {"wheel": "demo.whl"}),
        (Outcome.BUILT, {"wheel": {**WHEEL, "sha256": "short"}}),
        (Outcome.BUILT, {"wheel": {**WHEEL, "size": "3"}}),
        (Outcome.PERMIT_GONE, {}),
        (Outcome.COVERED, {}),
    ],
)
def test_an_end_that_makes_no_sense_is_a_fault_of_the_farm(
    job: Job, outcome: str, report: dict[str, Any]
) -> None:
    take(job)

    say(job, ended(outcome, **report))

    attempt = attempt_of(job)
    assert (attempt.state, attempt.outcome) == (AttemptState.FAILED, Outcome.BUILDER_FAULT)
    assert attempt.build.state == BuildState.QUEUED


def test_a_failure_lets_the_siblings_go(
    job: Job,
    permit: Permit,
    celery: FakeCelery,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    queue_build(permit, CP312)
    take(job)
    assert claim_builds(at=AT) == []

    with django_capture_on_commit_callbacks(execute=True):
        say(job, ended(Outcome.BUILD_FAILED))

    assert celery.names() == ["builds.claim"]
    assert claim_one().target == CP312


def test_a_failure_is_explained(job: Job) -> None:
    take(job)
    say(job, StageStarted("build", second(0)))

    evidence = "x.c:1:10: fatal error: foo.h: No such file or directory"
    say(job, replace(ended(Outcome.BUILD_FAILED), evidence=evidence))

    attempt = attempt_of(job)
    diagnosis = attempt.report["diagnosis"]
    assert (diagnosis["code"], diagnosis["turn"]) == ("missing-header", "farm")
    assert diagnosis["remedies"] == [{"confidence": 0.8, "kind": "system-package", "owns": "foo.h"}]
    assert attempt.turn is Turn.FARM
    assert attempt.message.startswith("It ended with build-failed. The C sources need foo.h, ")
    assert attempt.build.state == BuildState.QUEUED
    assert claim_one(AT).way.system == ("foo.h",)


def test_a_diagnosis_is_not_the_builders_to_make(job: Job) -> None:
    take(job)

    say(job, ended(Outcome.BUILT, wheel=WHEEL, diagnosis={"turn": "user"}))

    assert "diagnosis" not in attempt_of(job).report


def test_an_unknown_failure_has_a_fingerprint(job: Job) -> None:
    take(job)

    say(job, replace(ended(Outcome.BUILD_FAILED), evidence="the line that shows it"))

    diagnosis = attempt_of(job).report["diagnosis"]
    assert diagnosis["code"] == "unknown"
    assert diagnosis["fingerprint"] == "/build-failed: the line that shows it"
