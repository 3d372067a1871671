"""The scripted executor: what tests of the runner rely on."""

import pytest

from builds.executors.base import Command, Ending, ExecutorError
from builds.executors.fake import Answer, FakeExecutor


@pytest.fixture
def command(tmp_path):
    return Command(argv=["uv", "build", "sdist.tar.gz"], work=tmp_path)


def test_a_text_matches_an_argument(command):
    executor = FakeExecutor()
    executor.on("sdist", output=b"built", exit_code=2)
    handle = executor.start(command)

    assert list(handle.output()) == [b"built"]
    assert handle.wait().exit_code == 2


def test_a_predicate_sees_the_whole_command(command):
    executor = FakeExecutor()
    executor.on(lambda asked: asked.work == command.work, output=b"here")

    assert list(executor.start(command).output()) == [b"here"]


def test_the_latest_rule_answers(command):
    executor = FakeExecutor(lambda _: Answer(b"first"))
    executor.on("build", output=b"second")

    assert list(executor.start(command).output()) == [b"second"]


def test_an_effect_writes_into_the_work_folder(command):
    executor = FakeExecutor()
    executor.on("build", effect=lambda asked: (asked.work / "wheel").write_text("x") and None)
    executor.start(command)

    assert (command.work / "wheel").exists()


def test_a_limit_that_fired_has_no_exit_code(command):
    executor = FakeExecutor(lambda _: Answer(ending=Ending.DISK_FULL))
    status = executor.start(command).wait()

    assert (status.ending, status.exit_code) == (Ending.DISK_FULL, None)


def test_what_was_asked_is_remembered(command):
    executor = FakeExecutor(lambda _: Answer())
    executor.start(command)

    assert executor.commands == [command]


def test_a_command_that_nothing_answers_is_an_error(command):
    with pytest.raises(ExecutorError, match="sdist"):
        FakeExecutor().start(command)
