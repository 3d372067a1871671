"""The builder's Celery application: a thin wrap of the runner.

Run it with `celery -A builds.builder worker --queues builder`. It needs a broker, a folder and
interpreters (`builds.conf`), and gets everything else with each job: no Django, no database, no
keys. A job that is lost here is found by the control side's reconciliation.
"""

import fcntl
import logging
import os
import queue
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

import httpx
import uv
from celery import Celery, signals
from kombu.exceptions import OperationalError

from builds.conf import BuilderConfig, builder_config
from builds.domain.outcomes import Outcome
from builds.domain.ways import PORTABLE
from builds.executors.base import ExecutorError
from builds.executors.container import Containers
from builds.executors.sandbox import SandboxExecutor, clean_slot, group_name
from builds.runner.apt import Apt
from builds.runner.attempt import Bench
from builds.runner.cibuildwheel import Images, install_drivers
from builds.runner.download import FileCache, upstream_client
from builds.runner.events import Emit, Ended, Event, event_to_json
from builds.runner.interpreters import (
    Interpreter,
    find_interpreters,
    find_smoke_interpreters,
)
from builds.runner.job import Job
from builds.runner.run import run_job
from builds.runner.toolchains import warm_in
from builds.runner.zig import Zig, find_zig, host_compiler

QUEUE = "builder"
EVENTS = "events"
BUILDER_HEADER = "X-Affineur-Builder"
LEASE_SECONDS = 1.0
"""Between two showings of a lease."""
PATIENCE_SECONDS = 20.0
"""How long the control side may be away before the work stops: less than a lease lasts."""
EVENT_PATIENCE_SECONDS = 60.0
"""How long the end of a job waits for the broker."""
MOST_REST_SECONDS = 60.0
"""How long this builder leaves jobs to others when it is told to: it asks again then."""
GONE = frozenset({401, 403, 404, 410})

logger = logging.getLogger(__name__)
# A line for every showing of a lease would bury all others.
logging.getLogger("httpx").setLevel(logging.WARNING)


def make_app(config: BuilderConfig) -> Celery:
    made = Celery("builder", broker=config.broker, set_as_current=False, fixups=[])
    made.conf.update(
        broker_connection_retry_on_startup=True,
        # The queue of record is the database: a job that is lost here is offered again, and
        # none is handed out twice because its build takes longer than a broker's patience.
        task_acks_late=False,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        worker_concurrency=config.slots,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
    )
    return made


config = builder_config()
app = make_app(config)


@app.task(name="builder.run")
def run(job: dict[str, Any]) -> None:
    perform(Job.from_json(job), config)


def perform(job: Job, config: BuilderConfig) -> None:
    """Take the job, unless it is no longer to be had, and see it to its end."""
    lease = Lease(job, config.name)
    stop = Stop()
    if not lease.take():
        logger.info("attempt %s is not to be had", job.attempt)
        rest(lease.rest_seconds, stop)
        return
    with lease.kept(), Sender(job) as sender, taken_slot(config) as slot:

        def is_live() -> bool:
            return lease.is_live and not stop.is_asked

        def emit(event: Event) -> None:
            sender.send(as_stopped(event, job) if stop.is_asked else event)

        _run_in(slot, job, config, emit, is_live)


def rest(seconds: float, stop: "Stop") -> None:
    """Take no other job for so long, so that builders without faults get them."""
    until = time.monotonic() + seconds
    while not stop.is_asked and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, LEASE_SECONDS))


def _run_in(
    slot: "Slot", job: Job, config: BuilderConfig, emit: Emit, is_live: Callable[[], bool]
) -> None:
    try:
        slot.clean()
        executor = SandboxExecutor(config.root, slot.number, slot.uid)
        images = images_of(slot, config)
        with upstream_client(contact=config.contact) as client:
            bench = Bench(
                name=config.name,
                folder=executor.folder / "job",
                cache=FileCache(config.root / "cache", client, capacity=config.cache),
                client=client,
                uv=Path(uv.find_uv_bin()),
                interpreters=interpreters(),
                system=system_packages(config),
                smoke_interpreters=smoke_interpreters(),
                compiler=compilers()[0],
                zig=compilers()[1],
            )
            run_job(job, executor=executor, emit=emit, bench=bench, is_live=is_live, images=images)
        slot.clean()
    except ExecutorError:
        # Nobody has told of an end: the lease runs out, and the job goes to another builder.
        logger.exception("slot %s cannot be used", slot.number)


