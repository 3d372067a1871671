"""The builder's own process: leases, slots, events, and how it stops."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from celery import Celery, current_app

from builds import builder
from builds.builder import Lease, as_stopped, held_slot, taken_slot
from builds.conf import InvalidConfiguration, builder_config
from builds.domain.outcomes import Outcome
from builds.domain.targets import UnknownTarget
from builds.domain.ways import Way
from builds.executors.usage import processes_of
from builds.runner.apt import Apt
from builds.runner.events import Ended, StageStarted
from builds.runner.job import Distribution, InvalidJobError, Job
from tests import servers
from tests.builds.runner.conftest import (
    LEASE,
    SMALL,
    TARGET,
    Control,
    Farm,
    builder_root,
    client,
    control,
    farm,
    upstream,
)
from tests.data import sdists
from tests.data.installed import wheel_of
from tests.waiting import wait_until

__all__ = ["builder_root", "client", "control", "farm", "upstream"]

CODE = Path(builder.__file__).resolve().parents[1]
FIRST_UID = 400_000
NEEDS_NOTHING_OF_THE_CONTROL_SIDE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "rest_framework", "boto3", "psycopg", "portal"}:
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
import builds.builder
print(sorted(builds.builder.app.tasks)[0])
"""


def some_job(control: Control, **changes: Any) -> Job:
    job = Job(
        build="1",
        attempt="1",
        lease=LEASE,
        project="demo",
        version="1.0",
        target=TARGET,
        sdist=Distribution(
            "demo-1.0.tar.gz", "http://upstream.example/demo-1.0.tar.gz", "0" * 64, 1
        ),
        way=Way("declared"),
        upstream="http://upstream.example/simple/",
        control_url=control.url,
        upload_url=f"{control.url}/wheel",
    )
    return replace(job, **changes)


def test_a_builder_needs_neither_django_nor_keys() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NEEDS_NOTHING_OF_THE_CONTROL_SIDE],
        cwd=CODE,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout.strip()) == (0, "builder.run"), done.stderr


def test_the_builders_application_is_not_the_current_one() -> None:
    assert builder.app.tasks["builder.run"].name == "builder.run"
    assert current_app._get_current_object() is not builder.app  # noqa: SLF001 - it is a proxy


def test_what_is_no_job_is_refused() -> None:
    with pytest.raises(InvalidJobError):
        builder.app.tasks["builder.run"].run({})


def test_the_configuration_is_the_environments(tmp_path: Path) -> None:
    config = builder_config(
        {
            "AFFINEUR_BROKER": "redis+socket:///run/broker.sock",
            "AFFINEUR_BUILDER_ROOT": str(tmp_path),
            "AFFINEUR_BUILDER_SLOTS": "3",
            "AFFINEUR_INTERPRETERS": "/opt/a/python3 /opt/b/*/python3",
            "AFFINEUR_SMOKE_INTERPRETERS": "/opt/portable/*/python3",
            "AFFINEUR_CONTACT": "farm@example",
            "AFFINEUR_BUILDER_CACHE": "1000",
            "AFFINEUR_TOOLCHAIN": "portable",
            "AFFINEUR_ZIG": "/opt/zig",
        }
    )

    assert config.interpreters == ("/opt/a/python3", "/opt/b/*/python3")
    assert config.smoke_interpreters == ("/opt/portable/*/python3",)
    assert (config.slots, config.root, config.cache) == (3, tmp_path, 1000)
    assert (config.toolchain, config.zig) == ("portable", "/opt/zig")
    assert config.contact == "farm@example"
    made = builder.make_app(config)
    assert made.conf.worker_concurrency == 3
    assert not made.conf.task_acks_late


@pytest.mark.skipif(not Apt.is_here(), reason="apt is not here")
def test_system_packages_are_the_machines_own_unless_told_otherwise(tmp_path: Path) -> None:
    given = {"AFFINEUR_BUILDER_ROOT": str(tmp_path)}
    sources = tmp_path / "sources.list"

    none, own, other = (
        builder.system_packages(builder_config(given | {"AFFINEUR_SYSTEM_PACKAGES": value}))
        for value in ("none", "", str(sources))
    )

    assert none is None
    assert own is not None
    assert other is not None
    assert own.root == other.root == tmp_path / "system"
    assert str(sources) in (other.root / "apt.conf").read_text()


DIGEST = "sha256:" + "0f" * 32


def test_images_are_told_by_the_platform_of_a_target() -> None:
    machine = platform.machine()
    config = builder_config(
        {
            "AFFINEUR_CONTAINERS": "podman",
            "AFFINEUR_IMAGES": f"manylinux_2_28_{machine}=images.example/many@{DIGEST}, "
            f"musllinux_1_2_{machine}=localhost/musl:1,manylinux_2_17_{machine}={DIGEST}",
        }
    )

    assert config.images == {
        f"manylinux_2_28_{machine}": f"images.example/many@{DIGEST}",
        f"musllinux_1_2_{machine}": "localhost/musl:1",
        f"manylinux_2_17_{machine}": DIGEST,
    }


