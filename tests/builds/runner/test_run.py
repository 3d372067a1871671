"""The way of a job, its commands played by a fake."""

import hashlib
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builds.domain.limits import Limits
from builds.domain.outcomes import Outcome
from builds.domain.ways import Way
from builds.executors.base import Command, Ending
from builds.executors.fake import FakeExecutor
from builds.runner.events import Event, LogWritten, StageStarted, event_to_json
from builds.runner.inspect import SdistLimits
from builds.runner.job import Distribution
from indexes.upstream.fake import Fault
from tests.builds.runner.conftest import LEASE, SOME_PYTHON, TARGET, Farm, asks_for, leaves_wheel
from tests.builds.runner.wheels import ELF
from tests.data import sdists

EVERY_STAGE = ["fetch", "inspect", "resolve", "build", "repair", "check", "smoke", "upload"]
MACHINE_CODE = {"pure_demo/__init__.py": b"", "pure_demo/_speed.abi3.so": ELF}


def called(fake: FakeExecutor, what: str) -> list[Command]:
    return [command for command in fake.commands if any(what in part for part in command.argv)]


def test_a_job_goes_all_the_way(farm: Farm, fake: FakeExecutor) -> None:
    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert run.end.message == (
        "A wheel of pure-demo 1.0 for cp313-manylinux_2_36_x86_64 was built."
    )
    assert run.stages == EVERY_STAGE
    assert len(farm.control.uploads) == 1
    assert run.end.report["builder"] == "builder of the tests"
    assert [json.dumps(event_to_json(event)) for event in run.events]
    assert not farm.bench.folder.exists()


def test_the_log_is_one_and_hashed(farm: Farm, fake: FakeExecutor) -> None:
    fake.on("imports.py", output=b"hello from the module\n")

    run = farm.run(farm.job(sdists.PURE))

    logged = [event for event in run.events if isinstance(event, LogWritten)]
    assert [event.sequence for event in logged] == list(range(len(logged)))
    assert "hello from the module" in run.log
    assert run.end.report["log_sha256"] == hashlib.sha256(run.log.encode()).hexdigest()


