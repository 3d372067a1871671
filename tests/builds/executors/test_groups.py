"""Control groups: v1 where this machine has it, v2 on a real hierarchy as far as it goes.

A unified hierarchy without the controllers for memory and processes still has processes, `kill`
and CPU time; what the missing controllers would be told is checked on plain folders.
"""

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from builds.executors.groups import GroupV2, find_v1, find_v2
from tests.builds.executors.conftest import wait_until


@pytest.fixture
def unified():
    """A real, empty group of the unified hierarchy."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mountpoint = left.split()[4]
        if right.startswith("cgroup2 ") and os.access(mountpoint, os.W_OK):
            group = GroupV2({"": f"{mountpoint}/affineur-test-{uuid.uuid4()}"})
            yield group
            group.remove()
            return
    pytest.skip("no unified hierarchy can be written here")


def running(group, script):
    """A shell that has joined the group before it runs the script."""
    joined = f"echo $$ > {group.folder}/cgroup.procs; {script}"
    return subprocess.Popen(["/bin/sh", "-c", joined])


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

    assert (group.oom_kills(), group.fork_failures()) == (2, 4)
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