@pytest.mark.parametrize(
    ("engine", "images", "said"),
    [
        ("podman", "manylinux_2_28_{}=images.example/many:latest", "name it by its digest"),
        ("podman", "manylinux_2_28_{}=images.example/many", "name it by its digest"),
        ("podman", "manylinux_2_28_{}", "name it by its digest"),
        ("podman", "manylinux_2_28_riscv=localhost/many", "is no target"),
        ("podman", "manylinux_2_28_i686=localhost/many", "this machine is"),
        ("podman", "", "AFFINEUR_CONTAINERS is podman or docker where"),
        ("", "manylinux_2_28_{}=localhost/many", "AFFINEUR_CONTAINERS is podman or docker where"),
        ("lxc", "manylinux_2_28_{}=localhost/many", "AFFINEUR_CONTAINERS is podman or docker"),
    ],
)
def test_an_image_that_may_be_another_tomorrow_is_refused(
    engine: str, images: str, said: str
) -> None:
    told = images.format(platform.machine())
    with pytest.raises((InvalidConfiguration, UnknownTarget), match=said):
        builder_config({"AFFINEUR_CONTAINERS": engine, "AFFINEUR_IMAGES": told})


def test_a_builder_whose_engine_is_missing_does_not_start(tmp_path: Path) -> None:
    slot = builder.Slot(0, None, tmp_path, "no-such-engine")

    with pytest.raises(SystemExit, match="cannot build in containers: no-such-engine is missing"):
        builder.prepare_images(slot, builder_config({}))


def test_a_builder_without_an_engine_has_no_images(tmp_path: Path) -> None:
    assert builder.images_of(builder.Slot(0, None, tmp_path), builder_config({})) is None


def test_a_lease_is_taken_with_its_token_and_the_builders_name(control: Control) -> None:
    lease = Lease(some_job(control), "builder-1")

    assert lease.take()
    (shown,) = control.shown
    assert shown["Authorization"] == f"Bearer {LEASE}"
    assert shown["X-Affineur-Builder"] == "builder-1"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_job_that_is_no_longer_to_be_had_is_dropped(
    farm: Farm, control: Control, builder_root: Path, status: int
) -> None:
    control.lease_status = status
    config = builder_config({"AFFINEUR_BUILDER_ROOT": str(builder_root)})

    builder.perform(some_job(control), config)

    assert len(control.shown) == 1
    assert list(builder_root.iterdir()) == []


def test_a_builder_that_is_told_to_rest_takes_no_other_job_meanwhile(
    farm: Farm, control: Control, builder_root: Path
) -> None:
    control.lease_status, control.retry_after = 409, "1"
    config = builder_config({"AFFINEUR_BUILDER_ROOT": str(builder_root)})
    began = time.monotonic()

    builder.perform(some_job(control), config)

    assert 1 <= time.monotonic() - began < 10
    assert len(control.shown) == 1


@pytest.mark.parametrize(("said", "seconds"), [("86400", 60), ("soon", 0), ("", 0), ("7", 7)])
def test_a_rest_is_bounded(control: Control, said: str, seconds: float) -> None:
    control.lease_status, control.retry_after = 409, said
    lease = Lease(some_job(control), "builder-1")
    assert not lease.take()
    assert lease.rest_seconds == seconds


def test_a_lease_that_is_taken_back_is_noticed_within_a_second_or_two(control: Control) -> None:
    lease = Lease(some_job(control), "builder-1")
    assert lease.take()

    with lease.kept():
        control.lease_status = 410
        began = time.monotonic()
        wait_until(lambda: not lease.is_live)

    assert time.monotonic() - began < 3


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("status", [500, 503])
def test_a_control_side_that_is_away_is_waited_for_a_while(control: Control, status: int) -> None:
    clock = Clock()
    lease = Lease(some_job(control), "builder-1", clock=clock)
    assert lease.take()
    control.lease_status = status

    clock.now = 19
    lease.show()
    assert lease.is_live

    clock.now = 21
    lease.show()
    assert not lease.is_live


def test_an_answer_after_an_absence_begins_the_wait_anew(control: Control) -> None:
    clock = Clock()
    lease = Lease(some_job(control), "builder-1", clock=clock)
    assert lease.take()
    for now, status in ((15, 503), (16, 200), (30, 503)):
        clock.now, control.lease_status = now, status
        lease.show()

    assert lease.is_live


def test_a_slot_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    config = builder_config({"AFFINEUR_BUILDER_ROOT": str(tmp_path), "AFFINEUR_BUILDER_SLOTS": "2"})

    with taken_slot(config) as first, taken_slot(config) as second:
        assert {first.number, second.number} == {0, 1}
        assert first.uid is None or first.uid != second.uid
        with held_slot(config, 0) as third:
            assert third is None
    with held_slot(config, 0) as free:
        assert free is not None


def test_an_end_because_the_builder_stops_is_not_a_cancellation(control: Control) -> None:
    job = some_job(control)
    cancelled = Ended(Outcome.CANCELLED, "", "", "2026-01-01T00:00:00+00:00", {"a": 1})
    failed = replace(cancelled, outcome=Outcome.BUILD_FAILED)
    started = StageStarted("build", "2026-01-01T00:00:00+00:00")

    stopped = as_stopped(cancelled, job)

    assert isinstance(stopped, Ended)
    assert (stopped.outcome, stopped.report) == (Outcome.BUILDER_FAULT, {"a": 1})
    assert as_stopped(failed, job) is failed
    assert as_stopped(started, job) is started


