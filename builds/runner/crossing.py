"""Wheels for another kind of machine: built by an interpreter of this one, tried by emulation.

A build's own programs run at full speed. What they are told of Python (its headers, what
`sysconfig` says) is the other machine's, and zig compiles for that. Where a build does not heed
it, there comes machine code for the wrong machine, or none: no such wheel passes the checks.
"""

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from builds.domain.targets import Target
from builds.executors.base import Mount
from builds.runner.attempt import Attempt, Bench
from builds.runner.emulation import LOADERS, find_emulator
from builds.runner.environment import ENVIRONMENT, INSIDE
from builds.runner.interpreters import (
    ForeignInterpreter,
    Interpreter,
    choose_foreign,
    choose_own,
)

CONFIGURATION = INSIDE / "target"
EMULATED = "emulated"
"""The virtual environment as the other machine's interpreter sees it, in the work folder."""
GLIBC_OF_UV = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
"""Minor versions of glibc 2 that `uv pip install --python-platform` knows, newest first."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """An interpreter of this machine, and one of the target's, of the same Python."""

    own: Interpreter
    foreign: ForeignInterpreter

    def mounts(self, attempt: Attempt) -> tuple[Mount, ...]:
        """Show the other machine's Python where builds look for their own's."""
        foreign = self.foreign
        folder = attempt.folder("target")
        shutil.copyfile(foreign.configuration, folder / foreign.configuration.name)
        headers = self.own.prefix / foreign.headers.relative_to(foreign.prefix)
        return (Mount(foreign.headers, headers), Mount(folder, CONFIGURATION))

    @property
    def facts(self) -> dict[str, str]:
        """For the report, beside the other machine's interpreter."""
        emulator, own = self.foreign.emulation.emulator, self.own.path
        return {"emulator": str(emulator), "built_by": str(own)}

    @property
    def hook_variables(self) -> dict[str, str]:
        """What makes `sysconfig` speak of the other machine; uv would install for that one."""
        return {
            "PYTHONPATH": str(CONFIGURATION),
            "_PYTHON_HOST_PLATFORM": f"linux-{self.foreign.machine}",
            "_PYTHON_SYSCONFIGDATA_NAME": self.foreign.configuration.stem,
        }

    def install_options(self, target: Target) -> tuple[str, ...]:
        """What makes uv install what the target's users would get, of wheels alone."""
        machine = self.foreign.machine
        known = (f"manylinux_2_{minor}" for minor in GLIBC_OF_UV)
        glibc = next(name for name in known if f"{name}_{machine}" in target.platforms)
        return ("--python-platform", f"{machine}-{glibc}", "--only-binary", ":all:")

    def emulated(self, work: Path) -> tuple[str, ...]:
        """Return the command of an environment's Python, once that has been made in `work`.

        It is the environment that the other interpreter made, but for its `pyvenv.cfg`.
        """
        seen = work / EMULATED
        seen.mkdir()
        for name in ("bin", "lib"):
            (seen / name).symlink_to(Path("..", ENVIRONMENT.name, name))
        home = self.foreign.path.parent
        (seen / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        called = str(Path("/build", EMULATED, "bin", "python"))
        return (*self.foreign.emulation.command, "-0", called, str(self.foreign.path))


def choose_crossing(bench: Bench, target: Target) -> Crossing | None:
    """Return what builds for a target of another machine; None where the bench lacks a part."""
    own = choose_own(bench.interpreters, target)
    foreign = choose_foreign(bench.interpreters, target)
    return Crossing(own, foreign) if own and foreign and bench.zig else None


def lacking(bench: Bench, target: Target) -> list[str]:
    """Say what the bench lacks to build for a target of a machine that can be emulated."""
    machine = next((name for name in LOADERS if target.platform.endswith(f"_{name}")), "")
    if not machine or machine == platform.machine() or not target.platform.startswith("manylinux"):
        return []
    python = f"CPython {target.python_version}"
    parts = {
        f"qemu-user for {machine}": find_emulator(machine),
        f"{python} of {machine} in a root of its own": choose_foreign(bench.interpreters, target),
        f"{python} of this machine": choose_own(bench.interpreters, target),
        "zig": bench.zig,
    }
    return [name for name, part in parts.items() if part is None]