def as_stopped(event: Event, job: Job) -> Event:
    """An end because this builder stops is no cancellation: another builder may go on."""
    if not isinstance(event, Ended) or event.outcome != Outcome.CANCELLED.value:
        return event
    outcome = Outcome.BUILDER_FAULT
    message = outcome.sentence(project=job.project, version=job.version, target=job.target)
    return replace(
        event, outcome=outcome.value, message=message, evidence="the builder was stopped"
    )


@cache
def interpreters() -> tuple[Interpreter, ...]:
    """What this builder builds with; looked for once, before the first job."""
    found = find_interpreters(config.interpreters, uv=Path(uv.find_uv_bin()))
    held = ", ".join(f"{item.tag} ({item.path})" for item in found)
    logger.info("interpreters: %s", held or "none; set AFFINEUR_INTERPRETERS")
    return found


def system_packages(config: BuilderConfig) -> Apt | None:
    """Where builds get packages of the distribution, if they get any; all slots share it."""
    if config.system == "none" or not Apt.is_here():
        return None
    sources = Path(config.system) if config.system else None
    return Apt(config.root / "system", sources=sources)


@cache
def smoke_interpreters() -> tuple[Interpreter, ...]:
    """What this builder tries wheels on, where an operator says so."""
    found = find_smoke_interpreters(config.smoke_interpreters)
    if config.smoke_interpreters:
        held = ", ".join(f"{item.tag} ({item.path})" for item in found)
        logger.info("wheels are tried on: %s", held or "what they are built with")
    return found


@cache
def compilers() -> tuple[str, Zig | None]:
    """The host's compiler and the portable toolchain's; looked for once."""
    host, zig = host_compiler(), find_zig(config.zig, kept=config.root / "zig")
    portable = f"zig {zig.version}" if zig else "none; install the package ziglang"
    logger.info("compilers: %s; portable: %s", host or "none", portable)
    return host, zig


def images_of(slot: "Slot", config: BuilderConfig) -> Images | None:
    """What the slot builds in containers with; None for a builder without."""
    if slot.containers is None:
        return None
    pythons, any_uv = drivers(config.root / "drivers")
    return Images(slot.containers, config.images, pythons, any_uv)


@cache
def drivers(folder: Path) -> tuple[dict[str, Path], Path]:
    return install_drivers(folder, Path(uv.find_uv_bin()))


