"""Real sdists, built by cibuildwheel in real containers; and what it would do if it were let."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uv

from builds.domain.outcomes import Outcome
from builds.domain.targets import parse_target
from builds.domain.ways import Way
from builds.executors.base import ExecutorError
from builds.executors.container import PODMAN, Containers
from builds.executors.usage import processes_of
from builds.runner import cibuildwheel
from builds.runner.cibuildwheel import (
    CURRENT,
    MADE,
    PINS,
    VERSIONS,
    ContainerWorkshop,
    Images,
    version_for,
)
from builds.runner.events import Event, LogWritten, StageStarted
from tests import images
from tests.builds.runner.conftest import SMALL, TARGET, Farm
from tests.data import sdists
from tests.data.sdists import Sdist

LINKED = sdists.own(
    "name = write_wheel(wheel_directory)\n"
    f"os.symlink('/tmp/elsewhere', os.path.join({MADE!r}, 'built_wheel', name))\n"
    "return name"
)
IDENTIFIER = re.compile(r'identifier = "(cp[^"-]+)-(?:many|musl)linux_x86_64"')

type Change = Callable[[Any], Any]


@pytest.fixture
def containers(real_farm: Farm) -> Iterator[Containers]:
    made = Containers(PODMAN, slot=f"affineur-test-{os.getpid()}", uid=real_farm.executor.uid)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def image() -> str:
    return images.image()


@pytest.fixture
def yard(real_farm: Farm, containers: Containers, image: str) -> Farm:
    """A farm that builds in containers."""
    real_farm.images = Images(
        containers,
        {TARGET.partition("-")[2]: image},
        dict.fromkeys(VERSIONS, Path(sys.executable)),
        Path(uv.find_uv_bin()),
    )
    return real_farm


def left(yard: Farm) -> tuple[list[str], list[int]]:
    """Containers and processes that are still there."""
    return yard.images.containers.ids(), processes_of(yard.executor.uid)


class TestWheels:
    pytestmark = images.NEEDED

    def test_an_extension_is_built_repaired_tried_and_told_of(self, yard: Farm, image: str) -> None:
        run = yard.run(yard.job(sdists.EXTENSION))

        assert run.end.outcome == Outcome.BUILT, run.log
        assert run.stages == [
            *("fetch", "inspect", "resolve", "build", "repair", "check", "smoke", "upload")
        ]
        report = run.end.report
        assert "manylinux" in report["wheel"]["filename"]
        assert report["modules"] == ["_speed", "speed_demo"]
        assert [item["name"] for item in report["resolved"]] == ["setuptools"]
        assert report["resolved"][0]["sha256"]
        assert report["interpreter"] == {
            "tag": "cp313",
            "version": ".".join(map(str, sys.version_info[:3])),
            "path": "/opt/python/cp313-cp313/bin/python",
            "image": image,
            "cibuildwheel": CURRENT,
        }
        assert left(yard) == ([], [])

    @pytest.mark.parametrize(
        ("sdist", "outcome", "evidence", "last_stage"),
        [
            (sdists.UNCOMPILABLE, Outcome.BUILD_FAILED, "fatal error: not-there.h", "build"),
            (sdists.HOLLOW, Outcome.HOLLOW_WHEEL, "", "repair"),
            (sdists.BAD_IMPORT, Outcome.IMPORT_FAILED, "No module named 'not_there'", "smoke"),
            (LINKED, Outcome.WHEEL_MALFORMED, "own_demo-1.0", "build"),
        ],
    )
    def test_a_failure_has_its_name_and_leaves_nothing(
        self, yard: Farm, sdist: Sdist, outcome: Outcome, evidence: str, last_stage: str
    ) -> None:
        run = yard.run(yard.job(sdist))

        assert run.end.outcome == outcome, run.log
        assert evidence in run.end.evidence
        assert run.stages[-1] == last_stage
        assert left(yard) == ([], [])

    def test_a_way_is_gone_with_all_it_says(self, yard: Farm) -> None:
        sdist = sdists.own(
            "import imp, os, setuptools, shutil\n"
            "print('compiler:', shutil.which('gcc'))\n"
            "print('flags:', os.environ['CFLAGS'], '; own:', os.environ['OWN'])\n"
            "return write_wheel(wheel_directory)"
        )
        way = Way(
            "remedied",
            requirements=("setuptools",),
            flags=("-DTHIS",),
            shims=("imp",),
            environment={"OWN": "it's $(true)"},
        )

        run = yard.run(yard.job(sdist, way=way))

        assert run.end.outcome == Outcome.BUILT, run.log
        assert "-DTHIS ; own: it's $(true)\n" in run.log
        assert f"compiler: {MADE}/compilers/gcc\n" in run.log

    def test_constraints_hold(self, yard: Farm) -> None:
        way = Way("remedied", constraints=("setuptools<1",))

        run = yard.run(yard.job(sdists.PURE, way=way))

        assert run.end.outcome == Outcome.REQUIREMENTS_UNRESOLVABLE, run.log
        assert run.stages[-1] == "resolve"

    def test_an_index_that_is_away_is_not_the_projects_fault(self, yard: Farm) -> None:
        run = yard.run(yard.job(sdists.PURE, upstream="http://127.0.0.1:9/simple/"))

        assert run.end.outcome == Outcome.UPSTREAM_UNREACHABLE, run.log

    def test_what_an_image_cannot_have_is_said_before_it_is_started(self, yard: Farm) -> None:
        run = yard.run(yard.job(sdists.PURE, way=Way("remedied", system=("cairo.pc",))))

        assert run.end.outcome == Outcome.REQUIREMENTS_UNRESOLVABLE
        assert "cairo.pc" in run.end.message
        assert "cibuildwheel" not in run.log

    def test_an_image_that_does_not_work_is_the_farms_fault(self, yard: Farm) -> None:
        platform = TARGET.partition("-")[2]
        yard.images = replace(yard.images, references={platform: "localhost/not-there"})

        run = yard.run(yard.job(sdists.PURE))

        assert run.end.outcome == Outcome.BUILDER_FAULT, run.log

    def test_without_a_lease_the_container_is_gone_within_five_seconds(self, yard: Farm) -> None:
        is_building = threading.Event()
        gone_at = 0.0
        yard.is_live = lambda: gone_at == 0.0
        runs = []

        def watch(event: Event) -> None:
            if isinstance(event, StageStarted) and event.stage == "build":
                is_building.set()

        job = yard.job(sdists.HANGS)
        thread = threading.Thread(target=lambda: runs.append(yard.run(job, emit=watch)))
        thread.start()
        assert is_building.wait(25)
        gone_at = time.monotonic()
        thread.join(20)

        assert runs[0].end.outcome == Outcome.CANCELLED
        assert time.monotonic() - gone_at < 5
        assert left(yard) == ([], [])


def changed(monkeypatch: pytest.MonkeyPatch, name: str, change: Change) -> None:
    """Have a method of the workshop return something else: a mitigation less."""
    original = getattr(ContainerWorkshop, name)
    monkeypatch.setattr(ContainerWorkshop, name, lambda *args: change(original(*args)))


class TestTraps:
    """Each is closed; and is seen to be one where its mitigation is taken away."""

    pytestmark = images.NEEDED

    SEES_HOST = sdists.own(
        "print('the host:', os.path.isdir('/host/proc'))\nreturn write_wheel(wheel_directory)"
    )

    def test_the_hosts_files_are_not_shown(self, yard: Farm) -> None:
        assert "the host: False" in yard.run(yard.job(self.SEES_HOST)).log

    def test_the_hosts_files_would_be_shown(
        self, yard: Farm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = "CIBW_CONTAINER_ENGINE"
        changed(
            monkeypatch,
            "settings",
            lambda given: given | {key: given[key].replace("disable_host_mount: true; ", "")},
        )

        assert "the host: True" in yard.run(yard.job(self.SEES_HOST)).log

    ZIPPED = replace(sdists.OWN, ending=".zip")

    @pytest.fixture
    def marks(self, tmp_path: Path) -> Path:
        (tmp_path / "marks").mkdir()
        return tmp_path / "marks"

    def obedient(self, marks: Path) -> Sdist:
        """Asks cibuildwheel to run commands on the host."""
        sdist = sdists.own(
            "name = write_wheel(wheel_directory)\n"
            "new = name.replace('py3-none-any', 'cp313-cp313-linux_x86_64')\n"
            "os.rename(os.path.join(wheel_directory, name), os.path.join(wheel_directory, new))\n"
            "return new"
        )
        table = (
            "[tool.cibuildwheel]\n"
            'build-frontend = "uv"\n'
            'repair-wheel-command = "cp {wheel} {dest_dir}"\n'
            f'audit-command = "touch {marks}/audit; : {{wheel}}"\n'
            "audit-requires = []\n"
            'test-command = "true"\n'
            f'test-environment = {{ X = "$(touch {marks}/test)" }}\n'
        )
        files = sdist.files | {"pyproject.toml": sdist.files["pyproject.toml"] + table}
        return replace(sdist, files=files)

    def test_settings_of_the_sources_and_of_the_builder_are_not_obeyed(
        self, yard: Farm, marks: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CIBW_AUDIT_COMMAND_LINUX", f"touch {marks}/inherited; : {{wheel}}")

        run = yard.run(yard.job(self.obedient(marks)))

        assert run.stages[-1] == "repair", run.log
        assert list(marks.iterdir()) == []

    def test_settings_of_the_sources_would_be_obeyed_on_the_host(
        self, yard: Farm, marks: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at = len(("python", "-I", "-m", "cibuildwheel", ".", "--only", "identifier"))
        changed(monkeypatch, "command", lambda argv: argv[:at] + argv[at + 2 :])
        closed = (
            "AUDIT_COMMAND",
            "AUDIT_REQUIRES",
            "TEST_COMMAND",
            "BUILD_FRONTEND",
            "REPAIR_WHEEL_COMMAND",
        )
        changed(
            monkeypatch,
            "settings",
            lambda given: {
                name: value
                for name, value in given.items()
                if name.removeprefix("CIBW_") not in closed
            },
        )

        run = yard.run(yard.job(self.obedient(marks)))

        assert {mark.name for mark in marks.iterdir()} == {"audit", "test"}, run.log

    def test_settings_of_the_builder_would_be_obeyed(
        self, yard: Farm, marks: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inherited = {
            "CIBW_AUDIT_COMMAND_LINUX": f"touch {marks}/inherited; : {{wheel}}",
            "CIBW_BUILD_FRONTEND": "uv",
            "CIBW_REPAIR_WHEEL_COMMAND": "cp {wheel} {dest_dir}",
        }
        changed(monkeypatch, "settings", lambda given: given | inherited)

        run = yard.run(yard.job(self.obedient(marks)))

        assert [mark.name for mark in marks.iterdir()] == ["inherited"], run.log

    def shadowing(self, marks: Path) -> Sdist:
        """Has a module of a name that cibuildwheel imports."""
        text = f"open('{marks}/imported', 'w').close()\n"
        # Which targets a release has is planned by the control side, and not by a driver.
        wanted = {"setup.cfg": "[options]\npython_requires = <3\n"}
        modules = {"bashlex.py": text, "build.py": text}
        return replace(sdists.OWN, files=sdists.OWN.files | modules | wanted)

    def test_nothing_is_imported_from_the_sources(self, yard: Farm, marks: Path) -> None:
        run = yard.run(yard.job(self.shadowing(marks)))

        assert run.end.outcome == Outcome.BUILT, run.log
        assert list(marks.iterdir()) == []

    def test_modules_would_be_imported_from_the_sources(
        self, yard: Farm, marks: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        changed(monkeypatch, "command", lambda argv: [part for part in argv if part != "-I"])

        yard.run(yard.job(self.shadowing(marks)))

        assert [mark.name for mark in marks.iterdir()] == ["imported"]

    def test_a_hang_is_ended(self, yard: Farm) -> None:
        run = yard.run(yard.job(sdists.HANGS, limits=replace(SMALL, silence_seconds=5)))

        assert run.end.outcome == Outcome.NO_OUTPUT, run.log
        assert left(yard) == ([], [])

    def test_a_container_would_go_on_without_its_driver(
        self, yard: Farm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hangs = sdists.own("import time\nprint('hanging', flush=True)\ntime.sleep(3600)")
        is_hanging = threading.Event()
        yard.is_live = lambda: not is_hanging.is_set()

        def watch(event: Event) -> None:
            if isinstance(event, LogWritten) and "hanging" in event.text:
                is_hanging.set()

        with monkeypatch.context() as patch:
            patch.setattr(Containers, "remove", lambda _: None)
            yard.run(yard.job(hangs), emit=watch)
            containers, processes = left(yard)

        assert containers
        assert processes
        yard.images.containers.remove()
        assert left(yard) == ([], [])

    def test_a_pure_wheel_is_a_wheel(self, yard: Farm) -> None:
        run = yard.run(yard.job(sdists.PURE))

        assert run.end.outcome == Outcome.BUILT, run.log
        assert run.end.report["wheel"]["filename"] == "pure_demo-1.0-py3-none-any.whl"

    def test_a_pure_wheel_would_be_thrown_away(
        self, yard: Farm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = "CIBW_BEFORE_BUILD"
        changed(
            monkeypatch,
            "settings",
            lambda given: given | {key: f"mkdir {MADE} && {given[key]}"},
        )
        original = cibuildwheel.mount_arguments
        monkeypatch.setattr(
            cibuildwheel,
            "mount_arguments",
            lambda mounts: original(mount for mount in mounts if str(mount.inside) != MADE),
        )

        run = yard.run(yard.job(sdists.OWN))

        assert "a pure Python wheel was generated" in run.log
        assert run.end.outcome == Outcome.BUILD_FAILED

    def test_a_zip_is_unpacked_beforehand(self, yard: Farm) -> None:
        run = yard.run(yard.job(self.ZIPPED))

        assert run.end.outcome == Outcome.BUILT, run.log

    def test_a_zip_would_not_be_unpacked(self, yard: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
        archive = yard.bench.folder / "fetched/sdist"
        changed(
            monkeypatch,
            "command",
            lambda argv: [str(archive) if part == "." else part for part in argv],
        )

        run = yard.run(yard.job(self.ZIPPED))

        assert run.end.outcome == Outcome.BUILDER_FAULT
        assert "ReadError" in run.end.evidence

    def reaching(self, yard: Farm) -> Sdist:
        host, _, port = yard.upstream_url.split("/")[2].partition(":")
        return sdists.own(
            "import socket\n"
            "try:\n"
            f"    socket.create_connection(({host!r}, {port}), 2)\n"
            "except OSError as error:\n"
            "    print('the network:', error)\n"
            "else:\n"
            "    print('the network: reached')\n"
            "return write_wheel(wheel_directory)"
        )

    def test_there_is_no_network_but_the_index(self, yard: Farm) -> None:
        run = yard.run(yard.job(self.reaching(yard), way=Way("a", requirements=("setuptools",))))

        assert run.end.outcome == Outcome.BUILT, run.log
        assert "the network: [Errno 111] Connection refused" in run.log

    def test_there_would_be_a_network(self, yard: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
        key = "CIBW_CONTAINER_ENGINE"
        changed(
            monkeypatch,
            "settings",
            lambda given: given | {key: given[key].replace("--network=none", "--network=host")},
        )

        assert "the network: reached" in yard.run(yard.job(self.reaching(yard))).log


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("cp36-musllinux_1_2_x86_64", "2.23.4"),
        ("cp37-manylinux_2_28_x86_64", "2.23.4"),
        ("cp38-manylinux_2_28_x86_64", "3.4.1"),
        ("cp39-manylinux_2_28_x86_64", CURRENT),
        ("cp313-manylinux_2_28_x86_64", CURRENT),
        ("cp313t-manylinux_2_28_x86_64", "3.4.1"),
        ("cp314t-musllinux_1_2_x86_64", CURRENT),
    ],
)
def test_each_interpreter_has_a_cibuildwheel_that_knows_it(target: str, expected: str) -> None:
    assert version_for(parse_target(target)) == expected


def test_the_current_cibuildwheel_is_the_one_that_is_tested() -> None:
    assert version("cibuildwheel") == CURRENT


def test_the_current_cibuildwheel_knows_every_interpreter_that_is_left_to_it() -> None:
    known = set(IDENTIFIER.findall(_platforms()))

    assert known >= {*(f"cp3{minor}" for minor in range(9, 15)), "cp314t"}
    assert not known & set(cibuildwheel.OLDER)


def _platforms() -> str:
    import cibuildwheel as installed

    folder = Path(installed.__file__).parent
    return (folder / "resources/build-platforms.toml").read_text()


@pytest.mark.parametrize("number", VERSIONS)
def test_every_version_is_pinned_with_all_it_needs(number: str) -> None:
    lines = (PINS / f"cibuildwheel-{number}.txt").read_text()

    assert f"cibuildwheel=={number} " in lines
    assert len(re.findall(r"^\S+==\S+ \\$", lines, re.MULTILINE)) >= 5
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", lines))


def test_what_is_pinned_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def run(argv: list[Any], **_: Any) -> None:
        commands.append([str(part) for part in argv])
        (tmp_path / Path(commands[-1][-1]).name).mkdir(exist_ok=True)

    monkeypatch.setattr(subprocess, "run", run)
    drivers, any_uv = cibuildwheel.install_drivers(tmp_path, Path("/usr/bin/uv"))

    assert set(drivers) == set(VERSIONS)
    assert any_uv == tmp_path / "uv/bin/uv"
    installs = [command for command in commands if "install" in command]
    assert all("--require-hashes" in command for command in installs)
    assert len(installs) == len(VERSIONS) + 1
    commands.clear()
    cibuildwheel.install_drivers(tmp_path, Path("/usr/bin/uv"))
    assert commands == []


def test_what_cannot_be_installed_is_the_farms_fault(tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match=r"cibuildwheel-\S+ could not be installed"):
        cibuildwheel.install_drivers(tmp_path, Path("/bin/false"))
