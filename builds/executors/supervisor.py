"""The process around one sandbox: starts it, watches its limits, ends it, cleans up after it.

It is a process of its own so that nothing depends on a thread of the builder: when its standard
input closes, for whatever reason, it kills the sandbox. It has one thread and one loop.

    builder ── supervisor ─┬─ bubblewrap ── (pid 1 of the sandbox) ── command
                           └─ forwarder

Standard library only, and cheap to import: this is a part of every command's time.
"""

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import sys
import termios
import time
from collections import deque
from typing import Any

from builds.executors.groups import Group, Hierarchy
from builds.executors.launcher import Descriptors, adopt_orphans, become, die_with_parent, launch
from builds.executors.usage import (
    ProcessUsage,
    deleted_size,
    folder_usage,
    hand_over,
    processes_in,
    processes_of,
)

TICK = 0.1
"""Seconds between two looks at the limits."""
SETUP_SECONDS = 30
TEARDOWN_SECONDS = 20
CHUNK = 1024 * 1024
BUBBLEWRAP_PROCESSES = 2
LIMIT_SIGNALS = {-signal.SIGXCPU: "cpu-time", -signal.SIGXFSZ: "disk-full"}
"""What the rlimits of one process say, should they come before the watch over all."""
SIGNALLED = 128
"""Bubblewrap gives the signal that ended a command as shells do, above this."""
FREE_DISK = 512 * 1024 * 1024
"""A host with less than this free is a fault of the farm, whoever filled it."""
NEARLY_FULL = 0.99
DISK_STEP = 16
"""The folder is measured again when the file system has lost this part of the limit."""
DISK_PERIOD = 1.0
DISK_SHARE = 10
"""Between two measurements pass at least this many times the last one's duration."""


class Fault(Exception):
    """The sandbox could not be made or unmade."""


