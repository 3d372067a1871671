"""What exit status 0 hides: real sdists, built in the real sandbox."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builds.domain.diagnosis import diagnose
from builds.domain.outcomes import Outcome
from builds.domain.sbom import SBOM
from builds.domain.ways import Way
from builds.runner.check import WheelFacts, read_wheel
from builds.runner.smoke import plan_of
from tests.builds.runner.conftest import Farm
from tests.data import sdists
from tests.data.sdists import Sdist

pytestmark = pytest.mark.sandbox


def uploaded(farm: Farm, folder: Path) -> WheelFacts:
    """What the last job handed over."""
    path, _, content = farm.control.uploads[-1]
    wheel = folder / path.rpartition("/")[2]
    wheel.write_bytes(content)
    return read_wheel(wheel)


@pytest.mark.parametrize(
    ("sdist", "outcome", "evidence", "stage"),
    [
        (sdists.HIDDEN, Outcome.IMPORT_FAILED, "undefined symbol: not_there", "smoke"),
        (
            sdists.CRASHES,
            Outcome.IMPORT_FAILED,
            "CrashError: cannot use module _speed: killed by SIGSEGV",
            "smoke",
        ),
        (
            sdists.BAD_SCRIPT,
            Outcome.IMPORT_FAILED,
            "module 'own_demo' has no attribute 'main'",
            "smoke",
        ),
        (
            sdists.UNLOADABLE_PROGRAM,
            Outcome.IMPORT_FAILED,
            "undefined symbol: gone",
            "smoke",
        ),
        (sdists.BEYOND_ABI3, Outcome.WHEEL_MALFORMED, "it uses PyFrame_New", "repair"),
    ],
)
def test_a_bad_wheel_is_not_handed_over(
    real_farm: Farm, sdist: Sdist, outcome: Outcome, evidence: str, stage: str
) -> None:
    run = real_farm.run(real_farm.job(sdist))

    assert (run.end.outcome, run.stages[-1]) == (outcome, stage), run.log[-2000:]
    assert evidence in run.end.evidence
    assert real_farm.control.uploads == []


def test_a_wheel_that_lacks_one_of_its_extensions_is_hollow(real_farm: Farm) -> None:
    run = real_farm.run(real_farm.job(sdists.PARTLY_HOLLOW))

    assert run.end.outcome == Outcome.HOLLOW_WHEEL, run.log
    assert "lacks the extension _extra" in run.end.message
    # The line that the diagnosis knows a remedy for.
    found = diagnose(run.end.evidence, stage=run.stages[-1], outcome=Outcome.HOLLOW_WHEEL)
    assert found.code == "removed-c-api"


def test_an_extension_that_may_be_missing_is_not_missed(real_farm: Farm) -> None:
    way = Way("declared", optional=("_extra",))

    run = real_farm.run(real_farm.job(sdists.PARTLY_HOLLOW, way=way))

    assert run.end.outcome == Outcome.BUILT, run.log


def test_what_one_machine_put_into_a_wheel_is_taken_out_or_told_of(
    real_farm: Farm, tmp_path: Path
) -> None:
    run = real_farm.run(real_farm.job(sdists.UNTIDY))
    real_farm.run(real_farm.job(sdists.UNTIDY))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert "affineur: -march=native is left out of a call of" in run.log
    assert "affineur: -mtune=native is left out of a call of" in run.log
    (grafted,) = run.end.report["grafted"]
    assert grafted["name"].startswith("untidy_demo.libs/libbz2-")
    assert (grafted["soname"], grafted["package"]) == ("libbz2.so.1.0", "libbz2-1.0")
    facts = uploaded(real_farm, tmp_path)
    looked_in = {entry for elf in facts.elf.values() for entry in elf.runpath}
    assert looked_in == {"$ORIGIN", "$ORIGIN/untidy_demo.libs"}
    with zipfile.ZipFile(tmp_path / facts.filename) as archive:
        document = json.loads(archive.read(f"{facts.dist_info}/{SBOM}"))
    (component,) = document["components"]
    assert component["purl"].startswith("pkg:deb/")
    texts = [item["license"].get("text", {}).get("content", "") for item in component["licenses"]]
    assert any("bzip2" in text for text in texts)
    (_, _, first), (_, _, second) = real_farm.control.uploads
    assert first == second


def test_a_program_among_the_scripts_is_machine_code(real_farm: Farm, tmp_path: Path) -> None:
    run = real_farm.run(real_farm.job(sdists.PROGRAM))

    assert run.end.outcome == Outcome.BUILT, run.log
    facts = uploaded(real_farm, tmp_path)
    assert {tag.platform for tag in facts.tags}.isdisjoint({"any"})
    assert "trying program scripts/tool" in run.log


def without(part: str) -> Callable[[WheelFacts], dict[str, Any]]:
    """The plan of smoke as it would be if nobody thought of a part of it."""

    def plan(facts: WheelFacts, **given: Any) -> dict[str, Any]:
        return {**plan_of(facts, **given), part: []}

    return plan


def nothing(*_: object, **__: object) -> None:
    pass


@pytest.mark.parametrize(
    ("sdist", "mitigation", "instead"),
    [
        (sdists.PARTLY_HOLLOW, "builds.runner.workshop.verify_whole", nothing),
        (sdists.HIDDEN, "builds.runner.smoke.plan_of", without("extensions")),
        (sdists.BAD_SCRIPT, "builds.runner.smoke.plan_of", without("scripts")),
        (sdists.UNLOADABLE_PROGRAM, "builds.runner.smoke.plan_of", without("programs")),
        (sdists.BEYOND_ABI3, "builds.runner.repair._Shop.verify_stable_abi", nothing),
    ],
)
def test_without_its_check_a_bad_wheel_would_be_handed_over(
    real_farm: Farm, monkeypatch: pytest.MonkeyPatch, sdist: Sdist, mitigation: str, instead: Any
) -> None:
    monkeypatch.setattr(mitigation, instead)

    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert len(real_farm.control.uploads) == 1


def test_a_library_that_looks_outside_is_refused_should_repair_leave_it(
    real_farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builds.runner.repair._kept_runpaths", lambda _: {})
    # auditwheel sets what it grafts right, and leaves the rest.
    setup = sdists.UNTIDY.files["setup.py"].replace('"-l:libbz2.so.1.0"', "")
    files = {"setup.py": setup, "speed.c": sdists.C_SOURCE}
    sdist = replace(sdists.UNTIDY, files=files)

    run = real_farm.run(real_farm.job(sdist))

    assert (run.end.outcome, run.stages[-1]) == (Outcome.WHEEL_MALFORMED, "check"), run.log
    assert "/usr/local/lib" in run.end.evidence
