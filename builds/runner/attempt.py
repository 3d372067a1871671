"""What the stages share: the job under way, its log, and the way into the sandbox."""

import codecs
import hashlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from builds.domain.diagnosis import telling_line
from builds.domain.outcomes import Outcome
from builds.domain.targets import Target
from builds.executors.base import Command, Ending, Executor, Handle, Mount, Status
from builds.runner.check import WheelLimits
from builds.runner.download import FileCache
from builds.runner.events import Emit, LogWritten, Stage, StageStarted
from builds.runner.inspect import SdistLimits
from builds.runner.interpreters import Interpreter
from builds.runner.job import Job
from builds.runner.packages import SystemPackages
from builds.runner.problems import JobProblem, LeaseGoneError
from builds.runner.zig import Zig

PIECE = 16 * 1024
"""Letters of log that are sent at once, at most."""
PIECE_SECONDS = 0.5
"""How long a piece of log waits for more."""
REMEMBERED = 1 << 20
"""Letters of a command's log that evidence is looked for in."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a builder lends to every job. `folder` is the slot's, for this job alone."""

    name: str
    folder: Path
    cache: FileCache
    client: httpx.Client
    uv: Path
    interpreters: tuple[Interpreter, ...]
    system: SystemPackages | None = None
    """Where packages of the distribution come from, when builds may have any."""
    smoke_interpreters: tuple[Interpreter, ...] = ()
    """What wheels are tried on; the build's interpreter where none of them is the target's."""
    compiler: str = ""
    """The host's, as it names itself."""
    zig: Zig | None = None
    """The portable toolchain's, where the builder has it."""
    sdist_limits: SdistLimits = field(default_factory=SdistLimits)
    wheel_limits: WheelLimits = field(default_factory=WheelLimits)
    uploads: int = 4
    """Times that an upload is tried."""
    upload_pause: float = 2
    """Seconds before an upload is tried again; doubled each time."""


class Journal:
    """The log of an attempt: sent in pieces, counted, hashed, and cut at `limit` bytes."""

    def __init__(self, emit: Emit, *, limit: int, clock: Callable[[], float] = monotonic) -> None:
        self._emit = emit
        self._left = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._hasher = hashlib.sha256()
        self._stage = ""
        self._pending = ""
        self._since = 0.0
        self._sequence = 0
        self._recent = ""

    @property
    def sha256(self) -> str:
        """Of all text sent so far."""
        return self._hasher.hexdigest()

    def enter(self, stage: Stage, at: datetime) -> None:
        with self._lock:
            self._send()
            self._stage = stage.value
            self._recent = ""
            self._emit(StageStarted(stage.value, at.isoformat()))

    def say(self, text: str) -> None:
        """A line of the runner's own."""
        self.write(f"{text}\n".encode())

    def write(self, content: bytes) -> None:
        # PostgreSQL holds no NUL in a text.
        text = self._decoder.decode(content).replace("\0", "\ufffd")
        with self._lock:
            self._recent = (self._recent + text)[-REMEMBERED:]
            if self._left <= 0:
                return
            if len(text) >= self._left:
                text = f"{text[: self._left]}\n[the log is cut here: it is too long]\n"
                self._left = 0
            else:
                self._left -= len(text)
            if not self._pending:
                self._since = self._clock()
            self._pending += text
            while len(self._pending) >= PIECE:
                self._send(PIECE)
        self.tick()

    def tick(self) -> None:
        """Send what has waited long enough."""
        with self._lock:
            if self._pending and self._clock() - self._since >= PIECE_SECONDS:
                self._send()

    def close(self) -> None:
        with self._lock:
            self._send()

    @property
    def recent(self) -> str:
        """What the last command said, or the end of it."""
        with self._lock:
            return self._recent

    def evidence(self) -> str:
        """The line of this stage's log that tells most."""
        with self._lock:
            return telling_line(self._recent, stage=self._stage)

    def forget(self) -> None:
        """Evidence is looked for in what comes from now on."""
        with self._lock:
            self._recent = ""

    def _send(self, most: int | None = None) -> None:
        piece, self._pending = self._pending[:most], self._pending[most:] if most else ""
        if piece:
            self._hasher.update(piece.encode())
            self._emit(LogWritten(self._sequence, self._stage, piece))
            self._sequence += 1
            self._since = self._clock()


def utc_now() -> datetime:
    return datetime.now(UTC)


