"""Wheels for aarch64, built and tried on another kind of machine."""

import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from builds.domain.outcomes import Outcome
from builds.domain.targets import parse_target
from builds.executors.fake import FakeExecutor
from builds.runner.check import read_wheel
from builds.runner.crossing import Crossing
from builds.runner.emulation import Emulation, emulation_of
from builds.runner.interpreters import (
    USUAL_PLACES,
    ForeignInterpreter,
    Interpreter,
    choose,
    choose_foreign,
    find_interpreters,
    probe,
)
from builds.runner.zig import Zig
from tests.builds.runner.conftest import COMPILES, ROOT, SOME_PYTHON, Farm, Run
from tests.builds.runner.wheels import ELF, MACHINES, make_wheel
from tests.data import sdists
from tests.data.sdists import Sdist

ARM64 = ROOT / "var" / "arm64"
"""What `deploy/bootstrap test` gets: an emulator in `bin`, Debian's Python in `root`."""
FOREIGN = ForeignInterpreter(
    **asdict(replace(SOME_PYTHON, prefix=Path("/opt/arm64/usr"), machine="aarch64")),
    emulation=Emulation(Path("/usr/bin/qemu-aarch64-static"), Path("/opt/arm64")),
    headers=Path("/opt/arm64/usr/include/python3.13"),
    configuration=Path("/opt/arm64/usr/lib/python3.13/_sysconfigdata__aarch64-linux-gnu.py"),
)

ZIG = Zig(Path("/opt/zig"), "1.2.3", Path("/opt/kept"))
TARGET = "cp313-manylinux_2_36_aarch64"
AARCH64 = struct.pack("<HH", 3, MACHINES["aarch64"])
"""The kind of file and of machine in an ELF header."""
CROSSED = replace(
    sdists.TWO_LANGUAGES,
    files={
        **sdists.TWO_LANGUAGES.files,
        "setup.cfg": "[options]\ninstall_requires =\n"
        "    arm-demo; platform_machine == 'aarch64'\npy_modules = crossed_demo\n",
        "crossed_demo.py": "import platform\nimport arm_demo\n"
        "assert platform.machine() == 'aarch64'\n",
    },
)
"""Extensions in C and C++, beside a module that needs another project and the other machine."""
COMPILED_BY_THE_HOST = sdists.own(
    "import pathlib, subprocess\n"
    "pathlib.Path('x.c').write_text('void PyInit_own_speed(void) {}')\n"
    "subprocess.run(['/usr/bin/cc', '-shared', '-fPIC', 'x.c', '-o', 'x.so'], check=True)\n"
    "more = {'own_speed.so': pathlib.Path('x.so').read_bytes()}\n"
    "return write_wheel(wheel_directory, more=more, tag='py3-none-linux_aarch64')"
)

