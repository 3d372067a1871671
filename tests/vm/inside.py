"""The first process of the virtual machine: runs the suites as each user, and switches off.

Each user has a control group of its own, as a service manager would delegate it.
"""

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path

from builds.executors.launcher import mount
from tests.builds.executors.as_ordinary_user import NOBODY

CHECKOUT = Path(__file__).resolve().parents[2]
GROUPS = Path("/sys/fs/cgroup")
DELEGATED = (".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
"""What of a group belongs to whom it is delegated to, by cgroups(7)."""
TEMPORARY = Path("/run/tmp")
USERS = {
    "root": (0, ["-m", "pytest", "-p", "no:cacheprovider"]),
    "nobody": (NOBODY, ["-m", "tests.builds.executors.as_ordinary_user"]),
}
EXECUTORS = "tests/builds/executors"
SUITES = (
    f"{EXECUTORS}/test_groups.py",
    f"{EXECUTORS}/test_abuse.py",
    f"{EXECUTORS}/test_sandbox.py::test_a_sandbox_dies_with_a_builder_that_is_killed",
    f"{EXECUTORS}/test_sandbox.py::test_a_sandbox_dies_with_a_supervisor_that_is_killed",
    f"{EXECUTORS}/test_sandbox.py::test_the_next_start_cleans_what_was_left",
    f"{EXECUTORS}/test_sandbox.py::test_it_says_what_holds_its_sandboxes",
    f"{EXECUTORS}/test_sandbox.py::test_it_says_what_a_command_took",
    f"{EXECUTORS}/test_sandbox.py::test_slots_run_beside_each_other",
)
UNSUITED = ("polled", "hang", "silence", "many_sandboxes")
"""What has nothing to do with groups, or with limits of time that an emulated start exceeds."""
OPTIONS = (
    *("-c", "/dev/null", "--rootdir", ".", "--confcutdir", EXECUTORS),
    *("--disable-plugin-autoload", "--disable-warnings", "--color=no", "-v", "-rs"),
    *("-k", " and ".join(f"not {word}" for word in UNSUITED)),
)
POWER_OFF = 0x4321FEDC
"""`RB_POWER_OFF` of reboot(2)."""


def main():
    prepare()
    for name in USERS:
        began = time.monotonic()
        status = run(name)
        print(f"{name}: exit {status} after {time.monotonic() - began:.0f} s", flush=True)
    ctypes.CDLL(None).reboot(POWER_OFF)


def prepare():
    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755")
    mount("cgroup2", str(GROUPS), "cgroup2", 0)
    TEMPORARY.mkdir()
    TEMPORARY.chmod(0o1777)
    (GROUPS / "cgroup.subtree_control").write_text("+memory +pids")
    print(f"up after {time.monotonic():.0f} s", flush=True)


def run(name):
    """The exit status of the suites, run in a group that belongs to the user."""
    uid, arguments = USERS[name]
    group = GROUPS / name
    group.mkdir()
    for path in DELEGATED:
        os.chown(group / path, uid, uid)
    child = subprocess.Popen(
        [sys.executable, "-B", *arguments, *OPTIONS, *SUITES],
        cwd=CHECKOUT,
        env=dict(os.environ) | {"TMPDIR": str(TEMPORARY)},
        preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),  # noqa: PLW1509
    )
    while True:  # orphans of all kinds come to the first process
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