class Lease:
    """The job's lease, shown every second while the job lasts."""

    def __init__(
        self, job: Job, builder: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = f"{job.control_url}/lease"
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {job.lease}", BUILDER_HEADER: builder}, timeout=5
        )
        self._clock = clock
        self._seen = clock()
        self._was_answered = False
        self._is_over = threading.Event()
        self.is_live = True
        self.rest_seconds = 0.0
        """How long the control side wants this builder to take no jobs."""

    def take(self) -> bool:
        """Show the lease for the first time; a control side that is away is waited for."""
        self.show()
        while self.is_live and not self._was_answered:
            self._is_over.wait(LEASE_SECONDS)
            self.show()
        if not self.is_live:
            self._client.close()
        return self.is_live

    def show(self) -> None:
        """Ask once; a lease that could not be shown for too long counts as gone."""
        try:
            response = self._client.post(self._url)
            status = response.status_code
        except httpx.HTTPError as error:
            logger.warning("the lease could not be shown: %s", error)
            response, status = None, 0
        if status == httpx.codes.OK:
            self._was_answered = True
            self._seen = self._clock()
        elif response is not None and status == httpx.codes.CONFLICT:
            self.is_live = False
            self.rest_seconds = _seconds(response.headers.get("Retry-After", ""))
            logger.warning("this builder is given no jobs for now: its operator has to look at it")
        elif status in GONE or self._clock() - self._seen > PATIENCE_SECONDS:
            self.is_live = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Meanwhile, a thread shows the lease."""
        thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            thread.join()
            self._client.close()

    def _keep(self) -> None:
        while self.is_live and not self._is_over.wait(LEASE_SECONDS):
            self.show()


def _seconds(said: str) -> float:
    return min(float(said), MOST_REST_SECONDS) if said.isdecimal() else 0.0


class Sender:
    """Sends a job's events in their order, without making the job wait for the broker."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)

    def send(self, event: Event) -> None:
        self._events.put(event)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)
        self._thread.join(EVENT_PATIENCE_SECONDS * 2)

    def _work(self) -> None:
        while (event := self._events.get()) is not None:
            # A log may have holes, an end should arrive.
            patience = EVENT_PATIENCE_SECONDS if isinstance(event, Ended) else LEASE_SECONDS
            give_up_at = time.monotonic() + patience
            while not self._sent(event) and time.monotonic() < give_up_at:
                time.sleep(LEASE_SECONDS)

    def _sent(self, event: Event) -> bool:
        kwargs = {
            "attempt_id": self._job.attempt,
            "lease": self._job.lease,
            "event": event_to_json(event),
        }
        try:
            app.send_task(
                "builds.record_event",
                kwargs=kwargs,
                queue=EVENTS,
                ignore_result=True,
                retry_policy={"max_retries": 1, "interval_start": 0.2},
            )
        except OperationalError as error:
            logger.warning("the broker took no event: %s", error)
            return False
        return True


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the places where a builder builds, held by this process alone."""

    number: int
    uid: int | None
    root: Path
    engine: str = ""

    @property
    def containers(self) -> Containers | None:
        """Its containers, known by a label that is the same at the next start."""
        if not self.engine:
            return None
        return Containers(self.engine, slot=group_name(self.root, self.number), uid=self.uid)

    def clean(self) -> None:
        if containers := self.containers:
            containers.remove()
        clean_slot(root=self.root, slot=self.number, uid=self.uid)


@contextmanager
def taken_slot(config: BuilderConfig) -> Iterator[Slot]:
    """Wait for a free slot, and hold it; the system frees what a dead process held."""
    while True:
        for number in range(config.slots):
            with held_slot(config, number) as slot:
                if slot is not None:
                    yield slot
                    return
        time.sleep(LEASE_SECONDS)


@contextmanager
def held_slot(config: BuilderConfig, number: int) -> Iterator[Slot | None]:
    """Hold the slot of that number; None when another process does."""
    locks = config.root / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / f"slot-{number}").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            uid = config.slot_uid + number if os.geteuid() == 0 else None
            yield Slot(number, uid, config.root, config.containers)


class Stop:
    """Whether this builder is to stop: its main process says so, or is no more."""

    # A byte in this pipe, which every process of the pool inherits, is never read.
    _reader, _writer = os.pipe()

    def __init__(self) -> None:
        self._parent = os.getppid()
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)

    @property
    def is_asked(self) -> bool:
        return bool(self._poll.poll(0)) or os.getppid() != self._parent

    @classmethod
    def ask(cls) -> None:
        os.write(cls._writer, b"x")


@signals.worker_init.connect
def prepare(**_: Any) -> None:
    """Clean what a builder that died has left, and say what this one has."""
    interpreters()
    system = system_packages(config)
    logger.info("system packages: %s", f"of {system.name}" if system else "none")
    compilers()
    for number in range(config.slots):
        with held_slot(config, number) as slot, suppress(ExecutorError):
            if slot is not None:
                prepare_images(slot, config)
                slot.clean()
                executor = SandboxExecutor(config.root, slot.number, slot.uid)
                logger.info("slot %s: %s", number, executor.describe())


@signals.worker_ready.connect
def warm_up(**_: Any) -> None:
    """Let the portable toolchain get ready, in a slot that no job has."""
    zig = compilers()[1]
    if zig is not None and config.toolchain == PORTABLE:
        threading.Thread(target=_warm, args=(zig,), name="warm", daemon=True).start()


def _warm(zig: Zig) -> None:
    with held_slot(config, config.slots) as slot:
        if slot is None:
            return
        try:
            slot.clean()
            executor = SandboxExecutor(config.root, slot.number, slot.uid)
            warm_in(executor, zig, work=executor.folder / "job")
            slot.clean()
        except (ExecutorError, OSError):
            # The first job that needs it tries again, and tells of the fault.
            logger.exception("the portable toolchain could not be made ready")
        else:
            logger.info("the portable toolchain is ready")


def prepare_images(slot: Slot, config: BuilderConfig) -> None:
    """Fetch what is built in containers with; a builder that cannot have it does not start."""
    try:
        if containers := slot.containers:
            images_of(slot, config)
            for platform, image in config.images.items():
                containers.fetch(image)
                logger.info("%s is built in %s by %s", platform, image, config.containers)
    except ExecutorError as error:
        raise SystemExit(f"This builder cannot build in containers: {error}") from error


@signals.worker_shutting_down.connect
def stop_jobs(**_: Any) -> None:
    """A build lasts longer than anybody waits for a shutdown: what runs is given back."""
    Stop.ask()
