"""Real sdists, built in the real sandbox."""

import hashlib
import io
import os
import subprocess
import threading
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builds.domain.diagnosis import diagnose
from builds.domain.ladder import FIRST, Sources, Tried, next_step
from builds.domain.outcomes import Outcome
from builds.domain.remedies import LendCApi, RelaxBuildRequirements
from builds.domain.ways import HOST, Way
from builds.executors.usage import processes_of
from builds.runner.apt import Apt
from builds.runner.events import Event, StageStarted
from builds.runner.job import Job
from tests.builds.runner.conftest import FIRST_UID, LEASE, SMALL, Farm
from tests.data import sdists
from tests.data.debian import TRIPLET, Archive, Deb
from tests.data.sdists import Sdist

pytestmark = pytest.mark.sandbox


def left_processes() -> list[int]:
    return processes_of(FIRST_UID + os.getpid() % 100_000)


@pytest.mark.parametrize(
    ("sdist", "wheel", "modules"),
    [
        (sdists.PURE, "pure_demo-1.0-py3-none-any.whl", ["pure_demo"]),
        (sdists.ZIPPED, "legacy_demo-1.0-py3-none-any.whl", ["legacy_demo"]),
        (sdists.BZIPPED, "legacy_demo-1.0-py3-none-any.whl", ["legacy_demo"]),
        (sdists.OWN, "own_demo-1.0-py3-none-any.whl", ["own_demo"]),
    ],
)
def test_a_pure_project_is_built(
    real_farm: Farm, sdist: Sdist, wheel: str, modules: list[str]
) -> None:
    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.BUILT, run.log
    ((path, said, content),) = real_farm.control.uploads
    assert path == f"/builder/attempts/1/wheel/{wheel}"
    assert said == f"Bearer {LEASE}"
    report = run.end.report
    assert report["modules"] == modules
    assert report["wheel"] == {
        "filename": wheel,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "uploaded_as": wheel,
    }
    assert report["source_date_epoch"] == sdists.MTIME
    assert report["interpreter"]["tag"] == "cp313"
    assert report["log_sha256"] == hashlib.sha256(run.log.encode()).hexdigest()


def test_an_extension_is_built_and_told_of(real_farm: Farm) -> None:
    run = real_farm.run(real_farm.job(sdists.EXTENSION))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert run.stages == [
        *("fetch", "inspect", "resolve", "build", "repair", "check", "smoke", "upload")
    ]
    report = run.end.report
    assert report["wheel"]["filename"].startswith("speed_demo-1.0-cp313-cp313-manylinux")
    assert report["modules"] == ["_speed", "speed_demo"]
    (setuptools,) = report["resolved"]
    assert setuptools["name"] == "setuptools"
    assert setuptools["filename"].startswith("setuptools-")
    listed = real_farm.upstream.add_file("setuptools", *real_setuptools())
    assert setuptools["sha256"] == listed.sha256


def real_setuptools() -> tuple[str, bytes]:
    from tests.data.installed import wheel_of

    return wheel_of("setuptools")


@pytest.mark.parametrize("sdist", [sdists.PURE, sdists.EXTENSION])
def test_a_repeat_is_identical_to_the_byte(real_farm: Farm, sdist: Sdist) -> None:
    before = os.umask(0o022)
    real_farm.run(real_farm.job(sdist))
    # Neither this process's umask nor the time of day gets into a wheel.
    os.umask(0o077)
    time.sleep(2)
    real_farm.run(real_farm.job(sdist))
    os.umask(before)

    (_, _, first), (_, _, second) = real_farm.control.uploads
    assert first == second


def test_members_are_as_old_as_the_sdist(real_farm: Farm) -> None:
    real_farm.run(real_farm.job(sdists.PURE))

    ((_, _, content),) = real_farm.control.uploads
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo("pure_demo/tool.py")
    assert info.date_time == (2017, 7, 14, 2, 40, 0)
    assert (info.external_attr >> 16) & 0o777 == 0o644


