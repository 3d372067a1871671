"""What every executor promises, whatever it runs commands with."""

import os
import threading
import time

import pytest

from builds.executors.base import Command, Ending, ExecutorError
from builds.executors.container import PODMAN, ContainerExecutor, Containers
from builds.executors.fake import Answer, FakeExecutor
from builds.executors.sandbox import SandboxExecutor
from tests import images
from tests.builds.executors.conftest import slot_uid

SCRIPTS = {
    "true": Answer(),
    "echo out; echo err >&2": Answer(b"out\nerr\n"),
    "echo no; exit 3": Answer(b"no\n", exit_code=3),
    "echo here; exec sleep 60": Answer(b"here\n", hangs=True),
    "echo made > result": Answer(
        effect=lambda command: (command.work / "result").write_text("made\n") and None
    ),
}


def fake_executor(_root):
    return FakeExecutor(lambda command: SCRIPTS[command.argv[2]])


def sandbox_executor(root):
    return SandboxExecutor(root, 0, slot_uid())


def container_executor(_root):
    containers = Containers(PODMAN, slot=f"affineur-contract-{os.getpid()}", uid=slot_uid())
    return ContainerExecutor(containers, images.image())


@pytest.fixture(
    params=[
        pytest.param(fake_executor, id="fake"),
        pytest.param(sandbox_executor, id="sandbox", marks=pytest.mark.sandbox),
        pytest.param(container_executor, id="container", marks=images.NEEDED),
    ]
)
def executor(request, tmp_path):
    return request.param(tmp_path / "builder")


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def start(executor, work):
    return lambda script: executor.start(Command(argv=["/bin/sh", "-c", script], work=work))


def test_output_comes_in_order_and_both_streams_together(start):
    handle = start("echo out; echo err >&2")

    assert b"".join(handle.output()) == b"out\nerr\n"
    assert handle.wait().is_success


def test_an_exit_code_is_not_success(start):
    status = start("echo no; exit 3").wait()

    assert (status.ending, status.exit_code, status.is_success) == (Ending.EXITED, 3, False)


def test_output_may_be_left_unread(start):
    handle = start("echo no; exit 3")

    assert handle.wait().exit_code == 3
    assert list(handle.output()) == []


def test_a_status_can_be_asked_for_again(start):
    handle = start("true")

    assert handle.wait() == handle.wait()


def test_what_a_command_writes_is_in_its_work_folder(start, work):
    start("echo made > result").wait()

    assert (work / "result").read_text() == "made\n"


def test_kill_from_another_thread_ends_output_and_wait(start):
    handle = start("echo here; exec sleep 60")
    output = handle.output()
    assert next(output) == b"here\n"

    began = time.monotonic()
    threading.Timer(0.2, handle.kill).start()
    rest = b"".join(output)
    status = handle.wait()

    assert rest == b""
    assert (status.ending, status.exit_code) == (Ending.KILLED, None)
    assert time.monotonic() - began < 5


def test_kill_may_be_called_repeatedly_and_after_the_end(start):
    handle = start("true")
    status = handle.wait()

    handle.kill()
    handle.kill()

    assert handle.wait() == status


def test_a_missing_work_folder_is_a_fault_of_the_farm(start, work):
    work.rmdir()

    with pytest.raises(ExecutorError):
        start("true")
