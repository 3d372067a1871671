"""Control groups: v1 where this machine has it, v2 on a real hierarchy as far as it goes.

A unified hierarchy without the controllers for memory and processes still has processes, `kill`
and CPU time. What needs those controllers is run where they are: `tests/vm` makes such a place;
what they would be told is checked on plain folders everywhere.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from builds.domain.limits import MEBIBYTE
from builds.executors.base import ExecutorError
from builds.executors.groups import LEAF, GroupV2, Hierarchy, find_hierarchy, find_v1, find_v2
from tests.builds.executors.conftest import Sandbox
from tests.builds.executors.test_abuse import DAEMON, HOG
from tests.waiting import wait_until

CHECKOUT = Path(__file__).resolve().parents[3]


def unified_mount():
    """A group of the unified hierarchy in which groups can be made, as in `find_hierarchy`."""
    found = find_hierarchy()
    if found is not None and found.version == 2:
        return next(iter(found.parents.values()))
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mountpoint = left.split()[4]
        if right.startswith("cgroup2 ") and os.access(mountpoint, os.W_OK):
            return mountpoint
    return pytest.skip("no unified hierarchy can be written here")


@pytest.fixture
def unified():
    """A real group of the unified hierarchy that is still to be made."""
    group = GroupV2({"": f"{unified_mount()}/affineur-test-{uuid.uuid4()}"})
    yield group
    group.remove()


@pytest.fixture
def delegated():
    """A real group of its own controllers, as a service manager gives one to a builder."""
    found = find_hierarchy()
    if found is None or found.version != 2:
        pytest.skip("no unified hierarchy with controllers can be written here: see tests/vm")
    group = found.group(f"affineur-test-{uuid.uuid4()}")
    group.remove()
    Path(group.folder).mkdir()
    yield group
    group.remove()


@pytest.fixture
def short_hierarchy(hierarchy):
    """Where a builder has less memory than it lends to its sandboxes."""
    group = hierarchy.group(f"affineur-test-{uuid.uuid4()}")
    group.create(memory=64 * MEBIBYTE, processes=100)
    if hierarchy.version == 2:
        Path(group.folder, "cgroup.subtree_control").write_text("+memory +pids")
    yield Hierarchy(hierarchy.version, group.folders)
    group.remove()


@contextlib.contextmanager
def running(group, script):
    """A shell that has joined the group before it runs the script."""
    joined = f"echo $$ > {group.folder}/cgroup.procs; {script}"
    with subprocess.Popen(["/bin/sh", "-c", joined]) as process:
        try:
            yield process
        finally:
            process.kill()


def python_in(group, code):
    """A Python program that has joined the group before it runs the code, when it has ended."""
    return python(f"open({group.folder + '/cgroup.procs'!r}, 'w').write('0')\n{code}")


def python(code):
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def is_populated(group):
    return "populated 1" in Path(group.folder, "cgroup.events").read_text()


def test_v2_kills_a_whole_group_and_removes_it(unified):
    unified.create(memory=1, processes=1)
    with running(unified, "(setsid sleep 60 &) ; sleep 60") as process:
        wait_until(lambda: len(unified.processes()) >= 3)
        unified.kill()
        process.wait(5)

    wait_until(lambda: not unified.processes())
    unified.remove()
    assert not Path(unified.folder).exists()


def test_v2_counts_cpu_time(unified):
    unified.create(memory=1, processes=1)
    with running(unified, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done") as process:
        process.wait(20)

    assert unified.cpu_seconds() > 0.01


def test_removing_an_occupied_group_ends_what_is_in_it(unified):
    unified.create(memory=1, processes=1)
    with running(unified, "exec sleep 60") as process:
        wait_until(unified.processes)
        unified.create(memory=1, processes=1)

        assert process.wait(5) == -9
        assert unified.processes() == []


def test_a_process_joins_by_itself(unified):
    unified.create(memory=1, processes=1)
    code = (
        "from builds.executors.groups import GroupV2\n"
        f"GroupV2({unified.folders!r}).join()\n"
        "print(open('/proc/self/cgroup').read())"
    )
    said = python(code).stdout

    assert f"/{Path(unified.folder).name}\n" in said
    assert unified.processes() == []


def test_one_kill_empties_a_group_that_forks_and_hears_no_signal(unified):
    unified.create(memory=1, processes=1)
    deaf = "trap '' TERM INT HUP; while :; do (sleep 0.01 &); done"
    with running(unified, deaf) as process:
        wait_until(lambda: is_populated(unified) and len(unified.processes()) > 1)
        Path(unified.folder, "cgroup.kill").write_text("1")

        assert process.wait(5) == -signal.SIGKILL
        wait_until(lambda: not is_populated(unified))


def test_removal_waits_until_the_last_process_is_gone(unified):
    unified.create(memory=1, processes=1)
    many = "for i in 1 2 3 4 5 6 7 8 9; do (setsid sleep 60 &); done; exec sleep 60"
    with running(unified, many) as process:
        wait_until(lambda: len(unified.processes()) == 10)
        pids = unified.processes()
        unified.remove()

        assert not Path(unified.folder).exists()
        assert process.wait(5) == -signal.SIGKILL
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_groups_within_a_left_over_go_with_what_lives_in_them(unified):
    unified.create(memory=1, processes=1)
    inner = GroupV2({"": f"{unified.folder}/deep/er"})
    Path(inner.folder).mkdir(parents=True)
    with running(inner, "(setsid sleep 60 &); exec sleep 60") as process:
        wait_until(lambda: len(unified.processes()) == 2)
        unified.create(memory=1, processes=1)

        assert process.wait(5) == -signal.SIGKILL
        assert not Path(unified.folder, "deep").exists()


@pytest.fixture
def grouped_sandbox(open_folder):
    """A sandbox in a real group of the unified hierarchy, whatever controllers that has."""
    made = Sandbox(open_folder, Hierarchy(2, {"": unified_mount()}))
    yield made
    assert made.processes() == made.groups() == []


@pytest.mark.sandbox
def test_v2_ends_what_a_command_left_running(grouped_sandbox):
    result = grouped_sandbox.python(DAEMON)

    assert result.status.is_success, result
    assert (grouped_sandbox.work / "alive").exists()


@pytest.mark.sandbox
def test_a_sandbox_neither_sees_groups_nor_makes_any(grouped_sandbox):
    """That its group has none below is what lets one kill, or one look, find all of it."""
    result = grouped_sandbox.python("""