@pytest.mark.parametrize(
    ("sdist", "outcome", "evidence", "last_stage"),
    [
        (sdists.UNIMPORTABLE, Outcome.IMPORT_FAILED, "undefined symbol: not_there", "smoke"),
        (sdists.BAD_IMPORT, Outcome.IMPORT_FAILED, "No module named 'not_there'", "smoke"),
        (sdists.UNCOMPILABLE, Outcome.BUILD_FAILED, "fatal error: not-there.h", "build"),
        (sdists.FAILS, Outcome.BUILD_FAILED, "does not like Tuesdays", "build"),
        (sdists.HOLLOW, Outcome.HOLLOW_WHEEL, "speed.c:1:10: fatal error: not-there.h", "repair"),
        (sdists.NOTHING, Outcome.NO_WHEEL, "", "build"),
        (sdists.TWO_WHEELS, Outcome.SEVERAL_WHEELS, "own_demo-1.1-py3-none-any.whl", "build"),
        (sdists.OTHER_WHEEL, Outcome.WHEEL_OTHER_PROJECT, "other_demo-1.0", "check"),
        (sdists.LINKED_WHEEL, Outcome.WHEEL_MALFORMED, "own_demo-1.0", "build"),
        (sdists.OTHER_NAME, Outcome.SDIST_OTHER_PROJECT, "Name: somebody-else", "inspect"),
        (sdists.FORKS, Outcome.TOO_MANY_PROCESSES, "", "build"),
        (sdists.FLOODS, Outcome.LOG_FLOOD, "", "build"),
        (sdists.EATS_MEMORY, Outcome.OUT_OF_MEMORY, "", "build"),
        (sdists.FILLS_DISK, Outcome.DISK_FULL, "", "build"),
    ],
)
def test_a_failure_has_its_name_and_leaves_nothing(
    real_farm: Farm, sdist: Sdist, outcome: Outcome, evidence: str, last_stage: str
) -> None:
    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == outcome, run.log[-2000:]
    assert evidence in run.end.evidence
    assert f"{sdist.name} 1.0" in run.end.message
    assert run.stages[-1] == last_stage
    assert real_farm.control.uploads == []
    assert left_processes() == []


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (replace(SMALL, wall_seconds=1), Outcome.WALL_TIME),
        (replace(SMALL, silence_seconds=1), Outcome.NO_OUTPUT),
    ],
)
def test_a_hang_is_ended(real_farm: Farm, limits: object, outcome: Outcome) -> None:
    run = real_farm.run(real_farm.job(sdists.HANGS, limits=limits))

    assert run.end.outcome == outcome
    assert left_processes() == []


def test_a_daemon_does_not_outlive_the_build(real_farm: Farm) -> None:
    run = real_farm.run(real_farm.job(sdists.DAEMON))

    assert run.end.outcome == Outcome.BUILT
    assert left_processes() == []


def test_without_a_lease_the_sandbox_is_gone_within_five_seconds(real_farm: Farm) -> None:
    is_building = threading.Event()
    gone_at = 0.0
    real_farm.is_live = lambda: gone_at == 0.0
    job = real_farm.job(sdists.HANGS)

    def revoke(event: Event) -> None:
        if event_is_build(event):
            is_building.set()

    def run_it(job: Job) -> None:
        runs.append(real_farm.run(job, emit=revoke))

    runs: list[object] = []
    thread = threading.Thread(target=run_it, args=(job,))
    thread.start()
    assert is_building.wait(20)
    time.sleep(1)
    gone_at = time.monotonic()
    thread.join(20)
    took = time.monotonic() - gone_at

    (run,) = runs
    assert run.end.outcome == Outcome.CANCELLED
    assert took < 5
    assert left_processes() == []
    assert real_farm.control.uploads == []


def event_is_build(event: Event) -> bool:
    return isinstance(event, StageStarted) and event.stage == "build"


def test_a_requirement_that_nobody_has_is_the_projects_to_mend(real_farm: Farm) -> None:
    sdist = replace(
        sdists.PURE,
        files={**sdists.PURE.files, "pyproject.toml": pyproject('requires = ["no-such-thing"]')},
    )

    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.REQUIREMENTS_UNRESOLVABLE
    assert "no-such-thing" in run.log


def test_an_index_that_is_away_is_not_the_projects_fault(real_farm: Farm) -> None:
    job = real_farm.job(sdists.PURE, upstream="http://127.0.0.1:9/simple/")

    run = real_farm.run(job)

    assert run.end.outcome == Outcome.UPSTREAM_UNREACHABLE


