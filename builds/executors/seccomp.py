"""The system calls a sandbox refuses, as a program for the kernel.

A second wall: namespaces and the lack of every capability already bar most of these. What is
refused here has been the way out of sandboxes before, and no build needs it.
"""

import errno
import functools
import tempfile
from typing import Any

from builds.executors.base import ExecutorError

FORBIDDEN = (
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise",
    # mounts and namespaces
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "unshare", "setns",
    # keys, programs in the kernel, and its tracing
    "add_key", "keyctl", "request_key", "bpf", "perf_event_open", "userfaultfd", "lookup_dcookie",
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    # files by handle, and watching others'
    "name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark",
    # the machine
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
    "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "vhangup", "nfsservctl",
    "settimeofday", "adjtimex", "clock_settime", "clock_adjtime", "sethostname", "setdomainname",
    "iopl", "ioperm", "modify_ldt", "vm86", "vm86old",
)  # fmt: skip
NAMESPACE_FLAGS = (
    0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
)  # fmt: skip
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
FAMILIES = frozenset({1, 2, 10})
"""AF_UNIX, AF_INET and AF_INET6: others (packets, netlink, vsock to a hypervisor) leave the
network namespace or have a record of holes."""
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
UNKNOWN = -1
"""A name that an older libseccomp does not know; without capabilities it is barred anyway."""


@functools.cache
def seccomp_program() -> bytes:
    """The filter as the kernel takes it (classic BPF); `ExecutorError` without libseccomp."""
    try:
        import pyseccomp  # noqa: PLC0415 (it looks for the C library when imported)
    except (ImportError, OSError, RuntimeError) as error:
        raise ExecutorError("libseccomp is missing: install libseccomp2") from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    argument, equal, masked = pyseccomp.Arg, pyseccomp.EQ, pyseccomp.MASKED_EQ
    for name in FORBIDDEN:
        _add(rules, refuse, name)
    # The flags of clone3 are behind a pointer where no filter sees them; C libraries fall back.
    _add(rules, pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    # An instant reservation would outrun the disk watch; C libraries fall back to writing.
    _add(rules, pyseccomp.ERRNO(errno.EOPNOTSUPP), "fallocate")
    for flag in NAMESPACE_FLAGS:
        _add(rules, refuse, "clone", argument(0, masked, flag, flag))
    for request in (TIOCSTI, TIOCLINUX):
        _add(rules, refuse, "ioctl", argument(1, masked, 0xFFFF_FFFF, request))
    unsupported = pyseccomp.ERRNO(errno.EAFNOSUPPORT)
    for family in set(range(max(FAMILIES))) - FAMILIES:
        _add(rules, unsupported, "socket", argument(0, equal, family))
    _add(rules, unsupported, "socket", argument(0, pyseccomp.GT, max(FAMILIES)))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _add(rules: Any, action: int, name: str, *arguments: Any) -> None:
    import pyseccomp  # noqa: PLC0415 (see above)

    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if number != UNKNOWN:
        rules.add_rule(action, number, *arguments)
