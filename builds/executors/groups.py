"""Control groups: where the kernel can limit and count a whole sandbox, ask it to.

Standard library only, and cheap to import: the supervisor starts with it.
"""

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod

V1_CONTROLLERS = ("memory", "pids", "cpuacct")
V2_CONTROLLERS = ("memory", "pids")
LEAF = "affineur-builder"
"""On v2 a group has processes or limited children, never both: the builder moves in here."""
LARGEST_CHARGE = 64 * 1024
"""Bytes; v1 has no count of what exceeded a limit, only of what was just below it."""
MOVES = 10
"""Attempts to move in: what a process forks meanwhile stays behind."""


class Hierarchy:
    """Where sandboxes' groups are made: below the builder's own, so that its limits hold too."""

    def __init__(self, version: int, parents: dict[str, str]) -> None:
        self.version = version
        self.parents = parents
        """Folder by controller; on v2 all have the same."""

    def describe(self) -> str:
        return f"cgroup v{self.version} ({', '.join(sorted(self.parents))})"

    def to_json(self) -> dict[str, object]:
        return {"version": self.version, "parents": self.parents}

    def group(self, name: str) -> "Group":
        folders = {
            controller: os.path.join(parent, name) for controller, parent in self.parents.items()
        }
        return GroupV1(folders) if self.version == 1 else GroupV2(folders)


class Group(ABC):
    """The group of one sandbox. What it cannot count, it gives as None."""

    def __init__(self, folders: dict[str, str]) -> None:
        self.folders = folders

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self.folders)

    def create(self, *, memory: int, processes: int) -> None:
        """Make the group; a left-over one of the same name is emptied and removed before."""
        self.remove()
        for folder in set(self.folders.values()):
            os.mkdir(folder)
        self._limit(memory, processes)

    def join(self) -> None:
        """Move the calling process in."""
        for folder in set(self.folders.values()):
            _write(folder, "cgroup.procs", str(os.getpid()))

    def processes(self) -> list[int]:
        """With those of groups below, which no sandbox can make."""
        pids: set[int] = set()
        for top in set(self.folders.values()):
            for folder in _below(top):
                with contextlib.suppress(OSError):
                    pids.update(map(int, _read(folder, "cgroup.procs").split()))
        return sorted(pids)

    def kill(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self, patience: float = 5.0) -> None:
        """Kill what is in the group until nothing is, and remove it.

        Raises OSError when it is not empty after `patience` seconds.
        """
        give_up_at = time.monotonic() + patience
        for folder in set(self.folders.values()):
            while os.path.isdir(folder):
                self.kill()
                try:
                    for each in _below(folder):
                        os.rmdir(each)
                except FileNotFoundError:
                    continue
                except OSError:
                    if time.monotonic() > give_up_at:
                        raise
                    time.sleep(0.005)

    @abstractmethod
    def cpu_seconds(self) -> float | None: ...

    @abstractmethod
    def peak_memory(self) -> int | None: ...

    @abstractmethod
    def oom_kills(self) -> int:
        """Processes of this group that were killed for want of memory, whoever was short of it."""

    @abstractmethod
    def is_over_memory(self) -> bool:
        """Whether this group came to its own limit; else the machine was short of memory."""

    def fork_failures(self) -> int:
        if "pids" not in self.folders:
            return 0
        return _count(self.folders["pids"], "pids.events", "max")

    @abstractmethod
    def _limit(self, memory: int, processes: int) -> None: ...


class GroupV1(Group):
    """One folder in each controller's own hierarchy."""

    def _limit(self, memory: int, processes: int) -> None:
        if folder := self.folders.get("memory"):
            _write(folder, "memory.limit_in_bytes", str(memory))
            with contextlib.suppress(OSError):  # only where swap is accounted
                _write(folder, "memory.memsw.limit_in_bytes", str(memory))
        if folder := self.folders.get("pids"):
            _write(folder, "pids.max", str(processes))

    def cpu_seconds(self) -> float | None:
        folder = self.folders.get("cpuacct")
        return int(_read(folder, "cpuacct.usage")) / 1e9 if folder else None

    def peak_memory(self) -> int | None:
        folder = self.folders.get("memory")
        return int(_read(folder, "memory.max_usage_in_bytes")) if folder else None

    def oom_kills(self) -> int:
        folder = self.folders.get("memory")
        return _count(folder, "memory.oom_control", "oom_kill") if folder else 0

    def is_over_memory(self) -> bool:
        folder = self.folders.get("memory")
        if folder is None:
            return False
        peak = int(_read(folder, "memory.max_usage_in_bytes"))
        with contextlib.suppress(OSError):  # where swap is accounted, its limit is met first
            peak = int(_read(folder, "memory.memsw.max_usage_in_bytes"))
        return peak > int(_read(folder, "memory.limit_in_bytes")) - LARGEST_CHARGE