def test_a_runtime_requirement_is_installed_and_told_of(real_farm: Farm) -> None:
    sdist = replace(
        sdists.PURE,
        files={
            **sdists.PURE.files,
            "pyproject.toml": sdists.PURE.files["pyproject.toml"]
            + 'dependencies = ["setuptools"]\n',
        },
    )

    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert [item["name"] for item in run.end.report["runtime"]] == ["setuptools"]


def test_only_a_build_runs_a_projects_code(real_farm: Farm) -> None:
    run = real_farm.run(real_farm.job(sdists.CANARY))

    assert run.end.outcome == Outcome.BUILT
    assert [mark for mark in sdists.CANARY_MARKS if mark not in run.log] == []


def pyproject(requires: str) -> str:
    return f'[build-system]\n{requires}\nbuild-backend = "setuptools.build_meta"\n'


def test_pip_and_uv_both_install_through_the_index(real_farm: Farm) -> None:
    sdist = sdists.own(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'ensurepip'], check=True)\n"
        "pip = [sys.executable, '-m', 'pip', 'install', '--no-cache-dir']\n"
        "subprocess.run([*pip, 'setuptools'], check=True)\n"
        "uv = ['/opt/affineur/uv', 'pip', 'install', '--reinstall', '--no-cache']\n"
        "subprocess.run([*uv, 'setuptools'], check=True)\n"
        "return write_wheel(wheel_directory)"
    )

    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert "Successfully installed setuptools" in run.log
    assert "~ setuptools==" in run.log


def test_a_build_reaches_nothing_but_the_index(real_farm: Farm) -> None:
    host = real_farm.upstream.url.removeprefix("http://")
    sdist = sdists.own(
        "import socket, urllib.request, urllib.error\n"
        f"address, _, port = {host!r}.partition(':')\n"
        "try:\n"
        "    socket.create_connection((address, int(port)), 2)\n"
        "except OSError as error:\n"
        "    print('upstream itself:', error)\n"
        "else:\n"
        "    raise SystemExit('reached the host')\n"
        "try:\n"
        "    urllib.request.urlopen('http://127.0.0.1:8414/etc/passwd')\n"
        "except urllib.error.HTTPError as error:\n"
        "    print('beside the index:', error.code)\n"
        "return write_wheel(wheel_directory)"
    )

    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert "upstream itself: [Errno 111] Connection refused" in run.log
    assert "beside the index: 404" in run.log


def climbs(farm: Farm, sdist: Sdist) -> list[tuple[str, str, tuple[object, ...]]]:
    """Build up the ladder: of each step how it ended, its diagnosis and what was done."""
    history: list[Tried] = []
    told = []
    while step := next_step(
        history, sources=Sources(minor=13), at=datetime(2026, 6, 1, tzinfo=UTC)
    ):
        run = farm.run(farm.job(sdist, way=step.way_with(HOST)))
        ended = Outcome(run.end.outcome)
        found = diagnose(run.end.evidence, stage=run.stages[-1], outcome=ended)
        told.append((ended.value, found.code, step.remedies))
        if ended is Outcome.BUILT:
            break
        history.append(Tried(step, ended, found))
    return told


def test_sources_for_an_older_c_interface_are_lent_it(real_farm: Farm) -> None:
    first, second = climbs(real_farm, sdists.OLD_C_API)

    assert first[:2] == (Outcome.BUILD_FAILED, "removed-c-api")
    assert (second[0], second[2]) == (Outcome.BUILT, (LendCApi(),))


def test_a_version_that_cannot_be_had_is_let_go(real_farm: Farm) -> None:
    first, second = climbs(real_farm, sdists.PINNED)

    assert first[:2] == (Outcome.REQUIREMENTS_UNRESOLVABLE, "requirement-unavailable")
    assert (second[0], second[2]) == (Outcome.BUILT, (RelaxBuildRequirements(),))


def test_what_pkg_config_lacks_is_told_where_the_build_keeps_silent(real_farm: Farm) -> None:
    run = real_farm.run(real_farm.job(sdists.SILENT_ABOUT_A_LIBRARY))

    assert run.end.evidence == "pkg-config has none of: nowhere-1.0"