pytestmark = pytest.mark.skipif(
    platform.machine() == "aarch64", reason="this machine needs no emulator for aarch64"
)


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignInterpreter]:
    """An interpreter of aarch64, found as an operator would name it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{ARM64 / 'bin'}:{os.environ['PATH']}")
        found = find_interpreters([str(ARM64 / "root/usr/bin/python3*")])
        if not found:
            pytest.skip("no Python for aarch64 or no emulator: run deploy/bootstrap test")
        (interpreter,) = found
        assert isinstance(interpreter, ForeignInterpreter)
        yield interpreter


@pytest.fixture(scope="module")
def own(foreign: ForeignInterpreter) -> Interpreter:
    """An interpreter of this machine for the same Python."""
    found = [item for item in find_interpreters(USUAL_PLACES) if item.tag == foreign.tag]
    if not found:
        pytest.skip(f"no {foreign.tag} of this machine beside that of aarch64")
    return found[-1]


@pytest.fixture
def crossing_farm(real_farm: Farm, zig: Zig, foreign: ForeignInterpreter, own: Interpreter) -> Farm:
    real_farm.bench = replace(real_farm.bench, zig=zig, interpreters=(own, foreign))
    return real_farm


def built(farm: Farm, sdist: Sdist) -> Run:
    target = f"{farm.bench.interpreters[0].tag}-manylinux_2_36_aarch64"
    return farm.run(farm.job(sdist, target=target, limits=COMPILES))


@pytest.mark.sandbox
def test_extensions_are_built_for_another_machine_and_tried(
    crossing_farm: Farm, foreign: ForeignInterpreter, own: Interpreter, tmp_path: Path
) -> None:
    tag = f"{own.tag}-none-manylinux_2_17_aarch64"
    needed = make_wheel(tmp_path, name="arm_demo", tag=tag, files={"arm_demo.py": b""})
    crossing_farm.upstream.add_file("arm-demo", needed.name, needed.read_bytes())

    run = built(crossing_farm, CROSSED)

    assert run.end.outcome == Outcome.BUILT, run.log
    ((path, _, content),) = crossing_farm.control.uploads
    wheel = tmp_path / path.rpartition("/")[2]
    wheel.write_bytes(content)
    facts = read_wheel(wheel)
    assert "manylinux_2_17_aarch64" in {tag.platform for tag in facts.tags}
    assert {elf.machine for elf in facts.elf.values()} == {"aarch64"}
    assert all(member.endswith(f".{foreign.soabi}.so") for member in facts.elf)
    report = run.end.report
    assert report["interpreter"]["path"] == str(foreign.path)
    assert report["interpreter"]["built_by"] == str(own.path)
    assert report["tried_on"]["path"] == str(foreign.path)
    assert set(report["modules"]) == {"_quick", "_speed", "crossed_demo", "quick_demo"}
    assert [item["filename"] for item in report["runtime"]] == [needed.name]
    assert report["grafted"] == []


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("sdist", "evidence"),
    [
        (sdists.HIDDEN, "undefined symbol: not_there"),
        (sdists.CRASHES, "CrashError: cannot use module _speed: killed by SIGSEGV"),
    ],
)
def test_what_fails_under_emulation_is_not_handed_over(
    crossing_farm: Farm, sdist: Sdist, evidence: str
) -> None:
    run = built(crossing_farm, sdist)

    assert run.end.outcome == Outcome.IMPORT_FAILED, run.log
    assert evidence in run.end.evidence
    assert crossing_farm.control.uploads == []


@pytest.mark.sandbox
def test_machine_code_for_this_machine_is_not_taken_for_the_others(crossing_farm: Farm) -> None:
    run = built(crossing_farm, COMPILED_BY_THE_HOST)

    assert run.end.outcome in {Outcome.REPAIR_FAILED, Outcome.WHEEL_OTHER_TARGET}, run.log
    assert crossing_farm.control.uploads == []


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("sdist", "outcome"),
    [(sdists.PROGRAM, Outcome.BUILT), (sdists.UNLOADABLE_PROGRAM, Outcome.IMPORT_FAILED)],
)
def test_programs_are_loaded_by_the_other_machines_loader(
    crossing_farm: Farm, sdist: Sdist, outcome: Outcome
) -> None:
    run = built(crossing_farm, sdist)

    assert run.end.outcome == outcome, run.log


@pytest.mark.parametrize(
    ("held", "lack"),
    [
        (
            {"interpreters": (SOME_PYTHON,), "zig": ZIG},
            "it has no CPython 3.13 of aarch64 in a root of its own",
        ),
        ({"interpreters": (FOREIGN,), "zig": ZIG}, "it has no CPython 3.13 of this machine"),
        ({"interpreters": (SOME_PYTHON, FOREIGN)}, "it has no zig"),
    ],
)
def test_a_builder_that_lacks_a_part_says_which(
    farm: Farm, fake: FakeExecutor, held: dict[str, Any], lack: str
) -> None:
    farm.bench = replace(farm.bench, **held)

    run = farm.run(farm.job(sdists.PURE, target=TARGET))

    assert run.end.outcome == Outcome.NO_INTERPRETER
    assert lack in run.end.evidence
    assert fake.commands == []


def test_a_builder_without_the_emulator_says_so(
    farm: Farm, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    run = farm.run(farm.job(sdists.PURE, target=TARGET))

    assert "it has no qemu-user for aarch64" in run.end.evidence
    assert fake.commands == []


def test_a_target_of_musl_is_not_reached(farm: Farm, fake: FakeExecutor) -> None:
    farm.bench = replace(farm.bench, interpreters=(SOME_PYTHON, FOREIGN))

    run = farm.run(farm.job(sdists.PURE, target="cp313-musllinux_1_2_aarch64"))

    assert run.end.outcome == Outcome.NO_INTERPRETER
    assert "it has no" not in run.end.evidence


def test_an_interpreter_of_another_machine_serves_its_own_targets_alone() -> None:
    assert choose([FOREIGN], parse_target(TARGET)) is None
    assert choose_foreign([FOREIGN], parse_target(TARGET)) == FOREIGN
    assert choose_foreign([FOREIGN], parse_target(TARGET.replace("aarch64", "x86_64"))) is None


def test_it_is_shown_with_its_root_and_its_emulator() -> None:
    mounted = replace(FOREIGN, emulation=Emulation(Path("/opt/qemu"), Path("/opt/arm64"))).mounts

    assert [mount.source for mount in FOREIGN.mounts] == [Path("/opt/arm64")]
    assert [mount.inside for mount in mounted] == [Path("/opt/arm64"), Path("/opt/qemu")]


@pytest.mark.parametrize(
    ("target", "platform"),
    [
        ("cp313-manylinux_2_17_aarch64", "aarch64-manylinux_2_17"),
        ("cp313-manylinux_2_30_aarch64", "aarch64-manylinux_2_28"),
        ("cp313-manylinux_2_36_aarch64", "aarch64-manylinux_2_36"),
        ("cp313-manylinux_2_45_aarch64", "aarch64-manylinux_2_40"),
    ],
)
def test_uv_is_told_the_newest_platform_that_it_knows(target: str, platform: str) -> None:
    options = Crossing(SOME_PYTHON, FOREIGN).install_options(parse_target(target))

    assert options[:2] == ("--python-platform", platform)


def test_a_program_of_another_machine_without_a_root_is_none(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_bytes(ELF.replace(struct.pack("<HH", 3, MACHINES["x86_64"]), AARCH64))

    assert emulation_of(python) is None
    assert probe(python) is None
