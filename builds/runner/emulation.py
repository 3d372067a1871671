"""Interpreters of another kind of machine: each in a root of its own, and run by qemu-user."""

import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from builds.runner.elf import ElfError, read_elf

LOADERS = {"aarch64": "lib/ld-linux-aarch64.so.1"}
"""The dynamic loader of each machine that can be emulated, below a root (its psABI's)."""


@dataclass(frozen=True, slots=True)
class Emulation:
    """How a foreign program runs here; its root holds the loader and the libraries it needs."""

    emulator: Path
    root: Path

    @property
    def command(self) -> tuple[str, ...]:
        """What comes before the program, or before more options of qemu's."""
        return (str(self.emulator), "-L", str(self.root))


def find_emulator(machine: str) -> Path | None:
    """The qemu-user for `machine`, static where there is one; Debian names both so."""
    names = (f"qemu-{machine}-static", f"qemu-{machine}")
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found).resolve() if found else None


def emulation_of(program: Path) -> Emulation | None:
    """How `program` would be run by emulation; None for what needs none, or lacks something."""
    machine = _machine_of(program)
    if machine == platform.machine() or machine not in LOADERS:
        return None
    emulator = find_emulator(machine)
    roots = (path for path in program.parents if (path / LOADERS[machine]).exists())
    root = next(roots, None)
    return Emulation(emulator, root) if emulator and root else None


def _machine_of(program: Path) -> str:
    try:
        with program.open("rb") as file:
            return read_elf(file).machine
    except (OSError, ElfError):
        return ""