class Worker:
    """A builder as a process of its own, and the control side's end of its broker."""

    def __init__(self, root: Path, broker: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.uid = FIRST_UID + os.getpid() % 100_000
        self.root = root
        self.control = Celery("control", broker=broker, set_as_current=False)
        self._log = root / "worker.log"
        environment = {
            "PATH": os.environ["PATH"],
            "AFFINEUR_BROKER": broker,
            "AFFINEUR_BUILDER_ROOT": str(root / "builder"),
            "AFFINEUR_INTERPRETERS": sys.executable,
            "AFFINEUR_SLOT_UID": str(self.uid),
            "AFFINEUR_BUILDER_NAME": "builder of the tests",
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "--app", "builds.builder", "worker"),
                    *("--queues", "builder", "--loglevel", "INFO"),
                ],
                cwd=CODE,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def send(self, job: Job) -> None:
        self.control.send_task("builder.run", kwargs={"job": job.to_json()}, queue="builder")

    def receive(self) -> None:
        """Read what has come in on the queue of events."""
        with self.control.connection_for_read() as connection:
            queue = connection.SimpleQueue("events")
            with suppress(Empty):
                while message := queue.get_nowait():
                    message.ack()
                    _, kwargs, _ = message.payload
                    assert (kwargs["attempt_id"], kwargs["lease"]) == ("1", LEASE)
                    self.events.append(kwargs["event"])
            queue.close()

    def has(self, **facts: str) -> bool:
        self.receive()
        return any(facts.items() <= event.items() for event in self.events)

    def left(self) -> list[int]:
        return processes_of(self.uid) if os.geteuid() == 0 else []

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def worker(builder_root: Path) -> Iterator[Worker]:
    with servers.redis() as broker:
        started = Worker(builder_root, broker)
        try:
            yield started
        finally:
            started.stop()
            started.control.close()


@pytest.mark.sandbox
def test_a_job_travels_through_the_broker(farm: Farm, worker: Worker) -> None:
    farm.upstream.add_file("setuptools", *wheel_of("setuptools"))

    worker.send(farm.job(sdists.OWN))

    wait_until(lambda: worker.has(kind="ended"))
    end = worker.events[-1]
    assert end["outcome"] == Outcome.BUILT, (end, worker.log)
    assert end["report"]["builder"] == "builder of the tests"
    assert json.dumps(worker.events)
    assert len(farm.control.uploads) == 1
    assert farm.control.shown[0]["X-Affineur-Builder"] == "builder of the tests"
    wait_until(lambda: not (worker.root / "builder/slot-0").exists())
    assert worker.left() == []


@pytest.mark.sandbox
def test_a_revoked_build_is_gone_within_five_seconds(farm: Farm, worker: Worker) -> None:
    worker.send(farm.job(sdists.HANGS, limits=replace(SMALL, wall_seconds=60)))
    wait_until(lambda: worker.has(kind="stage-started", stage="build"))
    wait_until(lambda: bool(worker.left()))

    farm.control.lease_status = 410
    began = time.monotonic()
    wait_until(lambda: not worker.left())

    assert time.monotonic() - began < 5
    wait_until(lambda: worker.has(kind="ended", outcome=Outcome.CANCELLED))
    assert farm.control.uploads == []


@pytest.mark.sandbox
@pytest.mark.parametrize("stopped_by", [signal.SIGTERM, signal.SIGINT])
def test_a_builder_that_is_stopped_gives_its_job_back(
    farm: Farm, worker: Worker, stopped_by: signal.Signals
) -> None:
    worker.send(farm.job(sdists.HANGS, limits=replace(SMALL, wall_seconds=60)))
    wait_until(lambda: worker.has(kind="stage-started", stage="build"))

    began = time.monotonic()
    worker.process.send_signal(stopped_by)
    worker.process.wait(30)

    assert time.monotonic() - began < 15, worker.log
    assert worker.left() == []
    assert worker.has(kind="ended", outcome=Outcome.BUILDER_FAULT), worker.log


@pytest.mark.sandbox
def test_a_builder_that_is_killed_leaves_no_process_and_its_successor_no_file(
    farm: Farm, worker: Worker, builder_root: Path
) -> None:
    worker.send(farm.job(sdists.HANGS, limits=replace(SMALL, wall_seconds=60)))
    wait_until(lambda: worker.has(kind="stage-started", stage="build"))

    os.killpg(worker.process.pid, signal.SIGKILL)
    wait_until(lambda: not worker.left(), seconds=5)
    worker.process.wait()
    assert (builder_root / "builder/slot-0").exists()

    successor = Worker(builder_root, str(worker.control.conf.broker_url))
    try:
        wait_until(lambda: "ready." in successor.log)
        assert not (builder_root / "builder/slot-0/job").exists()
    finally:
        successor.stop()
        successor.control.close()