def test_a_setup_that_needs_a_removed_module_is_built_on_the_second_step(real_farm: Farm) -> None:
    first = real_farm.run(real_farm.job(sdists.OLD_SETUP))
    ended = Outcome(first.end.outcome)
    found = diagnose(first.end.evidence, stage=first.stages[-1], outcome=ended)
    step = next_step(
        [Tried(FIRST, ended, found)], sources=Sources(minor=13), at=datetime(2026, 6, 1, tzinfo=UTC)
    )

    assert (ended, found.code) == (Outcome.REQUIREMENTS_UNRESOLVABLE, "removed-module"), first.log
    assert step is not None
    second = real_farm.run(real_farm.job(sdists.OLD_SETUP, way=step.way_with(HOST)))

    assert second.end.outcome == Outcome.BUILT, second.log
    assert second.end.report["way"]["shims"] == ("imp",)


def test_a_wheel_that_needs_a_removed_module_itself_is_not_lent_it(real_farm: Farm) -> None:
    sdist = sdists.own("import imp\nreturn write_wheel(wheel_directory, text='import imp')")

    run = real_farm.run(real_farm.job(sdist, way=Way("remedied", shims=("imp",))))

    assert (run.end.outcome, run.end.evidence) == (
        Outcome.IMPORT_FAILED,
        "ModuleNotFoundError: No module named 'imp'",
    )


def test_constraints_hold_whatever_installs(real_farm: Farm) -> None:
    run = real_farm.run(
        real_farm.job(sdists.PURE, way=Way("remedied", constraints=("setuptools<1",)))
    )

    assert run.end.outcome == Outcome.REQUIREMENTS_UNRESOLVABLE
    assert "setuptools<1" in run.log


@pytest.fixture
def rind(real_farm: Farm, tmp_path: Path) -> Archive:
    """A library with its header, in packages that are nowhere installed."""
    library = tmp_path / "librind.so.1"
    source = tmp_path / "rind.c"
    source.write_text("int rind_answer(void) { return 42; }\n")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-Wl,-soname,librind.so.1", "-o", library, source], check=True
    )
    archive = Archive(
        tmp_path / "archive",
        Deb("librind1", {f"usr/lib/{TRIPLET}/librind.so.1": library}),
        Deb(
            "librind-dev",
            {
                "usr/include/rind/rind.h": "int rind_answer(void);\n",
                f"usr/lib/{TRIPLET}/librind.so": "-> librind.so.1",
                f"usr/lib/{TRIPLET}/pkgconfig/rind.pc": "",
            },
            depends="librind1",
        ),
    )
    packages = Apt(tmp_path / "apt", sources=archive.sources)
    real_farm.bench = replace(real_farm.bench, system=packages)
    return archive


needs_apt = pytest.mark.skipif(not Apt.is_here(), reason="apt is not here")


@needs_apt
def test_a_library_that_is_missing_is_found_by_its_header_and_grafted(
    real_farm: Farm, rind: Archive
) -> None:
    first = real_farm.run(real_farm.job(sdists.LINKED))
    ended = Outcome(first.end.outcome)
    found = diagnose(first.end.evidence, stage=first.stages[-1], outcome=ended)
    step = next_step(
        [Tried(FIRST, ended, found)], sources=Sources(minor=13), at=datetime(2026, 6, 1, tzinfo=UTC)
    )

    assert (ended, found.code) == (Outcome.BUILD_FAILED, "missing-header"), first.log
    assert step is not None
    second = real_farm.run(real_farm.job(sdists.LINKED, way=step.way_with(HOST)))

    assert second.end.outcome == Outcome.BUILT, second.log
    told = [package["name"] for package in second.end.report["system"]["packages"]]
    assert told == ["librind-dev", "librind1"]
    # Smoke has imported it where no package is.
    (grafted,) = second.end.report["grafted"]
    assert grafted["name"].startswith("linked_demo.libs/librind-")
    assert grafted["package"].startswith("librind")


@needs_apt
def test_a_library_that_the_sources_name_is_there_at_once(real_farm: Farm, rind: Archive) -> None:
    table = '[external]\nhost-requires = ["dep:generic/rind"]\n'
    files = sdists.LINKED.files
    sdist = replace(
        sdists.LINKED, files={**files, "pyproject.toml": files["pyproject.toml"] + table}
    )

    run = real_farm.run(real_farm.job(sdist))

    assert run.end.outcome == Outcome.BUILT, run.log
    assert "rind.pc is /usr/lib/" in run.log
