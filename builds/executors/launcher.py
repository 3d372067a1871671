"""From a fork of the supervisor to bubblewrap: the steps that only a parent can take.

Standard library only, and cheap to import: the supervisor starts with it.
"""

import contextlib
import ctypes
import fcntl
import math
import os
import resource
import signal
from typing import Any, NamedTuple, NoReturn

from builds.executors.groups import Group

STAGE = "/tmp"  # noqa: S108 (a mount of our own there; it exists everywhere and anyone may enter)
"""Where root shows a slot's user the folders that it may not reach by their own path."""
INFO_FD, BLOCK_FD, SECCOMP_FD = 3, 4, 5
FIRST_FREE_FD = 10
OPEN_FILES = 4096
NICENESS = 5
"""What serves people goes before what builds for them, on a machine that does both."""
FILE_MARGIN = 64 * 1024 * 1024
MEMORY_MARGIN = 1024 * 1024 * 1024
CPU_MARGIN = 5
"""Seconds; the watch over the whole group comes first."""

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 0x1000, 0x4000, 0x4_0000
_libc = ctypes.CDLL(None, use_errno=True)


class Descriptors(NamedTuple):
    """The child's ends of its pipes."""

    output: int
    info: int
    block: int


def launch(
    config: dict[str, Any], group: Group | None, pipes: Descriptors, parent: int
) -> NoReturn:
    """Become bubblewrap, in the group, within the limits, as the slot's user. Never returns."""
    try:
        seccomp = os.open(config["seccomp"], os.O_RDONLY)
        if group is not None:
            group.join()
        with contextlib.suppress(OSError):  # what the machine kills first when it is short
            _write("/proc/self/oom_score_adj", "1000")
        _arrange(config)
        _limit(config["limits"], group)
        become(config["uid"])
        os.umask(0o022)
        os.nice(NICENESS)
        for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored_by_python, signal.SIG_DFL)
        die_with_parent(parent)
        null = os.open("/dev/null", os.O_RDONLY)
        _place(
            {
                0: null,
                1: pipes.output,
                2: pipes.output,
                INFO_FD: pipes.info,
                BLOCK_FD: pipes.block,
                SECCOMP_FD: seccomp,
            }
        )
        os.execve(config["argv"][0], config["argv"], {})  # noqa: S606 (no shell is the point)
    except BaseException as error:  # noqa: BLE001 (a fork must not run on into its parent's code)
        os.write(pipes.output, f"{type(error).__name__}: {error}".encode())
    os._exit(1)


def become(uid: int | None) -> None:
    """Give up root for the slot's user; nothing to do for a builder that is not root."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that they can be reaped."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _arrange(config: dict[str, Any]) -> None:
    """Show what bubblewrap is to find, in a mount namespace of our own where one is needed."""
    is_root, system = config["uid"] is not None, config["system"]
    if not is_root and system is None:
        return
    _unshare_mounts(is_root=is_root)
    if system is not None:
        _merge(system)
    if is_root:
        _show(config["stage"])


def _unshare_mounts(*, is_root: bool) -> None:
    if is_root:
        os.unshare(os.CLONE_NEWNS)
    else:
        user, group = os.geteuid(), os.getegid()
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNS)
        # Nobody new (user_namespaces(7)); the capabilities that come with it end at the exec.
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def _merge(system: str) -> None:
    """Lay the folder's `usr` over the host's. An ordinary user needs Linux 5.11 for it."""
    # By its number, because a path may hold what separates layers.
    added = os.open(f"{system}/usr", os.O_PATH)
    layers = f"lowerdir=/proc/self/fd/{added}:/usr"
    mount("overlay", "/usr", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, layers)
    os.close(added)


def _show(stage: list[list[str]]) -> None:
    """Bind each source to its place below STAGE."""
    sources = [os.open(source, os.O_PATH) for source, _ in stage]
    mount("tmpfs", STAGE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    for opened, (_, place) in zip(sources, stage, strict=True):
        if os.path.isdir(f"/proc/self/fd/{opened}"):
            os.mkdir(place)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY))
        mount(f"/proc/self/fd/{opened}", place, None, MS_BIND | MS_REC)
        os.close(opened)


def _limit(limits: dict[str, Any], group: Group | None) -> None:
    _rlimit(resource.RLIMIT_CORE, 0)
    _rlimit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _rlimit(resource.RLIMIT_CPU, math.ceil(limits["cpu_seconds"]) + CPU_MARGIN)
    # One file, with room for the watch over the folder to see the excess first.
    _rlimit(resource.RLIMIT_FSIZE, limits["disk"] + FILE_MARGIN)
    if group is None or "memory" not in group.controllers:
        # Of one process, with room for the watch over all of them to see the excess first.
        _rlimit(resource.RLIMIT_DATA, limits["memory"] + MEMORY_MARGIN)


def _rlimit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _place(descriptors: dict[int, int]) -> None:
    """Give each descriptor its number; all others close at the exec."""
    moved = {
        number: fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD)
        for number, source in descriptors.items()
    }
    for number, source in moved.items():
        os.dup2(source, number)


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """The system call, which the standard library does not have."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), os.path.realpath(source))


def _write(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(value)
