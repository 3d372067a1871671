"""Commands in containers: what they may use, what they see, and what is left of them."""

import os
import socket
import subprocess
import threading
from dataclasses import replace

import pytest

from builds.builder import Slot
from builds.domain.limits import MEBIBYTE, Limits
from builds.executors.base import Command, Ending, ExecutorError
from builds.executors.container import PODMAN, PYTHON, ContainerExecutor, Containers
from builds.executors.usage import processes_of
from tests import images
from tests.builds.executors.conftest import slot_uid

pytestmark = images.NEEDED
LIMITS = Limits(
    wall_seconds=30,
    cpu_seconds=30,
    silence_seconds=20,
    memory=256 * MEBIBYTE,
    processes=64,
    disk=64 * MEBIBYTE,
    log=MEBIBYTE,
    log_flood=16 * MEBIBYTE,
)

CHILD_EATS = """
import os, time
if os.fork() == 0:
    held = []
    while True:
        held.append(bytearray(b'x') * (16 << 20))
os.wait()
time.sleep(60)
"""


@pytest.fixture
def containers():
    made = Containers(PODMAN, slot=f"affineur-test-{os.getpid()}", uid=slot_uid())
    yield made
    made.remove()


@pytest.fixture
def run(containers, tmp_path):
    executor = ContainerExecutor(containers, images.image())

    def run_it(code, *, index_socket=None, **limits):
        handle = executor.start(
            Command(
                argv=[PYTHON, "-c", code],
                work=tmp_path,
                environment={"GIVEN": "it's here"},
                index_socket=index_socket,
                limits=replace(LIMITS, **limits),
            )
        )
        text = b"".join(handle.output()).decode()
        return text, handle.wait()

    return run_it


@pytest.mark.parametrize(
    ("code", "limits", "ending"),
    [
        ("import time; time.sleep(60)", {"wall_seconds": 2}, Ending.WALL_TIME),
        ("import time; time.sleep(60)", {"silence_seconds": 2}, Ending.NO_OUTPUT),
        ("while True: pass", {"cpu_seconds": 1}, Ending.CPU_TIME),
        ("while True: print('x' * 65536)", {}, Ending.LOG_FLOOD),
        ("held = [bytearray(b'x') * (16 << 20) for _ in range(100)]", {}, Ending.OUT_OF_MEMORY),
        (
            "import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(60)",
            {},
            Ending.TOO_MANY_PROCESSES,
        ),
        (CHILD_EATS, {}, Ending.OUT_OF_MEMORY),
        (
            "file = open('/build/filler', 'wb')\nwhile True: file.write(b'x' * (1 << 20))",
            {},
            Ending.DISK_FULL,
        ),
    ],
)
def test_a_limit_that_fires_has_its_name_and_nothing_is_left(run, containers, code, limits, ending):
    _, status = run(code, **limits)

    assert status.ending is ending
    assert status.exit_code is None
    assert containers.ids() == []
    assert processes_of(slot_uid()) == []


def test_nothing_of_the_host_is_within_reach(run):
    text, status = run(
        "import os, socket\n"
        "print(open('/proc/self/status').read())\n"
        "print('uid', os.getuid(), 'given', os.environ['GIVEN'])\n"
        "for path in ('/new', '/usr/new', '/affineur/new'):\n"
        "    try: open(path, 'w')\n"
        "    except OSError as error: print('refused', path)\n"
        "print('interfaces', [name for _, name in socket.if_nameindex()])\n"
        "print('host', os.path.exists('/host'))\n"
    )

    assert status.is_success, text
    assert "CapEff:\t0000000000000000" in text
    assert "CapBnd:\t0000000000000000" in text
    assert "NoNewPrivs:\t1" in text
    assert "Seccomp:\t2" in text
    assert "uid 0 given it's here" in text
    assert text.count("refused") == 3
    assert "interfaces ['lo']" in text
    assert "host False" in text


def test_its_root_is_the_slots_user_and_nobody_else_is_there(run, tmp_path):
    text, status = run("print(open('/proc/self/uid_map').read().split()); open('/build/mine', 'w')")

    assert status.is_success, text
    assert text.split() == ["['0',", f"'{slot_uid()}',", "'1']"]
    assert (tmp_path / "mine").stat().st_uid == slot_uid()


def test_the_socket_is_reached_on_a_port_and_nothing_else_is(run, tmp_path):
    path = tmp_path.parent / f"{tmp_path.name}.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()

        def answer():
            client, _ = listener.accept()
            with client:
                client.sendall(b"you said " + client.recv(100))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        text, status = run(
            "import socket\n"
            "client = socket.create_connection(('127.0.0.1', 8414))\n"
            "client.sendall(b'hello')\n"
            "print(client.recv(100))\n",
            index_socket=path,
        )
        thread.join(5)

    assert status.is_success, text
    assert "b'you said hello'" in text


def test_an_exit_status_of_the_engines_is_the_commands_own(run):
    assert run("raise SystemExit(125)")[1].exit_code == 125
    assert run("import os; os.kill(os.getpid(), 15)")[1].exit_code in {-15, 0}


def test_an_image_that_is_not_there_is_the_farms_fault(containers, tmp_path):
    executor = ContainerExecutor(containers, "localhost/not-there")
    handle = executor.start(Command(argv=["true"], work=tmp_path, limits=LIMITS))

    with pytest.raises(ExecutorError, match="did not run"):
        handle.wait()


def test_what_a_dead_builder_left_is_found_when_its_slot_is_cleaned(tmp_path):
    slot = Slot(0, slot_uid(), tmp_path, PODMAN)
    other = Slot(1, slot_uid(1), tmp_path, PODMAN)
    begin = ["podman", "run", "--detach", *slot.containers.confinement(LIMITS)]
    subprocess.run([*begin, images.image(), "/bin/sleep", "600"], check=True, capture_output=True)
    assert len(slot.containers.ids()) == 1

    other.clean()
    assert len(slot.containers.ids()) == 1

    slot.clean()
    assert slot.containers.ids() == []
    assert processes_of(slot_uid()) == []


def test_a_container_does_not_outlive_its_builder_for_long(containers):
    arguments = containers.confinement(replace(LIMITS, wall_seconds=10))

    assert "--timeout=70" in arguments


def test_an_engine_that_is_missing_is_said_so():
    with pytest.raises(ExecutorError, match="is missing: install it"):
        Containers("no-such-engine", slot="affineur-test")
