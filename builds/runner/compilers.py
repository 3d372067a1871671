"""What stands before a build's compilers, so that none compiles for the machine it runs on.

A wheel made with `-march=native` crashes on its users' older machines, and nothing in it says so.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from builds.executors.base import Mount
from builds.runner.attempt import Attempt

FILTER = "compiler"
"""The program, among those that are shown inside."""
FOLDERS = (Path("/usr/local/bin"), Path("/usr/bin"))
"""Where the compilers of the system are."""

COMPILER = re.compile(
    r"(\w+-linux-(gnu|musl)\w*-)?(cc|c\+\+|c89|c99|cpp|gcc|g\+\+|clang|clang\+\+|gfortran)(-\d+)?"
)


def filtered(attempt: Attempt, folders: Iterable[Path], *, programs: Path, inside: Path) -> Mount:
    """Return a folder, shown at `inside`, that has a filter for each compiler in `folders`.

    It does its work where it comes before them in PATH. `programs` is where ours are shown.
    """
    made = attempt.folder("compilers")
    found = {path.name for folder in folders if folder.is_dir() for path in folder.iterdir()}
    for name in found:
        if COMPILER.fullmatch(name):
            (made / name).symlink_to(programs / FILTER)
    return Mount(made, inside)