class Attempt:
    """One job under way. `report` is what its end will tell; see `Ended`."""

    def __init__(
        self,
        job: Job,
        *,
        target: Target,
        executor: Executor,
        bench: Bench,
        journal: Journal,
        is_live: Callable[[], bool],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.job = job
        self.target = target
        self.bench = bench
        self.journal = journal
        self.is_live = is_live
        self.report: dict[str, Any] = {
            "builder": bench.name,
            "limits": asdict(job.limits),
            "target": target.name,
        }
        self._executor = executor
        self._now = now
        self._handle: Handle | None = None

    @property
    def release(self) -> str:
        return f"{self.job.project} {self.job.version}"

    def enter(self, stage: Stage) -> None:
        """Begin a stage, unless the lease is gone."""
        self.verify_lease()
        self.journal.enter(stage, self._now())

    def verify_lease(self) -> None:
        if not self.is_live():
            raise LeaseGoneError

    def problem(self, outcome: Outcome, evidence: str = "") -> JobProblem:
        """The end that `outcome` names, in the words it has for people."""
        sentence = outcome.sentence(
            project=self.job.project, version=self.job.version, target=self.target.name
        )
        return JobProblem(outcome, sentence, evidence)

    def folder(self, name: str) -> Path:
        """A new empty folder of this job."""
        path = self.bench.folder / name
        path.mkdir(parents=True)
        return path

    def run(
        self,
        argv: Iterable[str | Path],
        *,
        work: Path,
        failure: Outcome,
        environment: Mapping[str, str] | None = None,
        mounts: Iterable[Mount] = (),
        index: Path | None = None,
        system: Path | None = None,
        cwd: Path = Path("/build"),
        explain: Callable[[], str] = str,
    ) -> None:
        """Run one command to its end in a sandbox, its output in the log.

        Of one that fails, `explain` may tell what its output does not.

        A command that exits with anything but 0 ends the job with `failure`; one that a limit
        stopped, with that limit's outcome; one that was killed, with a fault of the builder.
        """
        self.verify_lease()
        self.journal.forget()
        command = Command(
            argv=[str(part) for part in argv],
            work=work,
            environment=environment or {},
            mounts=tuple(mounts),
            index_socket=index,
            system=system,
            cwd=cwd,
            limits=self.job.limits,
        )
        handle = self._executor.start(command)
        status = self.follow(handle, handle.output())
        if status.exit_code != 0:
            if explanation := explain():
                self.journal.say(explanation)
            raise self.problem(failure, self.journal.evidence() or _ended(status.exit_code))

    def follow(self, handle: Handle, output: Iterable[bytes]) -> Status:
        """See what has been started to its end, its output in the log.

        What a limit stopped ends the job with that limit's outcome; what was killed, with a
        fault of the builder.
        """
        self._handle = handle
        try:
            for chunk in output:
                self.journal.write(chunk)
            status = handle.wait()
        finally:
            self._handle = None
            handle.kill()
        self._account(status)
        self.verify_lease()
        # SIGKILL with no limit behind it is the host's OOM killer, or another's cleaning up.
        if status.ending is Ending.KILLED or status.exit_code == -signal.SIGKILL:
            raise self.problem(Outcome.BUILDER_FAULT, "a command was killed from outside")
        if status.ending is not Ending.EXITED:
            raise self.problem(Outcome(status.ending.value), self.journal.evidence())
        return status

    @contextmanager
    def inside(self, executor: Executor, *, uv: Path) -> Iterator[None]:
        """Meanwhile, commands run in another place, where another uv works."""
        before = self._executor, self.bench
        self._executor, self.bench = executor, replace(self.bench, uv=uv)
        try:
            yield
        finally:
            self._executor, self.bench = before

    def _account(self, status: Status) -> None:
        """Add up what the job's commands took; `peak_memory` is the largest of one, in bytes."""
        usage = self.report.setdefault(
            "usage", {"cpu_seconds": 0.0, "wall_seconds": 0.0, "peak_memory": 0}
        )
        usage["cpu_seconds"] = round(usage["cpu_seconds"] + status.cpu_seconds, 3)
        usage["wall_seconds"] = round(usage["wall_seconds"] + status.wall_seconds, 3)
        usage["peak_memory"] = max(usage["peak_memory"], status.peak_memory or 0)

    def stop(self) -> None:
        """Kill what runs now, if anything does; called from the watching thread."""
        if handle := self._handle:
            handle.kill()


def _ended(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"ended by signal {-exit_code}"
    return f"ended with exit status {exit_code}"