def test_a_command_sees_nothing_of_the_builders_environment(
    farm: Farm, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFINEUR_SECRET", "secret")

    farm.run(farm.job(sdists.PURE))

    assert len(fake.commands) == 5
    for command in fake.commands:
        assert "AFFINEUR_SECRET" not in command.environment
        assert LEASE not in repr(command)
        assert command.environment["SOURCE_DATE_EPOCH"] == str(sdists.MTIME)
        assert command.environment["PYTHONHASHSEED"] == "0"


def test_only_what_installs_has_a_way_to_the_index(farm: Farm, fake: FakeExecutor) -> None:
    farm.run(farm.job(sdists.PURE))

    assert all(command.index_socket for command in called(fake, "install"))
    assert [command.index_socket for command in called(fake, "imports.py")] == [None]


def test_smoke_has_a_fresh_folder(farm: Farm, fake: FakeExecutor) -> None:
    farm.run(farm.job(sdists.PURE))

    (build,) = {command.work for command in called(fake, "hooks.py")}
    (smoke,) = {command.work for command in called(fake, "imports.py")}
    assert build != smoke


def test_what_the_backend_asks_for_is_installed(farm: Farm, fake: FakeExecutor) -> None:
    fake.on("get_requires_for_build_wheel", effect=asks_for("wheel", "cffi>=1.0"))

    farm.run(farm.job(sdists.PURE))

    declared, asked, _ = called(fake, "install")
    assert list(declared.argv)[-1:] == ["setuptools"]
    assert list(asked.argv)[-2:] == ["wheel", "cffi>=1.0"]


@pytest.mark.parametrize("requirement", ["--index-url=http://evil.example", "-e .", "a b c"])
def test_an_option_is_no_requirement(farm: Farm, fake: FakeExecutor, requirement: str) -> None:
    fake.on("get_requires_for_build_wheel", effect=asks_for(requirement))

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.REQUIREMENTS_UNRESOLVABLE
    assert len(called(fake, "install")) == 1


@pytest.mark.parametrize("said", ["", "{", '{"a": 1}', "[1]", "[" * 100_000])
def test_what_the_backend_returns_is_not_trusted(farm: Farm, fake: FakeExecutor, said: str) -> None:
    def write(command: Command) -> None:
        (command.work / "out/requires.json").write_text(said)

    fake.on("get_requires_for_build_wheel", effect=write)

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.REQUIREMENTS_UNRESOLVABLE


@pytest.mark.parametrize(
    ("command", "outcome", "stage"),
    [
        ("install", Outcome.REQUIREMENTS_UNRESOLVABLE, "resolve"),
        ("get_requires_for_build_wheel", Outcome.REQUIREMENTS_UNRESOLVABLE, "resolve"),
        ("/build/wheels", Outcome.BUILD_FAILED, "build"),
        ("/build/wheel/", Outcome.INSTALL_FAILED, "smoke"),
        ("imports.py", Outcome.IMPORT_FAILED, "smoke"),
    ],
)
def test_a_command_that_fails_ends_the_job_in_its_stage(
    farm: Farm, fake: FakeExecutor, command: str, outcome: Outcome, stage: str
) -> None:
    fake.on(command, output=b"working\nValueError: this is why\n", exit_code=1)

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == outcome
    assert run.end.evidence == "ValueError: this is why"
    assert run.stages[-1] == stage
    assert farm.control.uploads == []


@pytest.mark.parametrize("ending", [e for e in Ending if e not in {"exited", "killed"}])
def test_every_limit_is_its_own_outcome(farm: Farm, fake: FakeExecutor, ending: Ending) -> None:
    fake.on("/build/wheels", ending=ending)

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == ending.value
    assert Outcome(run.end.outcome)


def test_the_jobs_limits_are_every_commands(farm: Farm, fake: FakeExecutor) -> None:
    limits = Limits(wall_seconds=7, memory=1 << 28)

    farm.run(farm.job(sdists.PURE, limits=limits))

    assert {command.limits for command in fake.commands} == {limits}


def test_a_crash_is_told_with_its_signal(farm: Farm, fake: FakeExecutor) -> None:
    fake.on("imports.py", exit_code=-11)

    run = farm.run(farm.job(sdists.PURE))

    assert (run.end.outcome, run.end.evidence) == (Outcome.IMPORT_FAILED, "ended by signal 11")


@pytest.mark.parametrize(
    "command",
    [
        "install",
        "get_requires_for_build_wheel",
        "/build/wheels",
        "auditwheel",
        "imports.py",
    ],
)
def test_a_command_that_was_killed_from_outside_is_no_failure_of_the_project(
    farm: Farm, fake: FakeExecutor, command: str
) -> None:
    built = {"tag": "cp39-abi3-linux_x86_64", "files": MACHINE_CODE}
    fake.on("/build/wheels", effect=leaves_wheel(**built))
    fake.on(
        "auditwheel", effect=leaves_wheel(**{**built, "tag": "cp39-abi3-manylinux_2_17_x86_64"})
    )
    fake.on(command, output=b"ValueError: of before\n", exit_code=-9)

    run = farm.run(farm.job(sdists.PURE))

    assert (run.end.outcome, run.end.evidence) == (
        Outcome.BUILDER_FAULT,
        "a command was killed from outside",
    )


def test_a_pure_wheel_whose_extension_did_not_compile_is_none(
    farm: Farm, fake: FakeExecutor
) -> None:
    line = "a.c:1:10: fatal error: longintrepr.h: No such file or directory"
    output = f"{line}\nCannot compile the accelerator\n".encode()
    fake.on("/build/wheels", output=output, effect=leaves_wheel())

    run = farm.run(farm.job(sdists.PURE))

    assert (run.end.outcome, run.end.evidence) == (Outcome.HOLLOW_WHEEL, line)
    assert run.stages[-1] == "repair"
    assert farm.control.uploads == []


def sibling_of(farm: Farm, *members: str, release: str = "1.0", **changes: Any) -> Distribution:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(member, b"")
    name = f"pure_demo-{release}-cp39-cp39-manylinux_2_17_x86_64.whl"
    listed = farm.upstream.add_file("pure-demo", name, buffer.getvalue())
    return replace(Distribution(listed.filename, listed.url, listed.sha256, listed.size), **changes)


def test_a_pure_wheel_beside_one_with_an_extension_is_hollow(
    farm: Farm, fake: FakeExecutor
) -> None:
    sibling = sibling_of(farm, "pure_demo/_speed.cpython-39-x86_64-linux-gnu.so")

    run = farm.run(farm.job(sdists.PURE, siblings=(sibling,)))

    assert run.end.outcome == Outcome.HOLLOW_WHEEL
    assert "pure_demo._speed" in run.end.message
    assert sibling.filename in run.end.evidence


def test_a_neighbour_does_not_make_a_pure_release_hollow(farm: Farm, fake: FakeExecutor) -> None:
    sibling = sibling_of(farm, "pure_demo/_speed.abi3.so", release="2.0")

    run = farm.run(farm.job(sdists.PURE, siblings=(sibling,)))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert f"compared with {sibling.filename}, with the extensions pure_demo._speed" in run.log


@pytest.mark.parametrize(
    "changes", [{"sha256": "0" * 64}, {"url": "http://127.0.0.1:9/a.whl", "sha256": "1" * 64}]
)
def test_a_sibling_that_cannot_be_had_is_no_failure(
    farm: Farm, fake: FakeExecutor, changes: dict[str, str]
) -> None:
    sibling = sibling_of(farm, "pure_demo/_speed.abi3.so", **changes)

    run = farm.run(farm.job(sdists.PURE, siblings=(sibling,)))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert f"{sibling.filename} cannot be compared with: " in run.log


def test_a_sibling_of_noise_is_no_failure(farm: Farm, fake: FakeExecutor) -> None:
    name = "pure_demo-1.0-cp39-cp39-manylinux_2_17_x86_64.whl"
    noise = farm.upstream.add_file("pure-demo", name, b"PK\x05\x06 noise")
    sibling = Distribution(noise.filename, noise.url, noise.sha256, noise.size)

    run = farm.run(farm.job(sdists.PURE, siblings=(sibling,)))

    assert run.end.outcome == Outcome.BUILT, run.log


def test_the_repaired_wheel_is_the_one_that_is_tried(farm: Farm, fake: FakeExecutor) -> None:
    tried: list[bytes] = []

    def remember(command: Command) -> None:
        (wheel,) = (command.work / "wheel").iterdir()
        tried.append(wheel.read_bytes())

    grafted = {**MACHINE_CODE, "pure_demo.libs/libz-12345678.so.1": ELF}
    fake.on("/build/wheel/", effect=remember)
    fake.on("stable_abi.py")
    fake.on("/build/wheels", effect=leaves_wheel(tag="cp39-abi3-linux_x86_64", files=MACHINE_CODE))
    fake.on("auditwheel", effect=leaves_wheel(tag="cp39-abi3-manylinux_2_17_x86_64", files=grafted))

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILT, run.log
    ((_, _, content),) = farm.control.uploads
    assert tried == [content]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert "pure_demo-1.0.dist-info/sboms/affineur.cdx.json" in archive.namelist()


def test_a_wheel_is_tried_on_an_interpreter_like_its_users(farm: Farm, fake: FakeExecutor) -> None:
    portable = replace(SOME_PYTHON, path=Path("/opt/portable/python3.13"))
    other = replace(SOME_PYTHON, path=Path("/opt/portable/python3.12"), tag="cp312")
    farm.bench = replace(farm.bench, smoke_interpreters=(portable, other))

    used: list[Path] = []

    def remember(command: Command) -> None:
        used.append((command.work / "env/bin/python").readlink())
        (command.work / "out").mkdir(exist_ok=True)
        asks_for()(command)

    for command in ("get_requires_for_build_wheel", "imports.py"):
        fake.on(command, effect=remember)

    run = farm.run(farm.job(sdists.PURE))

    assert used == [SOME_PYTHON.path, portable.path]
    assert run.end.report["tried_on"]["path"] == str(portable.path)


def test_the_modules_to_try_may_be_named(farm: Farm, fake: FakeExecutor) -> None:
    plans: list[dict[str, Any]] = []

    def remember(command: Command) -> None:
        plans.append(json.loads((command.work / "plan.json").read_text()))

    fake.on("imports.py", effect=remember)

    farm.run(farm.job(sdists.PURE, way=Way("declared", imports=("pure_demo.tool",))))

    (plan,) = plans
    assert plan["modules"] == ["pure_demo.tool"]
    assert plan["own"] == ["pure_demo"]


def test_a_pure_wheel_is_left_as_it_is(farm: Farm, fake: FakeExecutor) -> None:
    farm.run(farm.job(sdists.PURE))

    assert called(fake, "auditwheel") == []


def test_a_wheel_with_machine_code_is_repaired_without_a_network(
    farm: Farm, fake: FakeExecutor
) -> None:
    built = {"tag": "cp39-abi3-linux_x86_64", "files": MACHINE_CODE}
    grafted = {**MACHINE_CODE, "pure_demo.libs/libz-1234.so.1": ELF}
    repaired = {"tag": "cp39-abi3-manylinux_2_17_x86_64", "files": grafted}
    fake.on("/build/wheels", effect=leaves_wheel(**built))
    fake.on("auditwheel", effect=leaves_wheel(**repaired))

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILT, run.end
    (repair,) = called(fake, "auditwheel")
    assert repair.index_socket is None
    (grafted,) = run.end.report["grafted"]
    assert (grafted["name"], grafted["package"]) == ("pure_demo.libs/libz-1234.so.1", "")
    assert run.end.report["wheel"]["filename"].endswith("manylinux_2_17_x86_64.whl")


def test_an_extension_that_does_not_tell_its_c_library_is_repaired_for_the_target(
    farm: Farm, fake: FakeExecutor
) -> None:
    built = {"tag": "cp39-abi3-linux_x86_64", "files": MACHINE_CODE}
    repaired = {"tag": "cp39-abi3-manylinux_2_17_x86_64", "files": MACHINE_CODE}
    untold = b"auditwheel.error.InvalidLibcError: couldn't detect libc for python extension _x.so\n"
    fake.on("/build/wheels", effect=leaves_wheel(**built))
    fake.on("auditwheel", effect=leaves_wheel(**repaired))
    fake.on(lambda command: "auto" in command.argv, exit_code=1, output=untold)

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILT, run.end
    _, second = called(fake, "auditwheel")
    assert TARGET.partition("-")[2] in second.argv


def test_a_wheel_that_needs_a_newer_system_than_the_target_is_refused(
    farm: Farm, fake: FakeExecutor
) -> None:
    built = {"tag": "cp39-abi3-linux_x86_64", "files": MACHINE_CODE}
    fake.on("/build/wheels", effect=leaves_wheel(**built))
    newer = built | {"tag": "cp39-abi3-manylinux_2_39_x86_64"}
    fake.on("auditwheel", effect=leaves_wheel(**newer))

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.WHEEL_OTHER_TARGET


def test_a_wheel_for_one_platform_without_machine_code_is_hollow(
    farm: Farm, fake: FakeExecutor
) -> None:
    fake.on("/build/wheels", effect=leaves_wheel(tag="cp313-cp313-linux_x86_64"))

    run = farm.run(farm.job(sdists.PURE))

    assert (run.end.outcome, run.end.evidence) == (
        Outcome.HOLLOW_WHEEL,
        "it holds no machine code",
    )


def test_a_builder_without_the_interpreter_says_what_it_has(farm: Farm, fake: FakeExecutor) -> None:
    run = farm.run(farm.job(sdists.PURE, target="cp39-manylinux_2_36_x86_64"))

    assert run.end.outcome == Outcome.NO_INTERPRETER
    assert "cp313" in run.end.evidence
    assert fake.commands == []


def test_a_target_that_is_none_is_not_built(farm: Farm, fake: FakeExecutor) -> None:
    run = farm.run(farm.job(sdists.PURE, target="cp313-amiga"))

    assert run.end.outcome == Outcome.NO_INTERPRETER


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault.UNAVAILABLE, Outcome.UPSTREAM_UNREACHABLE),
        (Fault.TRUNCATED, Outcome.UPSTREAM_UNREACHABLE),
        (Fault.GARBAGE, Outcome.SDIST_HASH_MISMATCH),
        (Fault.TOO_LARGE, Outcome.SDIST_TOO_LARGE),
    ],
)
def test_an_sdist_that_cannot_be_had_has_its_outcome(
    farm: Farm, fake: FakeExecutor, fault: Fault, outcome: Outcome
) -> None:
    farm.bench = replace(farm.bench, sdist_limits=SdistLimits(size=1 << 20))
    job = farm.job(sdists.PURE)
    farm.upstream.fail(fault, times=9)

    run = farm.run(job)

    assert run.end.outcome == outcome
    assert fake.commands == []


