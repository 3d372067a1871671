"""Commands under bubblewrap: namespaces, no capabilities, a system-call filter, limits.

The builder's half. What runs beside the sandbox is in `supervisor`, the steps from there to
bubblewrap in `launcher`, the way to the index in `forwarder`.

Time, output and disk are watched from outside. Memory, processes and CPU time are limited and
counted by a control group where one can be made; elsewhere by rlimits of each process and by
looking at all of them ten times a second. What that cannot see is a command that meets a limit
and ends between two looks: it has failed by itself, and its log says why. On one machine, a
start takes 0.08 s, and a kill of thirty processes 0.07 s.
"""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from builds.executors.base import INDEX_PORT, Command, Ending, ExecutorError, Mount, Status
from builds.executors.groups import Hierarchy, find_hierarchy
from builds.executors.launcher import BLOCK_FD, INFO_FD, SECCOMP_FD, STAGE
from builds.executors.seccomp import seccomp_program
from builds.executors.usage import all_processes, processes_of

INSIDE_ID = 1000
"""User and group of the command, as it sees itself."""
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders of the system that are links into /usr on most distributions."""
ETC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "mime.types",
    "pki/tls/certs",
    "ssl/certs",
    "ssl/openssl.cnf",
)
"""What of the host's /etc programs need to run; none of it differs from one host to another's."""
OWN_ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n"
    f"build:x:{INSIDE_ID}:{INSIDE_ID}:build:/build:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "group": f"root:x:0:\nbuild:x:{INSIDE_ID}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
SHARED_MEMORY = 64 * 1024 * 1024
"""Size of /dev/shm."""
LARGEST_TEMPORARY = 1024 * 1024 * 1024
"""Size of /tmp: half of the memory that a command may use, and at most this."""
FOLDER = Path("/build")
CHUNK = 64 * 1024
SUPERVISE = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from builds.executors.supervisor import main; main(int(sys.argv[2]))"
)
CODE = Path(__file__).resolve().parents[2]
CLEANING_SECONDS = 10
_PATH = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))


class SandboxExecutor:
    """Runs the commands of one slot in sandboxes of bubblewrap.

    `root` is the builder's folder; what a slot needs is below `slot_folder(root, slot)`.
    `uid` is the user of this slot alone, and needed if, and only if, the builder is root.
    `find_hierarchy` says where control groups can be made, if anywhere.
    """

    def __init__(
        self,
        root: Path,
        slot: int,
        uid: int | None = None,
        *,
        find_hierarchy: Callable[[], Hierarchy | None] = find_hierarchy,
    ) -> None:
        if bool(uid) != (os.geteuid() == 0):
            raise ExecutorError(
                "a builder that is root runs each slot as a user of its own, and another builder"
                f" cannot: it is user {os.geteuid()}, and the slot's is {uid}"
            )
        bubblewrap = shutil.which("bwrap", path=_PATH)
        if bubblewrap is None:
            raise ExecutorError("bwrap is missing: install the package bubblewrap")
        self.uid = uid
        self.root = root.absolute()
        self.folder = slot_folder(root, slot)
        self._bubblewrap = bubblewrap
        self._group = group_name(root, slot)
        self._hierarchy = find_hierarchy()
        self._write_folder()

    def describe(self) -> str:
        """What holds the sandbox, in one line for the log of the builder's start."""
        version = subprocess.run(
            [self._bubblewrap, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
        user = f"user {os.geteuid()}, the builder's" if self.uid is None else f"user {self.uid}"
        limits = (
            "rlimits and polling of /proc (no control group can be made here)"
            if self._hierarchy is None
            else self._hierarchy.describe()
        )
        return f"{version}; slots run as {user}; limits by {limits}"

    def start(self, command: Command) -> "SandboxHandle":
        if not command.work.is_dir():
            raise ExecutorError(f"the work folder {command.work} does not exist")
        return SandboxHandle(self._configuration(command), self.folder)

    def _write_folder(self) -> None:
        own = self.folder / "sandbox"
        own.mkdir(parents=True, exist_ok=True)
        for name, text in OWN_ETC.items():
            (own / name).write_text(text)
            (own / name).chmod(0o644)
        (own / "seccomp").write_bytes(seccomp_program())

    def _configuration(self, command: Command) -> dict[str, Any]:
        shown = [command.work, *(mount.source for mount in command.mounts)]
        for path in [*shown, command.system] if command.system else shown:
            self._refuse_links(path)
        stage = Stage(is_used=self.uid is not None)
        return {
            "argv": [self._bubblewrap, *self._arguments(command, stage)],
            "stage": stage.sources,
            "system": str(command.system.absolute()) if command.system else None,
            "uid": self.uid,
            "seccomp": str(self.folder / "sandbox" / "seccomp"),
            "hierarchy": self._hierarchy.to_json() if self._hierarchy else None,
            "group": self._group,
            "limits": asdict(command.limits),
            "writable": [
                str(command.work.absolute()),
                *(str(mount.source.absolute()) for mount in command.mounts if mount.writable),
            ],
            "index_socket": str(command.index_socket.absolute()) if command.index_socket else None,
            "index_port": INDEX_PORT,
        }

    def _refuse_links(self, path: Path) -> None:
        """What a command may have written is shown by its own name, never by a link of its own.

        The builder follows links with its own rights: one of these could show any folder of it.
        """
        path = path.absolute()
        if path.is_relative_to(self.root):
            below = path.relative_to(self.root)
            if path.resolve() != self.root.resolve() / below:
                raise ExecutorError(f"{path} leads elsewhere by a link, and is not shown")

    def _arguments(self, command: Command, stage: "Stage") -> list[str]:
        etc = self.folder / "sandbox"
        return [
            *("--unshare-user", "--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID)),
            *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
            *("--unshare-cgroup", "--disable-userns", "--cap-drop", "ALL"),
            *("--die-with-parent", "--new-session", "--hostname", "build"),
            *("--info-fd", str(INFO_FD), "--block-fd", str(BLOCK_FD)),
            *("--seccomp", str(SECCOMP_FD)),
            *system_arguments(),
            *(
                part
                for name in OWN_ETC
                for part in stage.bind(Mount(etc / name, Path("/etc", name)))
            ),
            *("--proc", "/proc", "--dev", "/dev"),
            *("--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm"),  # noqa: S108 (the inner one)
            *("--perms", "1777", "--size", str(temporary_size(command))),
            *("--tmpfs", "/tmp"),  # noqa: S108 (the inner one)
            *stage.bind(Mount(command.work, FOLDER, writable=True)),
            *(part for mount in command.mounts for part in stage.bind(mount)),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(command.cwd)),
            "--clearenv",
            *(
                part
                for name, value in command.environment.items()
                for part in ("--setenv", name, value)
            ),
            "--",
            *command.argv,
        ]


class Stage:
    """Bind mounts; root gives each source a place where the slot's user can reach it."""

    def __init__(self, *, is_used: bool) -> None:
        self._is_used = is_used
        self.sources: list[tuple[str, str]] = []

    def bind(self, mount: Mount) -> tuple[str, str, str]:
        source = str(mount.source.absolute())
        if self._is_used:
            place = f"{STAGE}/{len(self.sources)}"
            self.sources.append((source, place))
            source = place
        return ("--bind" if mount.writable else "--ro-bind", source, str(mount.inside))


class SandboxHandle:
    """A command in its sandbox; see `Handle`. Dropping it kills the command."""

    def __init__(self, configuration: dict[str, Any], folder: Path) -> None:
        status, status_end = os.pipe()
        self._status_file = os.fdopen(status, "rb")
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", SUPERVISE, CODE, str(status_end), folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(status_end,),
                start_new_session=True,
                bufsize=0,
                env={},
                cwd="/",
            )
        finally:
            os.close(status_end)
        self._reading = threading.Lock()
        self._killing = threading.Lock()
        self._status: Status | None = None
        self._control = cast("IO[bytes]", self._supervisor.stdin)
        self._output = cast("IO[bytes]", self._supervisor.stdout)
        self._errors = cast("IO[bytes]", self._supervisor.stderr)
        with contextlib.suppress(BrokenPipeError):
            self._control.write(json.dumps(configuration).encode() + b"\n")
        try:
            self._hear()
        except ExecutorError:
            self._close()
            raise

    def output(self) -> Iterator[bytes]:
        while chunk := self._read():
            yield chunk

    def wait(self) -> Status:
        while self._read():
            pass
        with self._reading:
            if self._status is None:
                try:
                    facts = self._hear()
                finally:
                    self._close()
                ending = Ending(facts["ending"])
                self._status = Status(
                    ending=ending,
                    exit_code=facts["exit_code"] if ending is Ending.EXITED else None,
                    wall_seconds=facts["wall_seconds"],
                    cpu_seconds=facts["cpu_seconds"],
                    peak_memory=facts["peak_memory"],
                    output_size=facts["output_size"],
                )
            return self._status

    def kill(self) -> None:
        with self._killing:
            self._control.close()

    def _read(self) -> bytes:
        with self._reading:
            return b"" if self._output.closed else os.read(self._output.fileno(), CHUNK)

    def _hear(self) -> dict[str, Any]:
        """The supervisor's next message; its fault, or its silence, is an `ExecutorError`."""
        line = self._status_file.readline()
        if not line:
            trace = self._errors.read().decode(errors="replace").strip()
            raise ExecutorError(f"the supervisor of a sandbox ended early: {trace}")
        message: dict[str, Any] = json.loads(line)
        if "fault" in message:
            raise ExecutorError(message["fault"])
        return message

    def _close(self) -> None:
        self.kill()
        self._output.close()
        self._supervisor.wait()
        self._errors.close()
        self._status_file.close()


def slot_folder(root: Path, slot: int) -> Path:
    """Everything of one slot; `clean_slot` empties it."""
    return root.absolute() / f"slot-{slot}"


def group_name(root: Path, slot: int) -> str:
    """Of the slot's control group: the same at the next start, and no other builder's."""
    place = hashlib.sha256(bytes(root.absolute())).hexdigest()[:12]
    return f"affineur-{place}-{slot}"


def clean_slot(*, root: Path, slot: int, uid: int | None) -> None:
    """Remove what a builder that died left of a slot: processes, control group, files.

    To be called at a builder's start, by whoever holds the slot. Mounts need no cleaning: they
    are in namespaces that end with their processes. Raises `ExecutorError` when something stays.
    """
    folder = slot_folder(root, slot)
    give_up_at = time.monotonic() + CLEANING_SECONDS
    while pids := _supervisors(folder) + (processes_of(uid) if uid is not None else []):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > give_up_at:
            raise ExecutorError(f"processes {pids} of slot {slot} cannot be killed")
        time.sleep(0.01)
    try:
        if (hierarchy := find_hierarchy()) is not None:
            hierarchy.group(group_name(root, slot)).remove()
        remove_tree(folder)
    except OSError as error:
        raise ExecutorError(f"slot {slot} cannot be cleaned: {error}") from error


def remove_tree(folder: Path) -> None:
    """Remove a folder that a command has written, however deep and of whatever modes.

    Raises OSError when something stays.
    """
    if os.geteuid() != 0:
        _run("chmod", "-R", "u+rwX", str(folder))
    _run("rm", "-rf", str(folder))
    if folder.exists():
        raise OSError(f"{folder} cannot be removed")


def _run(*argv: str) -> None:
    """Run a tool of the system for its effect; what it could not do is seen afterwards."""
    subprocess.run(argv, capture_output=True, check=False, env={"PATH": _PATH})


def system_arguments() -> list[str]:
    """Arguments of bubblewrap for the host's system, read-only."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in MERGED:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in ETC:
        path = Path("/etc", name)
        arguments += ["--ro-bind-try", str(path), str(path)]
    return arguments


def temporary_size(command: Command) -> int:
    return min(LARGEST_TEMPORARY, command.limits.memory // 2)


def _supervisors(folder: Path) -> list[int]:
    """Supervisors of a slot's sandboxes, known by their last argument."""
    mark = b"\0" + SUPERVISE.encode() + b"\0"
    found = []
    for pid in all_processes():
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
            if mark in arguments and arguments.endswith(b"\0" + bytes(folder) + b"\0"):
                found.append(pid)
    return found
