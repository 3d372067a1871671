"""Faults of the farm, injected everywhere: none of them becomes a project's failure."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.runner.attempt import Attempt
from builds.runner.events import Stage
from indexes.upstream.fake import Fault
from tests.builds.runner.conftest import Farm
from tests.data import sdists
from tests.data.installed import wheel_of

NETWORK = [Fault.UNAVAILABLE, Fault.TOO_MANY_REQUESTS, Fault.RESET, Fault.TRUNCATED]


def breaking(stage: Stage, error: Exception) -> Callable[[Attempt, Stage], None]:
    enter = Attempt.enter

    def enter_or_break(attempt: Attempt, entered: Stage) -> None:
        enter(attempt, entered)
        if entered is stage:
            raise error

    return enter_or_break


@pytest.mark.parametrize("stage", list(Stage))
def test_a_disk_of_ours_that_is_full_is_our_fault_in_any_stage(
    farm: Farm, fake: Any, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(Attempt, "enter", breaking(stage, full))

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILDER_FAULT
    assert "No space left on device" in run.end.evidence


@pytest.mark.parametrize("fault", NETWORK)
def test_an_sdist_that_upstream_does_not_send_is_no_failure_of_the_project(
    farm: Farm, fake: Any, fault: Fault
) -> None:
    job = farm.job(sdists.PURE)
    farm.upstream.fail(fault, times=9)

    assert farm.run(job).end.outcome == Outcome.UPSTREAM_UNREACHABLE


def test_an_sdist_that_was_damaged_on_its_way_is_sent_again(farm: Farm, fake: Any) -> None:
    job = farm.job(sdists.PURE)
    farm.upstream.fail(Fault.GARBAGE, times=1)

    assert farm.run(job).end.outcome == Outcome.BUILT


@pytest.mark.sandbox
@pytest.mark.parametrize("fault", [*NETWORK, Fault.GARBAGE])
@pytest.mark.parametrize("path", ["/simple/setuptools/", "/setuptools-"])
def test_a_requirement_that_upstream_does_not_send_is_no_failure_of_the_project(
    real_farm: Farm, fault: Fault, path: str
) -> None:
    job = real_farm.job(sdists.PURE)
    real_farm.upstream.fail(fault, times=99, path=path)

    run = real_farm.run(job)

    assert run.end.outcome in FARM_FAULTS, run.log
    assert run.end.outcome == Outcome.UPSTREAM_UNREACHABLE


@pytest.mark.sandbox
@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.GARBAGE])
def test_a_dependency_that_upstream_does_not_send_is_no_failure_of_the_project(
    real_farm: Farm, fault: Fault
) -> None:
    real_farm.upstream.add_file("typing_extensions", *wheel_of("typing_extensions"))
    project = sdists.PURE.files["pyproject.toml"] + 'dependencies = ["typing_extensions"]\n'
    files = {**sdists.PURE.files, "pyproject.toml": project}
    job = real_farm.job(replace(sdists.PURE, files=files))
    real_farm.upstream.fail(fault, times=99, path="typing")

    run = real_farm.run(job)

    assert (run.stages[-1], run.end.outcome) == ("smoke", Outcome.UPSTREAM_UNREACHABLE), run.log
