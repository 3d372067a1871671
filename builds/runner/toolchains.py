"""What compiles in a build: the host's compiler, or zig's clang for an old glibc.

The portable toolchain is zig behind wrappers with a compiler's usual names (`inside/portable`).
What every build links with, the C++ library among it, zig compiles once on a builder, in a sandbox
without a project's code. Builds see that read-only, so that none leaves anything for another.
"""

import fcntl
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builds.domain.outcomes import Outcome
from builds.domain.ways import HOST, PORTABLE
from builds.executors.base import Command, Executor, ExecutorError, Mount
from builds.runner.attempt import Attempt
from builds.runner.environment import INSIDE, PROGRAMS, variables
from builds.runner.interpreters import ForeignInterpreter, Interpreter
from builds.runner.zig import WRAPPERS, Zig

GLIBC = "2.17"
"""Of manylinux2014 (PEP 599), the oldest that pip still finds wheels for."""
INSTEAD = PROGRAMS / "portable"
ZIG = INSIDE / "zig"
WARM = INSIDE / "zig-cache"
HEADERS = INSIDE / "python-include"
"""Where the wrappers look for what a Python of the distribution keeps beside its headers."""
POLL_SECONDS = 1.0

type Run = Callable[[Path, Path, Mapping[str, str], tuple[Mount, ...]], None]
"""Runs a program in a sandbox: the program, its work folder, environment and mounts."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What compiles in one build: told in its report, shown in its sandbox."""

    name: str
    version: str
    mounts: tuple[Mount, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def choose_toolchain(
    attempt: Attempt, interpreter: Interpreter, *, has_packages: bool
) -> Toolchain:
    """Return what the attempt's way says, where that can be: else the host's compiles.

    Where a build `has_packages` of the distribution, their libraries are for the host's system.
    For an interpreter of another machine there is only the portable one, which the caller has seen
    that the builder has.
    """
    zig, say = attempt.bench.zig, attempt.journal.say
    chosen = Toolchain(HOST, attempt.bench.compiler)
    is_foreign = isinstance(interpreter, ForeignInterpreter)
    if is_foreign or attempt.job.way.toolchain == PORTABLE:
        if zig is None:
            say("this builder has no portable toolchain: the host's compiles")
        elif has_packages:
            say("packages of the distribution are for its own toolchain: the host's compiles")
        else:
            chosen = _portable(attempt, zig, interpreter)
    attempt.report["toolchain"] = {"name": chosen.name, "version": chosen.version}
    return chosen


def _portable(attempt: Attempt, zig: Zig, interpreter: Interpreter) -> Toolchain:
    machine = interpreter.machine

    def run(
        program: Path, work: Path, environment: Mapping[str, str], mounts: tuple[Mount, ...]
    ) -> None:
        attempt.journal.say("zig compiles what every build links with")
        attempt.run(
            [program],
            work=work,
            failure=Outcome.BUILDER_FAULT,
            environment=environment,
            mounts=mounts,
        )

    def wait() -> None:
        attempt.verify_lease()
        time.sleep(POLL_SECONDS)

    warm(zig, machine, work=attempt.bench.folder / "zig", run=run, wait=wait)
    mounts = (
        Mount(zig.folder, ZIG),
        Mount(zig.cache(machine), WARM),
        *_distribution_headers(interpreter),
    )
    return Toolchain(PORTABLE, f"zig {zig.version}, glibc {GLIBC}", mounts, _variables(machine))


def warm(zig: Zig, machine: str, *, work: Path, run: Run, wait: Callable[[], None]) -> None:
    """Have zig compile what every build for `machine` links with, unless it has.

    It takes about a minute of a processor. While somebody else is at it, `wait` is called.
    """
    cache = zig.cache(machine)
    while not cache.is_dir():
        with _held(zig.kept) as is_ours:
            if is_ours and not cache.is_dir():
                _forget_others(zig)
                work.mkdir(parents=True)
                environment = variables(0) | _variables(machine)
                mounts = (Mount(zig.folder, ZIG), Mount(WRAPPERS, INSTEAD))
                run(INSTEAD / "warm", work, environment, mounts)
                draft = zig.kept / "draft"
                shutil.copytree(work / "zig", draft)
                draft.rename(cache)
                return
        wait()


def warm_in(executor: Executor, zig: Zig, *, work: Path) -> None:
    """Warm for this machine, in an executor that no build uses; raises `ExecutorError`."""

    def run(
        program: Path, work: Path, environment: Mapping[str, str], mounts: tuple[Mount, ...]
    ) -> None:
        command = Command([str(program)], work, environment, mounts)
        handle = executor.start(command)
        said = b"".join(handle.output())
        status = handle.wait()
        if not status.is_success:
            ending = f"{status.ending.value}, exit status {status.exit_code}"
            raise ExecutorError(f"zig could not be warmed ({ending}): {said[-1000:]!r}")

    warm(zig, platform.machine(), work=work, run=run, wait=lambda: time.sleep(POLL_SECONDS))


def _variables(machine: str) -> dict[str, str]:
    """What makes builds take the wrappers; what calls gcc by its name finds them in PATH."""
    cc, cxx = str(INSTEAD / "cc"), str(INSTEAD / "c++")
    environment, _, rest = variables(0)["PATH"].partition(":")
    return {
        "AFFINEUR_TARGET": f"{machine}-linux-gnu.{GLIBC}",
        "AR": str(INSTEAD / "ar"),
        "CC": cc,
        "CPP": f"{cc} -E",
        "CXX": cxx,
        "LDCXXSHARED": f"{cxx} -shared",
        "LDSHARED": f"{cc} -shared",
        "PATH": f"{environment}:{INSTEAD}:{rest}",
        "RANLIB": str(INSTEAD / "ranlib"),
    }


def _distribution_headers(interpreter: Interpreter) -> tuple[Mount, ...]:
    """Debian's pyconfig.h includes another, which lies beside the C library's headers."""
    if not interpreter.prefix.is_relative_to(interpreter.system):
        return ()
    python = "python" + ".".join(interpreter.version.split(".")[:2])
    found = (interpreter.system / "include").glob(f"{interpreter.machine}-*/{python}")
    return tuple(Mount(path, HEADERS / path.parent.name / python) for path in found)


def _forget_others(zig: Zig) -> None:
    """Remove what earlier versions have compiled, and what was left half done."""
    for path in zig.kept.iterdir():
        if path.is_dir() and not path.name.startswith(f"{zig.edition}-"):
            shutil.rmtree(path)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether nobody else writes in the folder meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
