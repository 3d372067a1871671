"""From one way of building to the next, and what is remembered of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from builds.domain.outcomes import Outcome
from builds.domain.states import BuildState
from builds.domain.ways import HOST, PORTABLE
from builds.models import Permit
from builds.runner.events import StageStarted
from builds.runner.job import Job
from builds.services.judge import judge_attempt
from builds.services.provenance import verify_published
from indexes.models import File
from tests.builds.farm import (
    AT,
    CP312,
    CP313,
    attempt_of,
    build_wheel,
    claim_one,
    ended,
    queue_build,
    say,
    take,
)

pytestmark = pytest.mark.django_db
UPLOADED = datetime(2019, 5, 1, tzinfo=UTC)
NO_IMP = "ModuleNotFoundError: No module named 'imp'"
OLD_SYMBOL = "ImportError: /x.so: undefined symbol: PyUnicode_AS_UNICODE"


def fail(job: Job, outcome: Outcome, evidence: str, stage: str = "build", **report: object) -> None:
    take(job)
    say(job, StageStarted(stage, AT.isoformat()))
    say(job, replace(ended(outcome, **report), evidence=evidence))


def test_a_failure_of_unknown_cause_is_tried_as_of_its_day(permit: Permit) -> None:
    build = queue_build(permit, CP312, sdist_uploaded_at=UPLOADED)
    first = claim_one()
    fail(first, Outcome.BUILD_FAILED, "ValueError: who knows")

    second = claim_one()

    assert (first.way.rung, first.way.cutoff) == ("declared", None)
    assert (second.way.rung, second.way.cutoff) == ("as-of-release", "2023-10-02T00:00:00+00:00")
    fail(second, Outcome.BUILD_FAILED, "ValueError: who knows")
    build.refresh_from_db()
    assert (build.state, build.outcome) == (BuildState.FAILED, Outcome.BUILD_FAILED)
    assert build.attempts.count() == 2


def test_a_remedy_goes_with_the_next_job(permit: Permit) -> None:
    build = queue_build(permit, sdist_uploaded_at=UPLOADED)
    fail(claim_one(), Outcome.REQUIREMENTS_UNRESOLVABLE, NO_IMP, "resolve")

    job = claim_one()

    build.refresh_from_db()
    assert (job.way.rung, job.way.shims) == ("remedied", ("imp",))
    assert Job.from_json(job.to_json()) == job
    assert attempt_of(job).step == {
        "rung": "remedied",
        "cutoff": None,
        "remedies": [{"kind": "shim-module", "name": "imp"}],
    }


def test_what_cannot_work_ends_at_once_with_its_name(permit: Permit) -> None:
    build = queue_build(permit, CP312, sdist_uploaded_at=UPLOADED)

    fail(claim_one(), Outcome.IMPORT_FAILED, OLD_SYMBOL, "smoke")

    build.refresh_from_db()
    assert (build.state, build.attempts.count()) == (BuildState.FAILED, 1)
    assert "PyUnicode_AS_UNICODE, which this Python does not have" in build.message


def test_with_cython_sources_the_c_is_made_anew(permit: Permit) -> None:
    queue_build(permit, CP312, sdist_uploaded_at=UPLOADED)
    fail(claim_one(), Outcome.IMPORT_FAILED, OLD_SYMBOL, "smoke", sdist={"has_pyx": True})

    assert claim_one().way.cython == "cython<3"


def test_what_the_portable_toolchain_does_not_compile_the_host_does(
    permit: Permit, settings: Settings
) -> None:
    settings.AFFINEUR_TOOLCHAIN = PORTABLE
    build = queue_build(permit)
    first = claim_one()
    broken = "x.cc:4:5: error: no matching function for call to 'f'"
    used = {"name": PORTABLE, "version": "zig 1"}
    fail(first, Outcome.BUILD_FAILED, broken, toolchain=used)

    second = claim_one()

    assert (first.way.toolchain, second.way.toolchain) == (PORTABLE, HOST)
    fail(second, Outcome.BUILD_FAILED, broken, toolchain={"name": HOST, "version": "cc 1"})
    build.refresh_from_db()
    assert (build.state, build.attempts.count()) == (BuildState.FAILED, 2)


@pytest.mark.parametrize("said", ["portable", ["portable"], {"version": "1"}, {"name": 7}, None])
def test_a_builder_that_tells_no_toolchain_had_the_hosts(permit: Permit, said: object) -> None:
    build = queue_build(permit)
    broken = "x.cc:4:5: error: no matching function for call to 'f'"

    fail(claim_one(), Outcome.BUILD_FAILED, broken, toolchain=said)

    build.refresh_from_db()
    assert (build.state, build.attempts.count()) == (BuildState.FAILED, 1)


def test_a_fault_of_the_farm_takes_the_same_step_again(permit: Permit) -> None:
    build = queue_build(permit, sdist_uploaded_at=UPLOADED)
    fail(claim_one(), Outcome.REQUIREMENTS_UNRESOLVABLE, NO_IMP, "resolve")
    job = claim_one()
    fail(job, Outcome.BUILDER_FAULT, NO_IMP, "resolve")

    build.refresh_from_db()
    again = claim_one(build.not_before + timedelta(seconds=1))

    assert (again.way.rung, again.way.shims) == (job.way.rung, job.way.shims)


def test_what_won_is_in_the_provenance_and_first_for_the_siblings(
    permit: Permit, tmp_path: Path, settings: Settings
) -> None:
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "keys" / "provenance.pem"
    queue_build(permit, CP313, sdist_uploaded_at=UPLOADED)
    queue_build(permit, CP312, sdist_uploaded_at=UPLOADED)
    fail(claim_one(), Outcome.REQUIREMENTS_UNRESOLVABLE, NO_IMP, "resolve")
    job = claim_one()
    (tmp_path / "wheel").mkdir()
    build_wheel(job, tmp_path / "wheel", tag="cp313-cp313-manylinux_2_17_x86_64")
    judge_attempt(attempt_id=attempt_of(job).pk, at=AT)

    sibling = claim_one()

    statement = verify_published(filename=File.objects.get().filename)
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["rung"] == "remedied"
    assert definition["internalParameters"]["remedies"] == [{"kind": "shim-module", "name": "imp"}]
    assert (sibling.target, sibling.way.shims) == (CP312, ("imp",))
