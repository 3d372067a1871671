"""The portable toolchain: what it makes of builds, what it takes out of them, what it refuses."""

import fcntl
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builds.domain.diagnosis import diagnose
from builds.domain.ladder import FIRST, Sources, Step, Tried, next_step
from builds.domain.outcomes import Outcome
from builds.domain.remedies import HostToolchain
from builds.domain.ways import HOST, PORTABLE, Way
from builds.executors.base import Command, ExecutorError, Mount
from builds.executors.sandbox import SandboxExecutor
from builds.runner.toolchains import INSTEAD, ZIG, warm, warm_in
from builds.runner.zig import WRAPPERS, Zig, find_zig, host_compiler
from tests.builds.runner.conftest import COMPILES, Farm, Run, uid
from tests.data import sdists
from tests.data.sdists import Sdist

WAY = Way("declared", toolchain=PORTABLE)
AT = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def portable_farm(real_farm: Farm, zig: Zig) -> Farm:
    real_farm.bench = replace(real_farm.bench, zig=zig, compiler=host_compiler())
    return real_farm


def built(farm: Farm, sdist: Sdist, way: Way = WAY) -> Run:
    return farm.run(farm.job(sdist, way=way, limits=COMPILES))


@pytest.mark.sandbox
def test_c_and_cxx_run_on_old_systems_and_are_the_same_every_time(
    portable_farm: Farm, builder_root: Path
) -> None:
    first = built(portable_farm, sdists.TWO_LANGUAGES)
    slot = SandboxExecutor(builder_root, 1, uid() and uid() + 1)
    portable_farm.executor = slot
    portable_farm.bench = replace(portable_farm.bench, folder=slot.folder / "job")
    time.sleep(2)
    built(portable_farm, sdists.TWO_LANGUAGES)

    assert first.end.outcome == Outcome.BUILT, first.log[-3000:]
    (path, _, one), (_, _, other) = portable_farm.control.uploads
    assert one == other
    newest = max(int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", path))
    assert newest <= 17
    report = first.end.report
    assert report["toolchain"]["name"] == PORTABLE
    assert re.fullmatch(r"zig \S+, glibc 2\.17", report["toolchain"]["version"])
    assert report["grafted"] == []


@pytest.mark.sandbox
@pytest.mark.parametrize("sdist", [sdists.FAST_MATH, sdists.PROBES_FAST_MATH])
def test_what_it_refuses_is_built_on_the_host(portable_farm: Farm, sdist: Sdist) -> None:
    run = built(portable_farm, sdist)

    ended = Outcome(run.end.outcome)
    assert ended is Outcome.BUILD_FAILED, run.log
    found = diagnose(run.end.evidence, stage=run.stages[-1], outcome=ended)
    tried = Tried(FIRST, ended, found, run.end.report["toolchain"]["name"])
    step = next_step([tried], sources=Sources(minor=13), at=AT)
    assert step == Step(None, (HostToolchain(),))
    again = built(portable_farm, sdist, step.way_with(PORTABLE))
    assert again.end.outcome == Outcome.BUILT, again.log
    assert again.end.report["toolchain"] == {"name": HOST, "version": host_compiler()}


@pytest.mark.sandbox
def test_a_builder_without_it_says_so_and_builds_on_the_host(real_farm: Farm) -> None:
    run = built(real_farm, sdists.EXTENSION)

    assert run.end.outcome == Outcome.BUILT
    assert "this builder has no portable toolchain" in run.log
    assert run.end.report["toolchain"]["name"] == HOST


@pytest.mark.sandbox
def test_a_build_leaves_nothing_for_another(portable_farm: Farm, zig: Zig) -> None:
    sdist = sdists.own(
        "import subprocess\n"
        "for path in ('zig-cache/x', 'zig-cache/h/x', 'zig/lib/x', 'inside/portable/cc'):\n"
        "    try:\n"
        "        open('/opt/affineur/' + path, 'a')\n"
        "    except OSError as error:\n"
        "        assert error.strerror in ('Read-only file system', 'Permission denied'), error\n"
        "    else:\n"
        "        raise SystemExit('wrote ' + path)\n"
        "subprocess.run('echo \"int x;\" > x.c; $CC -O3 -c x.c; $CC -shared x.o', shell=True, "
        "check=True)\n"
        "return write_wheel(wheel_directory)"
    )

    run = built(portable_farm, sdist)

    assert run.end.outcome == Outcome.BUILT, run.log


@pytest.fixture
def fake_zig(tmp_path: Path) -> Iterator[Zig]:
    """A zig that only tells what it is called with."""
    folder = Path(tempfile.mkdtemp(prefix="affineur-fake-zig-"))
    folder.chmod(0o755)
    program = folder / "zig"
    program.write_text('#!/bin/sh\n[ "$1" != version ] || exec echo 1.2.3\necho "$@"\n')
    program.chmod(0o755)
    yield Zig(folder, "1.2.3", tmp_path / "kept")
    shutil.rmtree(folder)


def called(fake: Zig, root: Path, *argv: str) -> str:
    """What zig is called with when a build calls `argv`."""
    work = root / "slot-0" / "job"
    (work / "out").mkdir(parents=True)
    command = Command(
        [str(INSTEAD / argv[0]), *argv[1:]],
        work,
        {"AFFINEUR_TARGET": "x86_64-linux-gnu.2.17", "PATH": "/usr/bin:/bin"},
        (Mount(fake.folder, ZIG), Mount(WRAPPERS, INSTEAD)),
    )
    handle = SandboxExecutor(root, 0, uid()).start(command)
    said = b"".join(handle.output()).decode().strip()
    handle.wait()
    return said


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("argv", "kept", "dropped"),
    [
        (
            "gcc -march=native -mtune=generic -mavx2 -flto=auto -Wp,-D_FORTIFY_SOURCE=2 -c x.c",
            "cc -target x86_64-linux-gnu.2.17 -mavx2 -D_FORTIFY_SOURCE=2 -c x.c",
            "-march -mtune -flto",
        ),
        ("gcc -march=x86-64-v2 -c x.c", "-march=x86_64_v2", "-v2"),
        ("x86_64-linux-gnu-gcc -c x.cpp", "c++ -target x86_64-linux-gnu.2.17", ""),
        ("g++ -c x.c", "-xc++ x.c -xnone", ""),
        (
            "g++ -shared -O3 -mavx2 -fno-plt x.o -lm -o x.so",
            "c++ -target x86_64-linux-gnu.2.17 -shared x.o -lm -o x.so",
            "-O3 -mavx2 -fno-plt",
        ),
        (
            "cc -Wl,-z,now,-z,pack-relative-relocs,--exclude-libs,ALL,--as-needed x.o -o x.so",
            "-Wl,-z,now,--as-needed x.o -o x.so",
            "ALL relocs",
        ),
        (
            "cc -I/usr/include -isystem /usr/local/include -I /usr/include/python3.11 x.c",
            "-I /usr/include/python3.11 x.c",
            "-isystem -I/usr/include",
        ),
        (
            "cc -I/usr/include/demo -L/usr/lib/x86_64-linux-gnu -L lib x.c -o x",
            "-I/usr/include/demo -L lib x.c -o x",
            "-L/usr",
        ),
        ("cc x.o /usr/lib/x86_64-linux-gnu/libm.so -o x", "x.o -lm -o x", "/usr/lib"),
        ("cc --version", "cc -target x86_64-linux-gnu --version", "2.17"),
        ("gcc-ar rcs x.a x.o", "ar rcs x.a x.o", "gcc"),
    ],
)
def test_what_is_written_for_gcc_is_put_in_zigs_words(
    fake_zig: Zig, builder_root: Path, argv: str, kept: str, dropped: str
) -> None:
    said = called(fake_zig, builder_root, *argv.split())

    words = said.replace(" -fno-sanitize=undefined -O2", "")
    words = re.sub(r" -idirafter \S+( -Wno-\S+)+", "", words)
    assert kept in words
    assert [word for word in dropped.split() if word in words] == []


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "argv",
    ["cc -Ofast -c x.c", "c++ -fopenmp x.o -o x", "cc x.o /usr/lib/x86_64-linux-gnu/libz.so"],
)
def test_what_it_cannot_do_is_told_and_noted(fake_zig: Zig, builder_root: Path, argv: str) -> None:
    said = called(fake_zig, builder_root, *argv.split())

    assert re.fullmatch(
        r"affineur: error: this build asks for \S+, which the portable toolchain does not do", said
    )
    noted = (builder_root / "slot-0" / "job" / "out" / "refused").read_text()
    assert noted.strip() == said


