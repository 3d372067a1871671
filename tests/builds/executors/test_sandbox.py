"""How a sandbox starts and ends, and what happens when something around it dies."""

import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from builds.executors.base import INDEX_PORT, Ending, ExecutorError, Mount
from builds.executors.groups import find_hierarchy
from builds.executors.sandbox import (
    SandboxExecutor,
    clean_slot,
    group_name,
    remove_tree,
    slot_folder,
)
from tests.builds.executors.conftest import IS_ROOT, Sandbox, slot_uid
from tests.waiting import wait_until

pytestmark = pytest.mark.sandbox

CODE = Path(__file__).resolve().parents[3]
BUILDER = """
import sys
from pathlib import Path
from builds.domain.limits import Limits
from builds.executors.base import Command
from builds.executors.groups import find_hierarchy
from builds.executors.sandbox import SandboxExecutor

root, uid, mark, is_grouped = sys.argv[1:]
executor = SandboxExecutor(
    Path(root),
    0,
    int(uid) if uid else None,
    find_hierarchy=find_hierarchy if is_grouped else lambda: None,
)
handle = executor.start(
    Command(
        argv=["/bin/sh", "-c", "(setsid sleep 61 &) ; echo ready; exec sleep 60"],
        work=Path(root, "work-0"),
        environment={"PATH": "/usr/bin:/bin", "AFFINEUR_MARK": mark},
    )
)
for chunk in handle.output():
    print(chunk.decode(), flush=True)
"""


def supervisors(sandbox):
    """Processes that watch a sandbox of this slot, by the folder they are given."""
    folder = os.fsencode(slot_folder(sandbox.root, sandbox.slot))
    return [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if entry.exists() and entry.read_bytes().endswith(b"\0" + folder + b"\0")
    ]


@pytest.fixture
def builder(sandbox):
    """A builder process with a command under way."""
    name = sandbox.mark.partition("=")[2]
    argv = [str(sandbox.root), str(sandbox.uid or ""), name, "yes" if sandbox.hierarchy else ""]
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER, *argv], cwd=CODE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"ready\n"
            wait_until(lambda: len(sandbox.processes()) >= 2)
            yield process
        finally:
            process.kill()


def test_a_sandbox_dies_with_a_builder_that_is_killed(sandbox, builder):
    os.kill(builder.pid, signal.SIGKILL)

    wait_until(lambda: not sandbox.processes() and not supervisors(sandbox))
    assert sandbox.groups() == []


@pytest.mark.usefixtures("builder")
def test_a_sandbox_dies_with_a_supervisor_that_is_killed(sandbox):
    for pid in supervisors(sandbox):
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: not sandbox.processes())
    assert sandbox.shell("echo again").text == "again\n"


@pytest.mark.usefixtures("builder")
def test_the_next_start_cleans_what_was_left(sandbox):
    clean_slot(root=sandbox.root, slot=0, uid=sandbox.uid)

    assert sandbox.processes() == supervisors(sandbox) == sandbox.groups() == []
    assert not slot_folder(sandbox.root, 0).exists()


def test_cleaning_leaves_other_slots_alone(open_folder):
    (open_folder / "slot-1").mkdir()
    clean_slot(root=open_folder, slot=0, uid=slot_uid())

    assert (open_folder / "slot-1").exists()


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user has no other user's processes to leave")
def test_cleaning_ends_processes_of_the_slots_user(open_folder):
    user = str(slot_uid())
    with subprocess.Popen(
        ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "sleep", "60"]
    ) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}").stat().st_uid == slot_uid())
        reaper = threading.Thread(target=process.wait)
        reaper.start()
        clean_slot(root=open_folder, slot=0, uid=slot_uid())
        reaper.join(5)

    assert process.returncode == -signal.SIGKILL


def test_a_folder_of_any_shape_is_removed(sandbox):
    sandbox.python(
        "import os\n"
        "os.makedirs('closed/in')\n"
        "os.chmod('closed', 0)\n"
        "for _ in range(2000):\n"
        "    os.mkdir('deeper'); os.chdir('deeper')\n",
        inodes=10_000,
    )
    remove_tree(sandbox.work)

    assert not sandbox.work.exists()
    sandbox.work.mkdir()


