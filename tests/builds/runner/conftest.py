"""A farm for tests: an upstream, a control side, and a bench to run jobs on."""

import json
import os
import platform
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uv

from builds.domain.limits import MEBIBYTE, Limits
from builds.domain.ways import Way
from builds.executors.base import Command, Executor
from builds.executors.fake import FakeExecutor
from builds.executors.sandbox import SandboxExecutor, remove_tree
from builds.runner.attempt import Bench
from builds.runner.cibuildwheel import Images
from builds.runner.download import FileCache, upstream_client
from builds.runner.events import Ended, Event, LogWritten, StageStarted
from builds.runner.interpreters import Interpreter, find_interpreters
from builds.runner.job import Distribution, Job
from builds.runner.run import run_job
from builds.runner.toolchains import warm_in
from builds.runner.zig import Zig, find_zig
from indexes.upstream.fake import FakeUpstream
from tests.builds.runner.wheels import make_wheel
from tests.data.installed import wheel_of
from tests.data.sdists import Sdist, pack

FIRST_UID = 300_000
LEASE = "lease-of-the-attempt"
SOME_PYTHON = Interpreter(
    path=Path("/usr/bin/python3.13"),
    prefix=Path("/usr"),
    tag="cp313",
    version="3.13.0",
    soabi="cpython-313-x86_64-linux-gnu",
    machine=platform.machine(),
    libc="glibc 2.36",
)
TARGET = f"cp313-manylinux_2_36_{platform.machine()}"
SMALL = Limits(
    wall_seconds=30,
    cpu_seconds=30,
    silence_seconds=20,
    memory=512 * MEBIBYTE,
    processes=64,
    disk=256 * MEBIBYTE,
    log=MEBIBYTE,
    log_flood=16 * MEBIBYTE,
)
# The time of a build in C++ is its compiler's, which other tests share the processors with.
COMPILES = replace(
    SMALL, wall_seconds=240, silence_seconds=240, cpu_seconds=240, disk=MEBIBYTE * 512
)
ROOT = Path(__file__).resolve().parents[3]


class Control(ThreadingHTTPServer):
    """The control side as a builder sees it: leases and uploads."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ControlHandler)
        self.answers: list[int] = []
        """Statuses of the next uploads; 201 when there is none left."""
        self.lease_status = 200
        self.retry_after = ""
        self.shown: list[dict[str, str]] = []
        self.uploads: list[tuple[str, str, bytes]] = []
        """Path, Authorization, content."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/builder/attempts/1"


class _ControlHandler(BaseHTTPRequestHandler):
    server: Control

    def do_POST(self) -> None:
        self.server.shown.append(dict(self.headers.items()))
        self._send(self.server.lease_status)

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 201
        said = self.headers.get("Authorization", "")
        self.server.uploads.append((self.path, said, content))
        self._send(status)

    def _send(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Run:
    """What a job said."""

    events: list[Event] = field(default_factory=list)

    @property
    def end(self) -> Ended:
        (end,) = [event for event in self.events if isinstance(event, Ended)]
        assert self.events[-1] is end
        return end

    @property
    def stages(self) -> list[str]:
        return [event.stage for event in self.events if isinstance(event, StageStarted)]

    @property
    def log(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, LogWritten))


@dataclass
class Farm:
    """Everything a job needs around it."""

    upstream: FakeUpstream
    upstream_url: str
    control: Control
    bench: Bench
    executor: Executor | None = None
    images: Images | None = None
    is_live: Callable[[], bool] = lambda: True

    def job(self, sdist: Sdist, content: bytes | None = None, **changes: Any) -> Job:
        listed = self.upstream.add_file(
            sdist.name, sdist.filename, pack(sdist) if content is None else content
        )
        job = Job(
            build="1",
            attempt="1",
            lease=LEASE,
            project=sdist.name,
            version=sdist.version,
            target=TARGET,
            way=Way("declared"),
            sdist=Distribution(listed.filename, listed.url, listed.sha256, listed.size),
            upstream=self.upstream_url,
            control_url=self.control.url,
            upload_url=f"{self.control.url}/wheel",
            limits=SMALL,
        )
        return replace(job, **changes)

    def run(self, job: Job, emit: Any = None) -> Run:
        """Run the job to its end; what it left of its folders is gone afterwards."""
        assert self.executor is not None
        run = Run()

        def record(event: Event) -> None:
            run.events.append(event)
            if emit:
                emit(event)

        try:
            run_job(
                job,
                executor=self.executor,
                emit=record,
                bench=self.bench,
                is_live=self.is_live,
                images=self.images,
            )
        finally:
            remove_tree(self.bench.folder)
        return run