@pytest.mark.sandbox
def test_a_zig_that_fails_is_a_fault_of_the_builder(fake_zig: Zig, builder_root: Path) -> None:
    (fake_zig.folder / "zig").write_text("#!/bin/sh\necho no; exit 1\n")
    executor = SandboxExecutor(builder_root, 0, uid())

    with pytest.raises(ExecutorError, match=r"could not be warmed .*exit status 1.*no"):
        warm_in(executor, fake_zig, work=executor.folder / "job")

    assert not fake_zig.cache("x86_64").exists()


def test_what_is_compiled_for_every_build_is_compiled_once(fake_zig: Zig, tmp_path: Path) -> None:
    calls: list[Path] = []

    def run(program: Path, work: Path, environment: object, mounts: object) -> None:
        calls.append(program)
        (work / "zig").mkdir()
        (work / "zig" / "library").write_text("compiled")

    for stale in ("draft", "1.2.2-0123456789ab-x86_64"):
        (fake_zig.kept / stale).mkdir(parents=True)
    for work in (tmp_path / "one", tmp_path / "two"):
        warm(fake_zig, "x86_64", work=work, run=run, wait=pytest.fail)

    assert len(calls) == 1
    (kept,) = [path for path in fake_zig.kept.iterdir() if path.is_dir()]
    assert kept == fake_zig.cache("x86_64")
    assert (kept / "library").read_text() == "compiled"


def test_who_comes_while_it_is_compiled_waits(fake_zig: Zig, tmp_path: Path) -> None:
    waited: list[bool] = []

    def run(*_: object) -> None:
        pytest.fail("compiled twice")

    fake_zig.kept.mkdir()

    def wait() -> None:
        waited.append(True)
        fake_zig.cache("x86_64").mkdir()

    with (fake_zig.kept / "lock").open("w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        warm(fake_zig, "x86_64", work=tmp_path / "work", run=run, wait=wait)

    assert waited == [True]


def test_zig_is_found_where_it_is(fake_zig: Zig, tmp_path: Path) -> None:
    found = find_zig(str(fake_zig.folder), kept=fake_zig.kept)

    assert found == fake_zig
    assert find_zig(str(tmp_path), kept=tmp_path) is None
