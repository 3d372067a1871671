"""Commands in containers of podman or docker: an image's own system, and nothing of the host's.

A container has no network, no capability, no way to new privileges, and of the host what is
mounted. Its root is, under podman as root, the slot's user and the only user there is; elsewhere
it is whoever runs the engine, which should not be root. Engines know no limit of time, output or
disk: `ContainerHandle` watches, and removes the containers by the label of their slot. That label
is also how the containers of a builder that died are found. On one machine, a start takes 0.3 s.
"""

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from builds.domain.limits import Limits
from builds.executors.base import INDEX_PORT, Command, Ending, ExecutorError, Mount, Status
from builds.executors.groups import Group, group_of
from builds.executors.launcher import OPEN_FILES
from builds.executors.usage import folder_usage, hand_over

PODMAN = "podman"
INSIDE = Path("/affineur")
RELAY = INSIDE / "relay.py"
SOCKET = INSIDE / "index.sock"
PYTHON = "/opt/python/cp39-cp39/bin/python"
"""In every image that cibuildwheel builds in: what it runs its own programs on."""
LABEL = "affineur.slot"
LINGER = ("/bin/sh", "-c", '"$@" || { code=$?; sleep 1; exit $code; }', "command")
"""What counts a container's memory and processes ends with it, and is looked at once more."""
SETPRIV = "/usr/bin/setpriv"
"""Of util-linux."""
MOST_PROCESSES = 4096
"""Of a container's user, wherever they run; what ends a build is the limit of its container."""
TICK = 0.1
"""Seconds between two looks at the limits."""
FIND_SECONDS = 0.5
"""Between two looks for a container that has not started."""
DISK_PERIOD = 0.5
DISK_SHARE = 10
"""Between two measurements of the disk pass at least this many times the last one's duration."""
GRACE_SECONDS = 60
"""The engine's own time-out comes this much later, should the builder be no more."""
ENGINE_SECONDS = 120
"""How long the engine may take for an answer."""
PULL_SECONDS = 1800
CHUNK = 64 * 1024
SIGNALLED = 128
"""Engines give the signal that ended a command as shells do, above this."""
_PATH = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"))
_NEEDED = ("HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINERS_CONF")
"""What engines must be told to find their storage; of the environment they get no more."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """A container that runs: its control group, and the folder that takes what it writes."""

    group: Group
    layer: Path | None


class Containers:
    """The containers of one slot: what they may do, which there are, and their end.

    `slot` is a name that no other slot of the machine has; `uid` the slot's user, where the
    builder is root.
    """

    def __init__(self, engine: str, *, slot: str, uid: int | None = None) -> None:
        program = shutil.which(engine, path=_PATH)
        if program is None:
            raise ExecutorError(f"{engine} is missing: install it, or unset AFFINEUR_CONTAINERS")
        self.engine = engine
        self.label = f"{LABEL}={slot}"
        self._program = program
        self._uid = uid if engine == PODMAN else None
        self.environment = engine_environment()

    @property
    def program(self) -> str:
        return self._program

    def confinement(self, limits: Limits) -> list[str]:
        """Arguments of the engine for a new container."""
        # Engines want more by default than a builder that is confined itself may give.
        files = _within(resource.RLIMIT_NOFILE, OPEN_FILES)
        processes = _within(resource.RLIMIT_NPROC, max(MOST_PROCESSES, limits.processes))
        arguments = [
            f"--label={self.label}",
            *("--network=none", "--cap-drop=all", "--security-opt=no-new-privileges"),
            f"--memory={limits.memory}",
            f"--memory-swap={limits.memory}",
            f"--pids-limit={limits.processes}",
            f"--ulimit=nofile={files}:{files}",
            f"--ulimit=nproc={processes}:{processes}",
            # What it says is read as it comes, and kept nowhere else.
            "--log-driver=none",
            "--stop-timeout=0",
        ]
        if self.engine == PODMAN:
            arguments.append(f"--timeout={int(limits.wall_seconds) + GRACE_SECONDS}")
        if self._uid is not None:
            arguments += [f"--{kind}map=0:{self._uid}:1" for kind in ("uid", "gid")]
        return arguments

    def lend(self, folder: Path) -> None:
        """Make a folder, with all in it, the containers' own."""
        if self._uid is not None:
            hand_over(str(folder), self._uid)

    def fetch(self, image: str) -> None:
        """Have the image here; raises `ExecutorError` when it is neither here nor to be had."""
        try:
            self.ask("image", "inspect", "--format={{.Id}}", image)
        except ExecutorError:
            self.ask("pull", "--quiet", image, patience=PULL_SECONDS)

    def ask(self, *arguments: str, patience: float = ENGINE_SECONDS) -> str:
        """What the engine answers; raises `ExecutorError` with what it says instead."""
        try:
            answer = subprocess.run(
                [self._program, *arguments],
                capture_output=True,
                text=True,
                check=True,
                env=self.environment,
                timeout=patience,
            )
        except subprocess.CalledProcessError as error:
            raise ExecutorError(f"{self.engine} {arguments[0]}: {error.stderr.strip()}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExecutorError(f"{self.engine} {arguments[0]}: {error}") from error
        return answer.stdout

    def ids(self) -> list[str]:
        """The slot's containers, running or not."""
        return self.ask("ps", "--all", "--quiet", "--filter", f"label={self.label}").split()

    def remove(self) -> None:
        """End and remove all of the slot's containers; raises `ExecutorError` if one stays."""
        for _ in range(3):
            if not (found := self.ids()):
                return
            with contextlib.suppress(ExecutorError):  # one that removes itself meanwhile
                self.ask("rm", "--force", "--volumes", *found)
        raise ExecutorError(f"containers {self.ids()} cannot be removed")

    def occupant(self) -> Occupant | None:
        """The slot's running container; None while there is none."""
        with contextlib.suppress(ExecutorError, ValueError, LookupError):
            for found in json.loads(self.ask("inspect", *self.ids())):
                layer = (found["GraphDriver"]["Data"] or {}).get("UpperDir")
                group = group_of(found["State"]["Pid"]) if found["State"]["Pid"] > 0 else None
                # One that has just ended counts as a process of the whole machine.
                if group is not None and all(
                    found["Id"] in path for path in group.folders.values()
                ):
                    return Occupant(group, Path(layer) if layer else None)
        return None

    def exit_code(self) -> int | None:
        """Of the slot's one container, once it has run and ended."""
        with contextlib.suppress(ExecutorError, ValueError, LookupError):
            (found,) = json.loads(self.ask("inspect", *self.ids()))
            if found["State"]["Status"] == "exited":
                return int(found["State"]["ExitCode"])
        return None


class ContainerExecutor:
    """Runs each command in a container of `image`, which is not written to. See `Executor`."""

    def __init__(self, containers: Containers, image: str) -> None:
        self._containers = containers
        self._image = image

    def start(self, command: Command) -> "ContainerHandle":
        if not command.work.is_dir():
            raise ExecutorError(f"the work folder {command.work} does not exist")
        if command.system is not None:
            raise ExecutorError(f"{self._image} is shown without packages of the host's system")
        containers, limits = self._containers, command.limits
        containers.lend(command.work)
        mounts = [Mount(command.work, Path("/build"), writable=True), *command.mounts]
        argv = list(command.argv)
        if command.index_socket is not None:
            mounts += index_mounts(command.index_socket)
            argv = [PYTHON, str(RELAY), str(SOCKET), str(INDEX_PORT), *argv]
        return ContainerHandle(
            [
                *(containers.program, "run", "--pull=never", *containers.confinement(limits)),
                *("--read-only", f"--tmpfs=/tmp:rw,exec,mode=1777,size={limits.memory // 2}"),
                *mount_arguments(mounts),
                f"--workdir={command.cwd}",
                *(f"--env={name}={value}" for name, value in command.environment.items()),
                *(self._image, *LINGER, *argv),
            ],
            environment=containers.environment,
            # Where podman's monitor leaves a file when it hears of memory that ran out.
            cwd=command.work.parent,
            containers=containers,
            limits=limits,
            folders=[command.work],
            conclude=self._conclude,
        )

    def _conclude(self, code: int) -> int:
        ended = self._containers.exit_code()
        if ended is None:
            raise ExecutorError(f"a container of {self._image} did not run: exit status {code}")
        return SIGNALLED - ended if ended > SIGNALLED else ended


class ContainerHandle:
    """A process of the builder that makes containers, and those; see `Handle`.

    `folders` are the ones that the containers write to. `conclude` says what the process's exit
    code means, while its containers, if it leaves them, are still there.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        cwd: Path,
        containers: Containers,
        limits: Limits,
        folders: Sequence[Path],
        conclude: Callable[[int], int] = lambda code: code,
    ) -> None:
        self._containers = containers
        self._limits = limits
        self._folders = folders
        self._conclude = conclude
        self._occupant: Occupant | None = None
        self._ending: Ending | None = None
        self._status: Status | None = None
        self._lock = threading.Lock()
        self._is_over = False
        self._size = 0
        self._cpu_seconds = 0.0
        self._peak_memory: int | None = None
        self._began = self._heard_at = time.monotonic()
        self._find_at = self._began
        self._measure_at = self._began
        try:
            self._process = subprocess.Popen(
                # Should the builder be killed, this process is; the containers' end is above.
                [SETPRIV, "--pdeathsig", "KILL", "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
            )
        except OSError as error:
            raise ExecutorError(f"{argv[0]} cannot be started: {error}") from error
        self._output = cast("IO[bytes]", self._process.stdout)

    def output(self) -> Iterator[bytes]:
        left = self._limits.log
        while (chunk := self._read()) is not None:
            if kept := chunk[:left]:
                left -= len(kept)
                yield kept

    def wait(self) -> Status:
        while self._read() is not None:
            pass
        if self._status is None:
            self._process.wait()
            ending = self._ending or Ending.EXITED
            try:
                code = self._conclude(self._process.returncode) if ending is Ending.EXITED else None
            finally:
                self.kill()
                self._output.close()
            self._status = Status(
                ending=ending,
                exit_code=code,
                wall_seconds=time.monotonic() - self._began,
                cpu_seconds=self._cpu_seconds,
                peak_memory=self._peak_memory,
                output_size=self._size,
            )
        return self._status

    def kill(self) -> None:
        with self._lock:
            if self._is_over:
                return
            if self._process.poll() is None:
                self._ending = self._ending or Ending.KILLED
                # The maker first: it must not make another.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._containers.remove()
            self._is_over = True

    def _read(self) -> bytes | None:
        """What it said since; empty when nothing, None at the end."""
        if self._output.closed:
            return None
        chunk = b""
        if select.select([self._output], [], [], TICK)[0]:
            chunk = os.read(self._output.fileno(), CHUNK)
            if not chunk:
                return None
            self._size += len(chunk)
            self._heard_at = time.monotonic()
        if self._ending is None and (exceeded := self._exceeded(time.monotonic())):
            self._ending = exceeded
            self.kill()
        return chunk

    def _exceeded(self, now: float) -> Ending | None:
        limits = self._limits
        if now - self._began > limits.wall_seconds:
            return Ending.WALL_TIME
        if now - self._heard_at > limits.silence_seconds:
            return Ending.NO_OUTPUT
        if self._size > limits.log_flood:
            return Ending.LOG_FLOOD
        if self._occupant is None and now > self._find_at:
            self._occupant = self._containers.occupant()
            self._find_at = time.monotonic() + FIND_SECONDS
        if self._occupant is not None and (exceeded := self._counted(self._occupant)):
            return exceeded
        return Ending.DISK_FULL if now > self._measure_at and self._is_disk_full() else None

    def _counted(self, occupant: Occupant) -> Ending | None:
        group, limits = occupant.group, self._limits
        with contextlib.suppress(OSError):  # gone: it has ended
            self._cpu_seconds = group.cpu_seconds() or self._cpu_seconds
            self._peak_memory = group.peak_memory() or self._peak_memory
            if group.oom_kills():
                return Ending.OUT_OF_MEMORY
            if group.fork_failures():
                return Ending.TOO_MANY_PROCESSES
            if self._cpu_seconds > limits.cpu_seconds:
                return Ending.CPU_TIME
        return None

    def _is_disk_full(self) -> bool:
        began = time.monotonic()
        size, files = self._limits.disk, self._limits.inodes
        layer = self._occupant.layer if self._occupant else None
        for folder in (*self._folders, *([layer] if layer else [])):
            with contextlib.suppress(FileNotFoundError):
                usage = folder_usage(str(folder), size=size, files=files)
                size, files = size - usage.size, files - usage.files
        now = time.monotonic()
        self._measure_at = now + max(DISK_PERIOD, DISK_SHARE * (now - began))
        return size < 0 or files < 0


def index_mounts(socket: Path) -> list[Mount]:
    """What a container needs to reach the index at `socket`, through `relay`."""
    return [Mount(Path(__file__).with_name("relay.py"), RELAY), Mount(socket, SOCKET)]


def mount_arguments(mounts: Iterable[Mount]) -> list[str]:
    return [
        f"--volume={mount.source.absolute()}:{mount.inside}:{'rw' if mount.writable else 'ro'}"
        for mount in mounts
    ]


def engine_environment() -> dict[str, str]:
    """The environment of engines, and of what calls them: no secret of the builder's is in it."""
    kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    return {"PATH": _PATH, "LC_ALL": "C.UTF-8", **kept}


def _within(kind: int, wanted: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
