"""What stands before a compiler."""

import os
import subprocess
from pathlib import Path

import pytest

from builds.runner.compilers import FILTER
from builds.runner.inside import regenerate

PROGRAM = Path(regenerate.__file__).parent / FILTER


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Folders of programs: the filter as `cc`, and then a `cc` that repeats what it is told."""
    (tmp_path / "filter").mkdir()
    (tmp_path / "filter" / "cc").symlink_to(PROGRAM)
    (tmp_path / "system").mkdir()
    compiler = tmp_path / "system" / "cc"
    compiler.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    compiler.chmod(0o755)
    return f"{tmp_path}/nowhere:{tmp_path}/filter:{tmp_path}/system:{os.defpath}"


def call(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["cc", *arguments], env={"PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "flag", ["-march=native", "-mtune=native", "-mcpu=native", "-xHost", "-xHOST"]
)
def test_what_is_for_this_machine_alone_is_taken_out_and_told_of(path: str, flag: str) -> None:
    run = call(path, "-O2", flag, "-c", "a b.c", '-DX="y $HOME *"', "")

    assert run.stdout.splitlines() == ["-O2", "-c", "a b.c", '-DX="y $HOME *"', ""]
    assert run.stderr == f"affineur: {flag} is left out of a call of cc\n"


def test_everything_else_is_left_as_it_is(path: str) -> None:
    arguments = ["-march=x86-64-v2", "-x", "c", "-o", "native", "-DARCH=-march=native"]

    run = call(path, *arguments)

    assert (run.stdout.splitlines(), run.stderr) == (arguments, "")


def test_a_compiler_that_is_nowhere_else_is_not_found(path: str, tmp_path: Path) -> None:
    (tmp_path / "system" / "cc").unlink()

    run = call(f"{tmp_path}/filter:{tmp_path}/system", "-c", "a.c")

    assert run.returncode == 127
    assert "cc: not found" in run.stderr