class Supervisor:
    def __init__(self, config: dict[str, Any], status: int) -> None:
        self.config = config
        self.limits = config["limits"]
        self.status = status
        self.group: Group | None = None
        if config["hierarchy"]:
            self.group = Hierarchy(**config["hierarchy"]).group(config["group"])
        self.bubblewrap = 0
        self.init = 0
        """The sandbox's own pid 1, as seen from here."""
        self.init_handle = -1
        self.namespace = ""
        self.forwarder = 0
        self.exit_code: int | None = None
        self.ending = ""
        self.output = Output(self.limits["log"], sink=1)
        self.meter = Meter(self)
        self.disk = Disk(self)

    def run(self) -> None:
        try:
            self.launch()
            self.say({"started": True})
            began = time.monotonic()
            self.watch(began)
            wall_seconds = time.monotonic() - began
            self.end()
            report = self.meter.report()
            self.clean()
            self.output.flush()
            report |= {
                "ending": self.ending,
                "exit_code": self.exit_code,
                "wall_seconds": wall_seconds,
                "output_size": self.output.size,
            }
            self.say(report)
        except (Fault, OSError) as error:
            with contextlib.suppress(Fault, OSError):
                self.end()
                self.clean()
            self.say({"fault": str(error)})

    def say(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self.status, json.dumps(message).encode() + b"\n")

    # Starting

    def launch(self) -> None:
        adopt_orphans()
        self.disk.check_host()
        if self.config["uid"] is not None:
            for folder in self.config["writable"]:
                hand_over(folder, self.config["uid"])
        self.disk.begin()
        if self.group is not None:
            self.group.create(
                memory=self.limits["memory"],
                processes=self.limits["processes"] + BUBBLEWRAP_PROCESSES,
            )
        output, info, block = os.pipe(), os.pipe(), os.pipe()
        fcntl.fcntl(output[0], fcntl.F_SETPIPE_SZ, CHUNK)
        parent = os.getpid()
        self.bubblewrap = os.fork()
        if self.bubblewrap == 0:
            descriptors = Descriptors(output=output[1], info=info[1], block=block[0])
            launch(self.config, self.group, descriptors, parent)
        for descriptor in (output[1], info[1]):
            os.close(descriptor)
        self.output.source = output[0]
        os.set_blocking(output[0], False)
        self.find_init(info[0])
        if self.config["index_socket"]:
            self.start_forwarder()
        if self.group is None or "pids" not in self.group.controllers:
            self.limit_processes()
        self.release(block)
        self.disk.watch_temporary(self.init)

    def find_init(self, info: int) -> None:
        """Learn the sandbox's pid 1, which bubblewrap tells as soon as it has made it."""
        text = b""
        while chunk := read_within(info, SETUP_SECONDS):
            text += chunk
        os.close(info)
        if not text:
            raise self.setup_fault()
        self.init = json.loads(text)["child-pid"]
        try:
            self.init_handle = os.pidfd_open(self.init)
            self.namespace = os.readlink(f"/proc/{self.init}/ns/pid")
        except (ProcessLookupError, FileNotFoundError):
            raise self.setup_fault() from None

    def start_forwarder(self) -> None:
        taken, ready = os.pipe()
        parent = os.getpid()
        self.forwarder = os.fork()
        if self.forwarder == 0:
            try:
                die_with_parent(parent)
                close_all_but(ready)
                from builds.executors.forwarder import serve  # noqa: PLC0415 (not every command)

                serve(self.init, self.config["index_port"], self.config["index_socket"], ready)
            finally:
                os._exit(1)
        os.close(ready)
        if not read_within(taken, SETUP_SECONDS):
            raise Fault("the forwarder of the index could not enter the sandbox's network")
        os.close(taken)

    def limit_processes(self) -> None:
        """Limit the sandbox and not bubblewrap: what this user runs elsewhere must not count.

        Done as the slot's user, who may; root may not everywhere (CAP_SYS_RESOURCE).
        """
        limit = self.limits["processes"] + BUBBLEWRAP_PROCESSES
        child = os.fork()
        if child == 0:
            try:
                become(self.config["uid"])
                # One that is gone already tells by itself why.
                with contextlib.suppress(ProcessLookupError):
                    resource.prlimit(self.init, resource.RLIMIT_NPROC, (limit, limit))
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(child, 0)[1] != 0:
            raise Fault("the number of processes could not be limited")

    def release(self, block: tuple[int, int]) -> None:
        """Let the command start, and return when the sandbox around it stands."""
        os.write(block[1], b"1")
        give_up_at = time.monotonic() + SETUP_SECONDS
        while unread(block[0]):
            if time.monotonic() > give_up_at or read_ready(self.init_handle, 0):
                raise self.setup_fault()
            time.sleep(0.001)
        for descriptor in block:
            os.close(descriptor)

    def setup_fault(self) -> Fault:
        text = os.read(self.output.source, CHUNK) if read_ready(self.output.source, 1) else b""
        reason = text.decode(errors="replace").strip() or "bubblewrap ended without a word"
        return Fault(f"the sandbox could not be made: {reason}")

    # Watching

    def watch(self, began: float) -> None:
        """Until the command has ended by itself, or a limit or the builder says that it must."""
        events = select.poll()
        bubblewrap = os.pidfd_open(self.bubblewrap)
        for descriptor in (0, self.output.source, bubblewrap):
            events.register(descriptor, select.POLLIN)
        due = began
        while not self.ending:
            now = time.monotonic()
            self.output.watch(events)
            ready = dict(events.poll(max(0.0, due - now) * 1000))
            now = time.monotonic()
            if self.output.source in ready and not self.output.receive(now):
                events.unregister(self.output.source)
            if self.output.sink in ready:
                self.output.send()
            if 0 in ready:
                self.ending = "killed"
            elif self.output.size > self.limits["log_flood"]:
                self.ending = "log-flood"
            elif bubblewrap in ready:
                self.exit_code = self.reap_bubblewrap()
                self.ending = self.exceeded() or LIMIT_SIGNALS.get(self.exit_code, "exited")
            elif now >= due:
                due = now + TICK
                self.ending = self.exceeded() or self.overdue(now, began)
        os.close(bubblewrap)

    def exceeded(self) -> str:
        self.meter.read()
        return self.meter.exceeded() or self.disk.exceeded(is_last=self.exit_code is not None)

    def overdue(self, now: float, began: float) -> str:
        if now - began > self.limits["wall_seconds"]:
            return "wall-time"
        if now - max(began, self.output.last_at) > self.limits["silence_seconds"]:
            return "no-output"
        return ""

    def reap_bubblewrap(self) -> int:
        """The command's exit code, negative for a signal."""
        _, status = os.waitpid(self.bubblewrap, 0)
        self.bubblewrap = 0
        code = os.waitstatus_to_exitcode(status)
        is_signal = SIGNALLED < code < SIGNALLED + signal.NSIG
        return SIGNALLED - code if is_signal else code

    def processes(self) -> list[int]:
        if self.group is not None:
            return self.group.processes()
        return processes_in(self.namespace)

    # Ending

    def end(self) -> None:
        """Kill all of it, and return when nothing of it lives."""
        give_up_at = time.monotonic() + TEARDOWN_SECONDS
        if self.init_handle >= 0:
            # The kernel kills a pid namespace as one with its first process, which is gone only
            # after all others: no fork can run away from this.
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.init_handle, signal.SIGKILL)
        for pid in (self.bubblewrap, self.forwarder):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if self.group is not None:
            self.group.kill()
        if self.init_handle >= 0 and not read_ready(self.init_handle, TEARDOWN_SECONDS):
            raise Fault("the sandbox's processes could not be killed")
        while self.reap():
            if time.monotonic() > give_up_at:
                raise Fault("the sandbox's processes could not be killed")
            time.sleep(0.001)
        self.bubblewrap = self.forwarder = 0

    def reap(self) -> bool:
        """Collect the dead; whether a child is left."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
        return False

    def clean(self) -> None:
        if self.output.source >= 0:
            self.output.drain()
        self.disk.close()
        if self.group is not None:
            self.group.remove(TEARDOWN_SECONDS)
        if self.config["uid"] is not None and (left := processes_of(self.config["uid"])):
            raise Fault(f"processes {left} of user {self.config['uid']} are left")


class Output:
    """What the command says: kept up to a size, counted beyond, passed on without waiting."""

    def __init__(self, limit: int, sink: int) -> None:
        self.source = -1
        self.sink = sink
        self.size = 0
        self.last_at = 0.0
        self._left = limit
        self._chunks: deque[bytes] = deque()
        self._is_watched = False
        os.set_blocking(sink, False)

    def receive(self, now: float) -> bool:
        """Take one chunk from the command; False at its end."""
        try:
            chunk = os.read(self.source, CHUNK)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        self.size += len(chunk)
        self.last_at = now
        if kept := chunk[: self._left]:
            self._left -= len(kept)
            self._chunks.append(kept)
            self.send()
        return True

    def send(self) -> None:
        while self._chunks:
            try:
                sent = os.write(self.sink, self._chunks[0])
            except BlockingIOError:
                return
            except BrokenPipeError:  # nobody listens any more
                self._chunks.clear()
                self._left = 0
                return
            rest = self._chunks.popleft()[sent:]
            if rest:
                self._chunks.appendleft(rest)

    def watch(self, events: select.poll) -> None:
        """Wait for the reader only while there is something for it."""
        if bool(self._chunks) == self._is_watched:
            return
        self._is_watched = bool(self._chunks)
        if self._is_watched:
            events.register(self.sink, select.POLLOUT)
        else:
            events.unregister(self.sink)

    def drain(self) -> None:
        """Take what is left in the pipe; every writer is dead."""
        while self.receive(time.monotonic()) and read_ready(self.source, 0):
            pass
        os.close(self.source)
        self.source = -1

    def flush(self) -> None:
        os.set_blocking(self.sink, True)
        self.send()


class Meter:
    """CPU, memory and processes of the whole sandbox: from its group, or from /proc."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._limits = supervisor.limits
        controllers = supervisor.group.controllers if supervisor.group else frozenset()
        self._counts_memory = "memory" in controllers
        self._counts_processes = "pids" in controllers
        self._is_counted = self._counts_memory and self._counts_processes
        self._cpu_seconds = 0.0
        self._peak_memory = 0
        self._threads = 0
        self._oom_kills = 0
        self._is_over_memory = False
        self._fork_failures = 0

    def read(self) -> None:
        group = self._supervisor.group
        cpu_seconds = peak_memory = None
        if group is not None:
            cpu_seconds = group.cpu_seconds()
            peak_memory = group.peak_memory()
            self._oom_kills = group.oom_kills()
            self._is_over_memory = group.is_over_memory()
            self._fork_failures = group.fork_failures()
        if cpu_seconds is None or not self._is_counted:
            usage = ProcessUsage(self._supervisor.processes())
            self._threads = usage.threads
            cpu_seconds = usage.cpu_seconds if cpu_seconds is None else cpu_seconds
            peak_memory = usage.memory if peak_memory is None else peak_memory
        self._cpu_seconds = max(self._cpu_seconds, cpu_seconds)
        self._peak_memory = max(self._peak_memory, peak_memory or 0)

    def exceeded(self) -> str:
        """Raises `Fault` when memory ran out, and not because of this command's limit."""
        limits = self._limits
        if self._oom_kills and not self._is_over_memory:
            raise Fault(
                "processes of the sandbox were killed because the machine, or the group that the"
                " builder is in, ran out of memory: give it more, or fewer slots"
            )
        if self._oom_kills or (not self._counts_memory and self._peak_memory > limits["memory"]):
            return "out-of-memory"
        if self._fork_failures or (
            not self._counts_processes and self._threads > limits["processes"]
        ):
            return "too-many-processes"
        if self._cpu_seconds > limits["cpu_seconds"]:
            return "cpu-time"
        return ""

    def report(self) -> dict[str, Any]:
        self.read()
        dead = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "cpu_seconds": max(self._cpu_seconds, dead.ru_utime + dead.ru_stime),
            "peak_memory": max(
                self._peak_memory, 0 if self._counts_memory else dead.ru_maxrss * 1024
            ),
        }


