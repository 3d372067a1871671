"""What a new rule, recipe or toolchain makes run again, and what it does not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from builds.domain.learnt import RuleInvalid
from builds.domain.outcomes import Outcome
from builds.domain.states import BuildState
from builds.domain.ways import HOST
from builds.models import Build, LearntRule, LogChunk, Permit, Replay
from builds.runner.events import StageStarted
from builds.services import plan
from builds.services.claim import claim_builds
from builds.services.permits import revoke_permits
from builds.services.plan import request_builds
from builds.services.recipes import change_recipe
from builds.services.replay import Cause, Result, affected_by, replay, replay_report
from builds.services.rules import add_rule, current_rules, retire_rule
from builds.signals import builds_queued
from indexes.models import UpstreamFile
from tests.builds.farm import (
    AT,
    CP312,
    CP313,
    attempt_of,
    claim_one,
    ended,
    make_project,
    permit_all,
    say,
    take,
)

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=1)
FROB = "RuntimeError: the frobnicator 'frob.h' is not installed"


@pytest.fixture
def queued() -> Iterator[list[Build]]:
    heard: list[Build] = []

    def hear(builds: list[Build], **_: object) -> None:
        heard.extend(builds)

    builds_queued.connect(hear)
    yield heard
    builds_queued.disconnect(hear)


@pytest.fixture
def fail(permit: Permit) -> Callable[..., Build]:
    """A build of demo that was tried until nothing could help."""

    def failed(
        evidence: str = FROB, target: str = CP313, outcome: Outcome = Outcome.BUILD_FAILED
    ) -> Build:
        (build,) = request_builds(
            project=permit.project, specifiers="==1.0", targets=[target], at=AT
        ).builds
        while jobs := claim_builds(at=AT):
            (job,) = jobs
            take(job)
            say(job, StageStarted("build", AT.isoformat()))
            say(job, replace(ended(outcome), evidence=evidence))
        build.refresh_from_db()
        assert build.state == BuildState.FAILED
        return build

    return failed


def learn(**changes: str) -> LearntRule:
    facts = {
        "code": "frobnicator-missing",
        "pattern": "the frobnicator '{name}' is not installed",
        "stage": "build",
        "turn": "farm",
        "explanation": "The build needs {name}, which is not on the builder.",
        "remedy": "system",
        "argument": "{name}",
    }
    return add_rule(**facts | changes, by="root", at=AT)


def by_rule(code: str = "frobnicator-missing", **options: object):
    return affected_by(cause=Cause.RULE, subject=code, at=LATER, **options)


def test_what_no_rule_explains_is_clustered_by_its_fingerprint(fail) -> None:
    assert fail().cause == (
        "build/build-failed: RuntimeError: the frobnicator 'frob.h' is not installed"
    )


def test_a_rule_runs_again_what_it_explains_and_nothing_else(fail, queued: list[Build]) -> None:
    frob, other = fail(), fail("ValueError: who knows", CP312)
    learn()
    assert by_rule().builds == [frob]
    queued.clear()

    made = replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)

    assert queued == [frob]
    frob.refresh_from_db()
    other.refresh_from_db()
    assert (frob.state, other.state) == (BuildState.QUEUED, BuildState.FAILED)
    assert (frob.outcome, frob.message, frob.cause) == ("", "", "")
    assert frob.priority < 0
    assert made.replayed.get().before == "setup-error"


def test_the_ladder_goes_on_with_the_rules_remedy(fail) -> None:
    frob = fail()
    tried = frob.attempts.count()
    learn()
    replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)

    job = claim_one(LATER)

    assert job.way.system == ("frob.h",)
    assert attempt_of(job).number == tried + 1


def test_without_a_replay_the_failure_stands(fail, permit: Permit) -> None:
    frob = fail()
    learn()
    (again,) = request_builds(
        project=permit.project, specifiers="==1.0", targets=[CP313], at=LATER
    ).builds
    assert (again, again.state) == (frob, BuildState.FAILED)


def test_a_dry_run_changes_nothing(fail) -> None:
    frob = fail()
    learn()
    told = StringIO()
    call_command("replay", rule="frobnicator-missing", dry_run=True, stdout=told)

    assert "1 builds would run again: 1 releases of 1 projects, for 1 targets." in told.getvalue()
    assert "  demo: 1" in told.getvalue()
    before = (frob.state, frob.message)
    frob.refresh_from_db()
    assert (frob.state, frob.message) == before
    assert not Replay.objects.exists()


def test_a_rule_is_looked_for_in_the_log_of_what_nothing_explains(fail) -> None:
    frob = fail("ValueError: who knows")
    attempt = frob.attempts.order_by("-number").first()
    LogChunk.objects.create(
        attempt=attempt, sequence=0, stage="build", text=f"cc -c a.c\n{FROB}\nValueError: no\n"
    )
    learn()
    assert by_rule(reads_logs=False).builds == []
    assert by_rule().builds == [frob]

    replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)

    assert claim_one(LATER).way.system == ("frob.h",)
    attempt.refresh_from_db()
    assert (attempt.evidence, attempt.report["diagnosis"]["code"]) == (FROB, "frobnicator-missing")


def test_what_no_rung_can_help_is_explained_and_does_not_run(fail) -> None:
    frob = fail()
    learn(remedy="", argument="")
    affected = by_rule()
    assert (affected.builds, affected.explained) == ([], (frob,))

    made = replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)

    frob.refresh_from_db()
    assert (frob.state, frob.outcome) == (BuildState.FAILED, Outcome.BUILD_FAILED)
    assert made.explained == 1
    assert frob.message.endswith("The build needs frob.h, which is not on the builder.")
    assert frob.cause.startswith("frobnicator-missing: ")
    assert by_rule().explained == ()


def test_what_cannot_work_on_the_target_ends_as_that_with_its_proof(fail) -> None:
    frob = fail()
    learn(remedy="not-supported", argument="", turn="project")

    replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)

    frob.refresh_from_db()
    assert (frob.state, frob.outcome) == (BuildState.FAILED, Outcome.NOT_SUPPORTED)
    assert frob.message.endswith(f"The proof: {FROB}")
    assert frob.cause == ""


def test_what_no_permit_covers_stays(fail, permit: Permit) -> None:
    frob = fail()
    learn()
    revoke_permits(origin="consent:1", reason="no more", at=AT)
    affected = by_rule()
    assert (affected.builds, affected.unpermitted) == ([], (frob,))


def test_what_is_served_meanwhile_stays(fail, permit: Permit) -> None:
    fail()
    learn()
    UpstreamFile.objects.create(
        project=permit.project,
        filename="demo-1.0-py3-none-any.whl",
        version="1.0",
        kind="wheel",
        url="https://upstream.example/demo-1.0-py3-none-any.whl",
        sha256="6" * 64,
    )
    assert by_rule().counts()["builds"] == 0


def test_a_fault_of_the_farm_is_nothing_for_a_rule(fail) -> None:
    frob = fail()
    Build.objects.filter(pk=frob.pk).update(outcome=Outcome.BUILDER_FAULT.value)
    learn()
    assert by_rule().builds == []


def test_a_code_that_no_rule_has_is_told(db: None) -> None:
    with pytest.raises(RuleInvalid, match="no rule's"):
        by_rule("no-such-code")
    with pytest.raises(CommandError, match="no rule's"):
        call_command("replay", rule="no-such-code", dry_run=True)


def test_a_retired_rule_judges_no_more(fail) -> None:
    fail()
    learn()
    assert retire_rule(code="frobnicator-missing", by="root", at=AT)
    assert all(rule.code != "frobnicator-missing" for rule in current_rules())
    assert not retire_rule(code="frobnicator-missing", by="root", at=AT)
    with pytest.raises(RuleInvalid, match="another rule's already"):
        learn()


def change(permit: Permit, body: str, version: int = 1) -> None:
    text = (
        f'schema = 1\nproject = "demo"\nversion = {version}\nreason = "x"\nreviewer = "ada"\n{body}'
    )
    change_recipe(project=permit.project, text=text, by="ada", reason="x", at=AT)


def test_a_recipe_runs_again_what_it_is_for(fail, permit: Permit) -> None:
    old, stays = fail(target=CP312), fail(target=CP313)
    change(permit, '[[when]]\ntargets = ["cp312-*"]\nflags = ["-DFOO"]')
    assert affected_by(cause=Cause.RECIPE, subject="demo", at=LATER).builds == [old]

    made = replay(cause=Cause.RECIPE, subject="demo", by="ada", at=LATER)

    new = made.replayed.get().build
    assert new != old
    assert (new.target, new.state) == (CP312, BuildState.QUEUED)
    assert new.priority < 0
    stays.refresh_from_db()
    assert stays.state == BuildState.FAILED
    assert affected_by(cause=Cause.RECIPE, subject="demo", at=LATER).builds == []


def test_a_recipe_of_another_project_is_none_of_ours(fail, permit: Permit) -> None:
    fail()
    permit_all(make_project("other"))
    assert affected_by(cause=Cause.RECIPE, subject="other", at=LATER).builds == []


def test_a_new_toolchain_runs_again_all_that_failed(fail, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fail()
    assert affected_by(cause=Cause.TOOLCHAIN, subject="host-2", at=LATER).builds == []
    monkeypatch.setattr(plan, "TOOLCHAIN_NAMES", {HOST: "host-2"})
    assert affected_by(cause=Cause.TOOLCHAIN, subject="host-2", at=LATER).builds == [old]


def test_a_report_tells_before_and_after(fail) -> None:
    first, second = fail(), fail(target=CP312)
    learn()
    made = replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)
    assert {row.result for row in replay_report(made)} == {Result.WAITING}

    Build.objects.filter(pk=first.pk).update(state=BuildState.PUBLISHED.value)
    Build.objects.filter(pk=second.pk).update(state=BuildState.FAILED.value)

    rows = {row.build.pk: row for row in replay_report(made)}
    assert rows[first.pk].result is Result.BUILT
    assert (rows[second.pk].before, rows[second.pk].after) == ("setup-error", "frobnicator-missing")
    assert rows[second.pk].result is Result.OTHER
    told = StringIO()
    call_command("replay", report=made.pk, stdout=told)
    assert "1 built, 1 other diagnosis" in told.getvalue()


def test_a_report_takes_few_queries(fail, django_assert_num_queries) -> None:
    fail()
    fail(target=CP312)
    learn()
    made = replay(cause=Cause.RULE, subject="frobnicator-missing", by="root", at=LATER)
    with django_assert_num_queries(2):
        replay_report(made)


def test_the_command_queues_and_names_the_report(fail) -> None:
    fail()
    learn()
    told = StringIO()
    call_command("replay", rule="frobnicator-missing", stdout=told)
    assert "1 builds are queued" in told.getvalue()
    assert str(Replay.objects.get().pk) in told.getvalue()


def test_what_was_said_before_the_build_was_queued_again_is_no_evidence(fail) -> None:
    frob = fail()
    Build.objects.filter(pk=frob.pk).update(queued_at=datetime(2099, 1, 1, tzinfo=UTC))
    learn()
    assert by_rule().builds == []
