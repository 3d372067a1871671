"""The seam between the runner and the place where a project's code runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from builds.domain.limits import Limits


@dataclass(frozen=True, slots=True)
class Mount:
    """A host path shown inside at `inside`; read-only unless `writable`."""

    source: Path
    inside: Path
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One program to run in a sandbox that lives exactly as long as it does.

    `work` is shown writable at `/build`, which is also the working directory unless `cwd`
    says otherwise. `index_socket` is the Unix socket of the index proxy: inside, it answers on
    `http://127.0.0.1:{INDEX_PORT}`; without it there is no network at all.
    `system` is a folder whose `usr` is shown merged over the host's, read-only as that is.
    The environment is exactly `environment` plus what the executor needs to run.
    """

    argv: Sequence[str]
    work: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    index_socket: Path | None = None
    system: Path | None = None
    cwd: Path = Path("/build")
    limits: Limits = field(default_factory=Limits)


INDEX_PORT = 8414


class Ending(StrEnum):
    """How a command ended. Every limit that fires is its own ending."""

    EXITED = "exited"
    WALL_TIME = "wall-time"
    CPU_TIME = "cpu-time"
    NO_OUTPUT = "no-output"
    OUT_OF_MEMORY = "out-of-memory"
    TOO_MANY_PROCESSES = "too-many-processes"
    DISK_FULL = "disk-full"
    LOG_FLOOD = "log-flood"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Status:
    """How a command ended, and what it took.

    `exit_code` is negative for a signal, as in `subprocess`; None unless `ending` is EXITED.
    """

    ending: Ending
    exit_code: int | None
    wall_seconds: float
    cpu_seconds: float
    peak_memory: int | None
    """Bytes, where the machine can tell."""
    output_size: int = 0
    """Bytes of output, kept or not."""

    @property
    def is_success(self) -> bool:
        return self.ending is Ending.EXITED and self.exit_code == 0


class Handle(Protocol):
    """A command under way."""

    def output(self) -> Iterator[bytes]:
        """Chunks of stdout and stderr together, as they come, until the command has ended."""

    def wait(self) -> Status:
        """Drain what is left of the output, and say how it ended. No process is left after.

        Raises `ExecutorError` when the host failed under the command.
        """

    def kill(self) -> None:
        """End it, and everything it started, at once. May be called from any thread, repeatedly."""


class Executor(Protocol):
    """A place where commands of a build run. One executor serves one build at a time."""

    def start(self, command: Command) -> Handle:
        """Begin; raises `ExecutorError` (a fault of the farm) when it cannot."""


class ExecutorError(Exception):
    """The sandbox could not be made: a fault of the farm, never of a project."""