class GroupV2(Group):
    """One folder in the unified hierarchy."""

    @property
    def folder(self) -> str:
        return next(iter(self.folders.values()))

    def kill(self) -> None:
        try:
            _write(self.folder, "cgroup.kill", "1")
        except OSError:  # before Linux 5.14
            super().kill()

    def _limit(self, memory: int, processes: int) -> None:
        if "memory" in self.folders:
            _write(self.folder, "memory.max", str(memory))
            _write(self.folder, "memory.oom.group", "1")
            with contextlib.suppress(OSError):  # only where swap is accounted
                _write(self.folder, "memory.swap.max", "0")
        if "pids" in self.folders:
            _write(self.folder, "pids.max", str(processes))

    def cpu_seconds(self) -> float | None:
        return _count(self.folder, "cpu.stat", "usage_usec") / 1e6

    def peak_memory(self) -> int | None:
        with contextlib.suppress(OSError):  # before Linux 5.19
            if "memory" in self.folders:
                return int(_read(self.folder, "memory.peak"))
        return None

    def oom_kills(self) -> int:
        if "memory" not in self.folders:
            return 0
        return _count(self.folder, "memory.events", "oom_kill")

    def is_over_memory(self) -> bool:
        return "memory" in self.folders and _count(self.folder, "memory.events", "oom") > 0


def find_hierarchy() -> Hierarchy | None:
    """The control groups that this process may make groups in: v2, else v1, else None."""
    with contextlib.suppress(OSError):
        own = _groups_of("self")
        return find_v2(own) or find_v1(own)
    return None


def group_of(pid: int) -> Group | None:
    """The group that `pid` is in, to count with; None where the kernel counts nothing there."""
    with contextlib.suppress(OSError):
        own = _groups_of(str(pid))
        folders = {name: own[name] for name in V1_CONTROLLERS if name in own}
        if "memory" in folders:
            return GroupV1(folders)
        if "" in own and "memory" in _read(own[""], "cgroup.controllers").split():
            return GroupV2(dict.fromkeys(V2_CONTROLLERS, own[""]))
    return None


def find_v1(own: dict[str, str]) -> Hierarchy | None:
    """One hierarchy a controller; without the one for memory, polling is no worse."""
    parents = {
        controller: own[controller]
        for controller in V1_CONTROLLERS
        if controller in own and _can_make_groups(own[controller])
    }
    return Hierarchy(1, parents) if "memory" in parents else None


def find_v2(own: dict[str, str]) -> Hierarchy | None:
    """The unified hierarchy, where the builder's own group is delegated to it."""
    parent = own.get("")
    if parent is None:
        return None
    if os.path.basename(parent) == LEAF:
        parent = os.path.dirname(parent)
    available = _read(parent, "cgroup.controllers").split()
    if "memory" not in available or not _can_make_groups(parent):
        return None
    wanted = [controller for controller in V2_CONTROLLERS if controller in available]
    for _ in range(MOVES):
        try:
            _enable(parent, wanted)
        except OSError:
            try:
                _move_to_leaf(parent)
            except OSError:
                return None
        else:
            return Hierarchy(2, dict.fromkeys(wanted, parent))
    return None


def _below(folder: str) -> list[str]:
    """The group and those below it, deepest first."""
    return [path for path, _, _ in os.walk(folder, topdown=False)]


def _enable(parent: str, controllers: list[str]) -> None:
    _write(parent, "cgroup.subtree_control", " ".join(f"+{name}" for name in controllers))


def _move_to_leaf(parent: str) -> None:
    leaf = os.path.join(parent, LEAF)
    os.makedirs(leaf, exist_ok=True)
    for pid in _read(parent, "cgroup.procs").split():
        with contextlib.suppress(ProcessLookupError):
            _write(leaf, "cgroup.procs", pid)


def _can_make_groups(parent: str) -> bool:
    # One name for all: what a probe that was killed has left, the next one removes.
    probe = os.path.join(parent, "affineur-probe")
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(probe)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(probe)
    except OSError:
        return False
    return True


def _groups_of(pid: str) -> dict[str, str]:
    """Where a process is, by controller; the unified hierarchy has an empty name."""
    mounts: dict[str, tuple[str, str]] = {}
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        for line in lines:
            left, _, right = line.partition(" - ")
            root, mountpoint = left.split()[3:5]
            kind, _, options = right.split()[:3]
            if kind == "cgroup2":
                mounts[""] = (root, mountpoint)
            elif kind == "cgroup":
                for option in options.split(","):
                    mounts[option] = (root, mountpoint)
    groups = {}
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as lines:
        for line in lines:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                if controller in mounts:
                    root, mountpoint = mounts[controller]
                    inside = path.removeprefix(root.rstrip("/")).strip("/")
                    groups[controller] = os.path.join(mountpoint, inside).rstrip("/")
    return groups


def _read(folder: str, name: str) -> str:
    with open(os.path.join(folder, name), encoding="ascii") as file:
        return file.read()


def _write(folder: str, name: str, value: str) -> None:
    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
        file.write(value)


def _count(folder: str, name: str, key: str) -> int:
    for line in _read(folder, name).splitlines():
        word, _, value = line.partition(" ")
        if word == key:
            return int(value)
    return 0