@pytest.fixture
def control() -> Iterator[Control]:
    server = Control()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with upstream_client(timeout=5) as made:
        yield made


@pytest.fixture
def upstream() -> FakeUpstream:
    return FakeUpstream()


@pytest.fixture
def farm(
    tmp_path: Path, upstream: FakeUpstream, control: Control, client: httpx.Client
) -> Iterator[Farm]:
    """A farm whose commands do nothing unless told to: give it an executor."""
    bench = Bench(
        name="builder of the tests",
        folder=tmp_path / "job",
        cache=FileCache(tmp_path / "cache", client),
        client=client,
        uv=Path("/usr/bin/uv"),
        interpreters=(SOME_PYTHON,),
        upload_pause=0.01,
    )
    with upstream.serve() as url:
        yield Farm(upstream, url, control, bench)


def uid() -> int | None:
    """The user of the first slot; None where the tests cannot choose one."""
    return FIRST_UID + os.getpid() % 100_000 if os.geteuid() == 0 else None


@pytest.fixture(scope="session")
def zig() -> Zig:
    """Zig, warm: what it compiles for every build is kept from one run of the tests to the next."""
    found = find_zig("", kept=ROOT / "var" / "tests" / "zig")
    assert found is not None
    root = Path(tempfile.mkdtemp(prefix="affineur-zig-"))
    root.chmod(0o755)
    executor = SandboxExecutor(root, 0, uid())
    warm_in(executor, found, work=executor.folder / "job")
    remove_tree(root)
    return found


@pytest.fixture(scope="session")
def own_interpreters() -> tuple[Interpreter, ...]:
    """The interpreter that the tests run on, found as an operator would name it."""
    import sys

    return find_interpreters([sys.executable])


@pytest.fixture
def builder_root() -> Iterator[Path]:
    """A folder that a slot's user may enter, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="affineur-test-"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


@pytest.fixture
def real_farm(farm: Farm, builder_root: Path, own_interpreters: tuple[Interpreter, ...]) -> Farm:
    """A farm that builds, with setuptools upstream."""
    executor = SandboxExecutor(builder_root, 0, uid())
    farm.upstream.add_file("setuptools", *wheel_of("setuptools"))
    farm.bench = replace(
        farm.bench,
        folder=executor.folder / "job",
        uv=Path(uv.find_uv_bin()),
        interpreters=own_interpreters,
    )
    farm.executor = executor
    return farm


def asks_for(*requirements: str) -> Callable[[Command], None]:
    def write(command: Command) -> None:
        (command.work / "out/requires.json").write_text(json.dumps(requirements))

    return write


def leaves_wheel(**facts: Any) -> Callable[[Command], None]:
    def write(command: Command) -> None:
        given = {"name": "pure_demo", "files": {"pure_demo/__init__.py": b""}} | facts
        make_wheel(command.work / "wheels", **given)

    return write


@pytest.fixture
def fake(farm: Farm) -> FakeExecutor:
    """Commands that all go well."""
    executor = FakeExecutor()
    executor.on("install")
    executor.on("/build/wheels", effect=leaves_wheel())
    executor.on("get_requires_for_build_wheel", effect=asks_for())
    executor.on("imports.py")
    executor.on("stable_abi.py")
    farm.executor = executor
    return executor