class Disk:
    """The folders that a command may write to, its /tmp, and the file system below them."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._limits = supervisor.limits
        self._folders: list[str] = supervisor.config["writable"]
        self._device = os.stat(self._folders[0]).st_dev
        self._temporary = -1
        self._free = (0, 0)
        """Bytes and files that were free when the folders were last measured."""
        self._due_at = 0.0

    def check_host(self) -> None:
        if (free := self._host_free()[0]) < FREE_DISK:
            raise Fault(
                f"the file system of {self._folders[0]} has {free >> 20} MiB left:"
                f" a builder needs {FREE_DISK >> 20} MiB to start a command"
            )

    def begin(self) -> None:
        self._free = self._host_free()

    def watch_temporary(self, init: int) -> None:
        with contextlib.suppress(OSError):  # gone already
            self._temporary = os.open(f"/proc/{init}/root/tmp", os.O_PATH)

    def exceeded(self, *, is_last: bool) -> str:
        """Raises `Fault` when the host runs full and this command cannot be seen to fill it."""
        free = self._host_free()
        is_host_full = free[0] < FREE_DISK
        if is_last or is_host_full or self._is_due(free):
            if self._measure():
                return "disk-full"
            self._free = free
        if is_host_full:
            self.check_host()
        return "disk-full" if self._is_temporary_full() else ""

    def close(self) -> None:
        if self._temporary >= 0:
            os.close(self._temporary)
            self._temporary = -1

    def _is_due(self, free: tuple[int, int]) -> bool:
        return (
            time.monotonic() > self._due_at
            or self._free[0] - free[0] > self._limits["disk"] // DISK_STEP
            or self._free[1] - free[1] > self._limits["inodes"] // DISK_STEP
        )

    def _measure(self) -> bool:
        began = time.monotonic()
        size: int = self._limits["disk"]
        files: int = self._limits["inodes"]
        for folder in self._folders:
            usage = folder_usage(folder, size=size, files=files)
            size, files = size - usage.size, files - usage.files
        size -= deleted_size(self._supervisor.processes(), self._device)
        now = time.monotonic()
        self._due_at = now + max(DISK_PERIOD, DISK_SHARE * (now - began))
        return size < 0 or files < 0

    def _host_free(self) -> tuple[int, int]:
        facts = os.statvfs(self._folders[0])
        return facts.f_bavail * facts.f_frsize, facts.f_favail

    def _is_temporary_full(self) -> bool:
        if self._temporary < 0:
            return False
        facts = os.fstatvfs(self._temporary)
        files: int = self._limits["inodes"]
        return (
            facts.f_bfree < facts.f_blocks * (1 - NEARLY_FULL)
            or facts.f_files - facts.f_ffree > files
        )


def read_within(descriptor: int, seconds: float) -> bytes:
    """What can be read as soon as something can; empty at the end, or after `seconds`."""
    return os.read(descriptor, CHUNK) if read_ready(descriptor, seconds) else b""


def read_ready(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


def unread(pipe: int) -> bool:
    return any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))


def close_all_but(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


def main(status: int) -> None:
    """Read the configuration, one line of JSON, from standard input, and see it through."""
    os.set_inheritable(status, False)  # noqa: FBT003 (its only argument)
    Supervisor(json.loads(sys.stdin.buffer.readline()), status).run()