import ctypes, errno, os
print(open("/proc/self/cgroup").read().split())
print(os.path.exists("/sys"))
libc = ctypes.CDLL(None, use_errno=True)
libc.mount(b"none", b"/tmp", b"cgroup2", 0, None)
print(errno.errorcode[ctypes.get_errno()])
""")

    groups, sees_them, mounting = result.text.splitlines()
    assert "0::/'" in groups
    assert sees_them == "False"
    assert mounting == "EPERM"


@pytest.mark.parametrize("hierarchy", ["grouped"], indirect=True)
@pytest.mark.sandbox
def test_a_machine_short_of_memory_is_a_fault_of_the_farm(open_folder, short_hierarchy):
    sandbox = Sandbox(open_folder, short_hierarchy)

    with pytest.raises(ExecutorError, match="fewer slots"):
        sandbox.python(HOG, memory=512 * MEBIBYTE)
    assert sandbox.processes() == sandbox.groups() == []


def test_v2_makes_room_for_groups_beside_the_builder(delegated):
    """Twice: the second time it is where the first has moved it."""
    find = (
        "import json\n"
        "from builds.executors.groups import find_hierarchy\n"
        "found = [find_hierarchy().to_json() for _ in range(2)]\n"
        "print(json.dumps([found, open('/proc/self/cgroup').read().strip()]))\n"
    )
    found, own = json.loads(python_in(delegated, find).stdout)

    parents = {"memory": delegated.folder, "pids": delegated.folder}
    assert found == [{"version": 2, "parents": parents}] * 2
    assert own.endswith(f"/{Path(delegated.folder).name}/{LEAF}")
    enabled = Path(delegated.folder, "cgroup.subtree_control").read_text().split()
    assert enabled == ["memory", "pids"]


def test_v2_takes_what_forks_beside_the_builder_along(delegated):
    find = "from builds.executors import groups\nprint(groups.find_hierarchy().describe())"
    with running(delegated, "while :; do (sleep 0.01 &); done"):
        wait_until(delegated.processes)

        assert python_in(delegated, find).stdout == "cgroup v2 (memory, pids)\n"


def test_v2_holds_the_limits_that_it_is_told(delegated):
    delegated.create(memory=64 * MEBIBYTE, processes=7)

    names = ("memory.max", "memory.oom.group", "pids.max")
    said = [Path(delegated.folder, name).read_text().strip() for name in names]
    assert said == [str(64 * MEBIBYTE), "1", "7"]


def test_v2_kills_the_whole_group_when_one_of_it_takes_too_much(delegated):
    delegated.create(memory=64 * MEBIBYTE, processes=10)
    code = f"import os, time\nif os.fork() == 0:\n    exec({HOG!r})\ntime.sleep(60)"

    assert python_in(delegated, code).returncode == -signal.SIGKILL
    assert delegated.oom_kills() >= 2
    assert delegated.is_over_memory()
    assert 48 * MEBIBYTE < delegated.peak_memory() <= 64 * MEBIBYTE


def test_v2_counts_forks_that_failed(delegated):
    delegated.create(memory=64 * MEBIBYTE, processes=3)
    fork = "while os.fork(): pass\nos.closerange(0, 3); time.sleep(60)"

    assert "BlockingIOError" in python_in(delegated, f"import os, time\n{fork}").stderr
    assert delegated.fork_failures() == 1
    assert len(delegated.processes()) == 2


def test_v2_is_told_its_limits(tmp_path):
    group = GroupV2({"memory": str(tmp_path / "group"), "pids": str(tmp_path / "group")})
    group.create(memory=1000, processes=7)

    said = {path.name: path.read_text() for path in (tmp_path / "group").iterdir()}
    assert said == {
        "memory.max": "1000",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "7",
    }


def test_v2_tells_what_happened(tmp_path):
    group = GroupV2({"memory": str(tmp_path), "pids": str(tmp_path)})
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n")
    (tmp_path / "pids.events").write_text("max 4\n")
    (tmp_path / "memory.peak").write_text("4096\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")

    assert (group.oom_kills(), group.is_over_memory(), group.fork_failures()) == (2, True, 4)
    assert (group.peak_memory(), group.cpu_seconds()) == (4096, 1.5)


def test_v2_is_found_where_it_is_delegated(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    found = find_v2({"": str(tmp_path)})

    assert found.parents == {"memory": str(tmp_path), "pids": str(tmp_path)}
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert found.describe() == "cgroup v2 (memory, pids)"


def test_v2_without_memory_is_of_no_use(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("hugetlb\n")

    assert find_v2({"": str(tmp_path)}) is None
    assert find_v2({}) is None


def test_v1_is_found_with_the_controllers_that_can_be_written(tmp_path):
    (tmp_path / "memory").mkdir()
    found = find_v1({"memory": str(tmp_path / "memory"), "pids": str(tmp_path / "missing")})

    assert found.parents == {"memory": str(tmp_path / "memory")}


def test_v1_without_memory_is_of_no_use(tmp_path):
    assert find_v1({"pids": str(tmp_path)}) is None