def test_a_signal_is_told_as_subprocess_does(sandbox):
    status = sandbox.shell("kill -SEGV $$").status

    assert (status.ending, status.exit_code) == (Ending.EXITED, -signal.SIGSEGV)


def test_writing_into_a_closed_pipe_ends_a_program_as_it_does_outside(sandbox):
    result = sandbox.shell("yes | head -n 1")

    assert result.text == "y\n"


def test_files_made_by_the_builder_are_the_commands(sandbox):
    (sandbox.work / "sdist").mkdir()
    (sandbox.work / "sdist" / "setup.py").write_text("old")

    result = sandbox.shell("echo new > sdist/setup.py && rm -r sdist && echo done")

    assert result.text == "done\n"


def test_files_made_inside_do_not_depend_on_the_builders_umask(sandbox):
    before = os.umask(0o077)
    try:
        sandbox.shell("touch made")
    finally:
        os.umask(before)

    assert (sandbox.work / "made").stat().st_mode & 0o777 == 0o644


def test_a_folder_behind_closed_ones_can_be_shown(sandbox, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_text("seen")
    (tmp_path / "deep").chmod(0o700)
    mount = Mount(tmp_path / "deep" / "er", tmp_path / "deep" / "er")

    assert sandbox.run(["cat", str(mount.inside / "file")], mounts=[mount]).text == "seen"


def test_what_cannot_be_shown_is_a_fault_of_the_farm(sandbox):
    with pytest.raises(ExecutorError, match="nowhere"):
        sandbox.shell("true", mounts=[Mount(Path("/nowhere"), Path("/x"))])


def test_a_link_that_a_command_made_is_not_followed_by_the_builder(sandbox):
    sandbox.shell("mkdir real; ln -s /etc dist; ln -s real ok")
    (sandbox.work / "real" / "file").write_text("seen")

    shown = Mount(sandbox.work / "real", Path("/shown"))
    assert sandbox.run(["cat", "/shown/file"], mounts=[shown]).text == "seen"
    with pytest.raises(ExecutorError, match="link"):
        sandbox.shell("ls /shown", mounts=[Mount(sandbox.work / "dist", Path("/shown"))])


@pytest.mark.skipif(not IS_ROOT, reason="only root can make a small file system")
def test_a_host_that_runs_out_of_disk_is_a_fault_of_the_farm(open_folder):
    small = open_folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", small], check=True)
    try:
        with pytest.raises(ExecutorError, match="MiB left"):
            Sandbox(small, hierarchy=None).shell("true")
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_does_not_exist_inside_fails_as_a_command_does(sandbox):
    result = sandbox.run(["/no/such/program"])

    assert result.status.ending is Ending.EXITED
    assert not result.status.is_success
    assert "/no/such/program" in result.text


@pytest.mark.parametrize("uid", [0, None] if IS_ROOT else [4242])
def test_a_slot_needs_a_user_that_fits_the_builder(open_folder, uid):
    with pytest.raises(ExecutorError, match="user"):
        SandboxExecutor(open_folder, 0, uid)


def test_it_says_what_holds_its_sandboxes(sandbox):
    words = {None: "rlimits"}.get(sandbox.hierarchy, "cgroup v")

    assert words in sandbox.executor.describe()
    assert "bubblewrap" in sandbox.executor.describe()


def test_it_says_what_a_command_took(sandbox):
    code = """
import time
held = bytearray(b"x" * 60_000_000)
time.sleep(0.3)
sum(range(10_000_000))
"""

    status = sandbox.python(code).status

    assert status.peak_memory > 60_000_000
    assert 0.05 < status.cpu_seconds < 10
    assert 0.3 < status.wall_seconds < 15


def test_a_start_takes_a_moment(sandbox, record_property):
    """The goal is 0.2 s on an idle machine; what is asserted leaves room for a busy one."""

    def once():
        began = time.monotonic()
        assert sandbox.run(["/bin/true"]).status.is_success
        return time.monotonic() - began

    seconds = min(once() for _ in range(5))

    record_property("seconds", seconds)
    assert seconds < 0.5


def test_slots_run_beside_each_other(sandbox, hierarchy):
    other = Sandbox(sandbox.root, hierarchy, slot=1)
    wait = ["/bin/sh", "-c", "echo ready; until [ -e /build/go ]; do sleep 0.02; done"]
    handles = [sandbox.start(wait), other.start(wait)]
    outputs = [next(handle.output()) for handle in handles]
    for each in (sandbox, other):
        (each.work / "go").touch()

    assert outputs == [b"ready\n", b"ready\n"]
    assert all(handle.wait().is_success for handle in handles)


# The index


class Shout(socketserver.StreamRequestHandler):
    """Answers everything that came, until its end, in capitals."""

    def handle(self):
        self.wfile.write(self.rfile.read().upper())


@pytest.fixture
def index(open_folder):
    """A service whose socket only the builder's own user may use."""
    path = open_folder / "index.sock"
    server = socketserver.ThreadingUnixStreamServer(str(path), Shout)
    path.chmod(0o600)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield path
    server.shutdown()
    server.server_close()
    thread.join()


SAY = f"""
import socket
def say(text):
    with socket.create_connection(("127.0.0.1", {INDEX_PORT})) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            return answer.read()
"""


def test_the_index_answers_from_the_first_moment(sandbox, index):
    result = sandbox.python(SAY + "print(say(b'hello'))", index_socket=index)

    assert result.text == "b'HELLO'\n"


def test_large_answers_and_many_connections_come_through(sandbox, index):
    code = SAY + (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(20) as pool:\n"
        "    answers = list(pool.map(say, [b'x' * 500_000] * 100))\n"
        "print(answers == [b'X' * 500_000] * 100)"
    )

    assert sandbox.python(code, index_socket=index).text == "True\n"


def test_an_index_that_is_gone_does_not_hold_a_command_up(sandbox, index):
    index.unlink()

    result = sandbox.python(SAY + "print(say(b'hello'))", index_socket=index)

    assert result.status.ending is Ending.EXITED
    assert "HELLO" not in result.text


# Control groups


def test_groups_are_below_the_builders_own():
    hierarchy = find_hierarchy()
    own = Path("/proc/self/cgroup").read_text()
    paths = [line.split(":", 2)[2] for line in own.splitlines()]

    parents = hierarchy.parents.values() if hierarchy else []

    assert all(any(parent.endswith(path.rstrip("/")) for path in paths) for parent in parents)


def test_groups_of_two_builders_do_not_meet():
    names = {group_name(Path(root), slot) for root in ("/a", "/b") for slot in (0, 1)}

    assert len(names) == 4


# System packages


@pytest.fixture
def packages(open_folder):
    """What was unpacked of two packages: a header of their own, and a newer one of the host's."""
    include = open_folder / "packages" / "usr" / "include"
    (include / "only-here").mkdir(parents=True)
    (include / "only-here" / "added.h").write_text("added\n")
    (include / "stdio.h").write_text("newer\n")
    return open_folder / "packages"


def test_system_packages_are_seen_merged_with_the_hosts_own(sandbox, packages):
    script = "cat /usr/include/only-here/added.h /usr/include/stdio.h; ls /usr/include/stdlib.h"

    result = sandbox.shell(script, system=packages)

    assert result.text == "added\nnewer\n/usr/include/stdlib.h\n"
    assert "added.h" not in sandbox.shell("ls -R /usr/include").text


def test_nothing_can_be_written_into_system_packages(sandbox, packages):
    script = "touch /usr/include/only-here/mine /usr/mine; mount -o remount,rw /usr"

    result = sandbox.shell(script, system=packages)

    assert result.text.count("Read-only file system") == 2
    assert result.status.exit_code != 0
    assert [path.name for path in (packages / "usr/include/only-here").iterdir()] == ["added.h"]


def test_the_index_answers_beside_system_packages(sandbox, packages, index):
    result = sandbox.python(SAY + "print(say(b'hello'))", index_socket=index, system=packages)

    assert result.text == "b'HELLO'\n"


def test_system_packages_that_are_gone_are_a_fault_of_the_farm(sandbox, packages):
    remove_tree(packages)

    with pytest.raises(ExecutorError, match="FileNotFoundError"):
        sandbox.shell("true", system=packages)
