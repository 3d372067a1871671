"""A scripted executor: no process is started, every command gets the answer written for it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from builds.executors.base import Command, Ending, ExecutorError, Status


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command does when it is run by the fake."""

    output: bytes = b""
    exit_code: int = 0
    ending: Ending = Ending.EXITED
    hangs: bool = False
    """After its output, it runs until it is killed."""
    effect: Callable[[Command], None] | None = None
    """Called before the output is given; writes what the command leaves in its work folder."""


class FakeHandle:
    """A command of the fake; see `Handle`."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._chunks = [answer.output] if answer.output else []
        self._killed = threading.Event()
        self._ended = not answer.hangs

    def output(self) -> Iterator[bytes]:
        while self._chunks:
            yield self._chunks.pop()
        self._finish()

    def wait(self) -> Status:
        self._chunks.clear()
        self._finish()
        was_killed = self._answer.hangs or self._killed.is_set()
        ending = Ending.KILLED if was_killed else self._answer.ending
        exit_code = self._answer.exit_code if ending is Ending.EXITED else None
        return Status(ending, exit_code, wall_seconds=0.0, cpu_seconds=0.0, peak_memory=None)

    def kill(self) -> None:
        if not self._ended:
            self._killed.set()

    def _finish(self) -> None:
        if not self._ended:
            self._killed.wait()
            self._ended = True


class FakeExecutor:
    """An executor that does what it is told, and remembers what it was asked.

    >>> executor = FakeExecutor()
    >>> executor.on("pip", output=b"Successfully built", effect=write_wheel)  # doctest: +SKIP
    >>> FakeExecutor(lambda command: Answer(b"ok"))  # doctest: +SKIP

    The latest rule that matches answers; a command that nothing matches is an `ExecutorError`,
    so that a test sees what it forgot.
    """

    def __init__(self, answer: Callable[[Command], Answer] | None = None) -> None:
        self.commands: list[Command] = []
        self._rules: list[tuple[Callable[[Command], bool], Callable[[Command], Answer]]] = []
        if answer is not None:
            self._rules.append((lambda _: True, answer))

    def on(
        self,
        match: str | Callable[[Command], bool],
        *,
        output: bytes = b"",
        exit_code: int = 0,
        ending: Ending = Ending.EXITED,
        hangs: bool = False,
        effect: Callable[[Command], None] | None = None,
    ) -> None:
        """Answer commands that `match`: a predicate, or a text that one argument contains."""
        answer = Answer(output, exit_code, ending, hangs=hangs, effect=effect)
        predicate = _has_argument(match) if isinstance(match, str) else match
        self._rules.append((predicate, lambda _: answer))

    def start(self, command: Command) -> FakeHandle:
        if not command.work.is_dir():
            raise ExecutorError(f"the work folder {command.work} does not exist")
        self.commands.append(command)
        for matches, answer_for in reversed(self._rules):
            if matches(command):
                answer = answer_for(command)
                if answer.effect is not None:
                    answer.effect(command)
                return FakeHandle(answer)
        raise ExecutorError(f"the fake has no answer for {list(command.argv)}")


def _has_argument(text: str) -> Callable[[Command], bool]:
    return lambda command: any(text in argument for argument in command.argv)