def test_an_sdist_that_is_gone_is_said_to_be(farm: Farm, fake: FakeExecutor) -> None:
    job = farm.job(sdists.PURE)
    gone = replace(job.sdist, url=job.sdist.url.replace("pure-demo-1.0", "pure-demo-0.9"))

    assert farm.run(replace(job, sdist=gone)).end.outcome == Outcome.SDIST_GONE


def test_an_sdist_announced_as_too_large_is_not_fetched(farm: Farm, fake: FakeExecutor) -> None:
    job = farm.job(sdists.PURE)
    large = replace(job.sdist, size=1 << 40)
    before = len(farm.upstream.seen)

    assert farm.run(replace(job, sdist=large)).end.outcome == Outcome.SDIST_TOO_LARGE
    assert len(farm.upstream.seen) == before


def test_an_sdist_of_noise_is_malformed(farm: Farm, fake: FakeExecutor) -> None:
    run = farm.run(farm.job(sdists.PURE, b"noise"))

    assert run.end.outcome == Outcome.SDIST_MALFORMED
    assert fake.commands == []


def test_no_line_of_the_project_runs_before_resolve(farm: Farm, fake: FakeExecutor) -> None:
    seen: list[int] = []

    def count(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage in {"fetch", "inspect", "resolve"}:
            seen.append(len(fake.commands))

    farm.run(farm.job(sdists.CANARY), emit=count)

    assert seen == [0, 0, 0]


def test_an_upload_is_tried_again_while_the_control_side_is_away(
    farm: Farm, fake: FakeExecutor
) -> None:
    farm.control.answers = [503, 502]

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILT
    assert len(farm.control.uploads) == 3


@pytest.mark.parametrize(("answers", "tries"), [([503] * 9, 4), ([422], 1)])
def test_an_upload_that_is_not_taken_is_our_fault(
    farm: Farm, fake: FakeExecutor, answers: list[int], tries: int
) -> None:
    farm.control.answers = answers

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.UPLOAD_FAILED
    assert len(farm.control.uploads) == tries


def test_an_upload_to_storage_does_not_show_the_lease(farm: Farm, fake: FakeExecutor) -> None:
    elsewhere = farm.control.url.replace("127.0.0.1", "localhost") + "?signature=abc"

    run = farm.run(farm.job(sdists.PURE, upload_url=elsewhere))

    assert run.end.outcome == Outcome.BUILT, run.log
    ((path, said, _),) = farm.control.uploads
    assert path.endswith("?signature=abc")
    assert said == ""


def test_an_upload_after_the_lease_is_gone_is_a_cancellation(
    farm: Farm, fake: FakeExecutor
) -> None:
    farm.control.answers = [410]

    assert farm.run(farm.job(sdists.PURE)).end.outcome == Outcome.CANCELLED


@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_a_job_without_a_lease_stops_in_any_stage(
    farm: Farm, fake: FakeExecutor, stage: str
) -> None:
    lost: list[str] = []
    farm.is_live = lambda: not lost

    def lose(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == stage:
            lost.append(stage)

    run = farm.run(farm.job(sdists.PURE), emit=lose)

    assert run.end.outcome == Outcome.CANCELLED
    assert run.stages[-1] == stage
    assert farm.control.uploads == []


def test_a_command_is_killed_when_the_lease_is_gone(farm: Farm, fake: FakeExecutor) -> None:
    lost: list[bool] = []
    farm.is_live = lambda: not lost

    def lose(command: Command) -> None:
        lost.append(True)

    fake.on("imports.py", hangs=True, effect=lose)

    assert farm.run(farm.job(sdists.PURE)).end.outcome == Outcome.CANCELLED


def test_a_command_killed_from_outside_is_our_fault(farm: Farm, fake: FakeExecutor) -> None:
    fake.on("imports.py", ending=Ending.KILLED)

    assert farm.run(farm.job(sdists.PURE)).end.outcome == Outcome.BUILDER_FAULT


def test_a_sandbox_that_cannot_be_made_is_our_fault(farm: Farm) -> None:
    farm.executor = FakeExecutor()

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILDER_FAULT
    assert "the fake has no answer" in run.end.evidence


def test_whatever_goes_wrong_the_job_ends(farm: Farm, fake: FakeExecutor) -> None:
    def break_it(command: Command) -> None:
        shutil.rmtree(command.work / "src")
        raise OSError("the disk is on fire")

    fake.on("/build/wheels", effect=break_it)

    run = farm.run(farm.job(sdists.PURE))

    assert run.end.outcome == Outcome.BUILDER_FAULT
    assert "on fire" in run.end.evidence


def test_a_cut_off_hides_what_came_later(farm: Farm, fake: FakeExecutor) -> None:
    sockets: list[Path] = []
    fake.on("install", effect=lambda command: sockets.append(Path(str(command.index_socket))))

    run = farm.run(
        farm.job(sdists.PURE, way=Way("as-of-release", cutoff="2019-01-01T00:00:00+00:00"))
    )

    assert run.end.outcome == Outcome.BUILT
    build, smoke = sockets
    assert build.parent != smoke.parent


def test_a_plain_job_changes_nothing(farm: Farm, fake: FakeExecutor) -> None:
    run = farm.run(farm.job(sdists.PURE))

    assert {command.environment["CFLAGS"] for command in fake.commands} == {
        "-O2 -g0 -fwrapv -DNDEBUG"
    }
    assert not any("PYTHONPATH" in command.environment for command in fake.commands)
    assert not any("UV_CONSTRAINT" in command.environment for command in fake.commands)
    assert run.end.report["way"] == Way("declared").to_json()


def test_remedies_reach_the_build_and_not_what_users_do(farm: Farm, fake: FakeExecutor) -> None:
    job = farm.job(
        sdists.PURE,
        way=Way(
            "remedied",
            requirements=("cffi",),
            constraints=("setuptools<81",),
            flags=("-Wno-error=int-conversion",),
            shims=("imp", "collections"),
            environment={"DEMO_WITH_FOO": "1"},
        ),
    )

    farm.run(job)

    declared, smoked = called(fake, "install")
    assert list(declared.argv)[-2:] == ["setuptools", "cffi"]
    assert declared.environment["UV_CONSTRAINT"] == "/build/constraints.txt"
    assert "UV_CONSTRAINT" not in smoked.environment
    for hook in called(fake, "hooks.py"):
        assert hook.environment["CFLAGS"].endswith("-DNDEBUG -Wno-error=int-conversion")
        assert hook.environment["CFLAGS"].startswith("-O2 ")
        assert hook.environment["AFFINEUR_SHIMS"] == "imp,collections"
        assert hook.environment["DEMO_WITH_FOO"] == "1"
    (imports,) = called(fake, "imports.py")
    assert "AFFINEUR_SHIMS" not in imports.environment
    assert "DEMO_WITH_FOO" not in imports.environment
    assert "PYTHONPATH" not in imports.environment


def test_c_is_made_anew_before_the_backend_is_asked(farm: Farm, fake: FakeExecutor) -> None:
    fake.on("regenerate.py")

    farm.run(farm.job(sdists.PURE, way=Way("remedied", cython="cython<3")))

    programs = [
        part.rpartition("/")[2]
        for command in fake.commands
        for part in command.argv
        if part.endswith(("regenerate.py", "hooks.py"))
    ]
    assert programs == ["regenerate.py", "hooks.py", "hooks.py"]
    assert list(called(fake, "install")[0].argv)[-1] == "cython<3"


def test_cython_sources_beside_their_c_are_told_of(farm: Farm, fake: FakeExecutor) -> None:
    files = {**sdists.PURE.files, "pure_demo/_x.pyx": "", "pure_demo/_x.c": ""}

    with_pyx = farm.run(farm.job(replace(sdists.PURE, files=files)))
    without = farm.run(farm.job(replace(sdists.PURE, version="1.0")))

    assert with_pyx.end.report["sdist"]["has_pyx"] is True
    assert without.end.report["sdist"]["has_pyx"] is False
