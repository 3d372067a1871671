"""Interpreters are found by configuration, and probed."""

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from builds.domain.targets import parse_target
from builds.runner.interpreters import Interpreter, choose, find_interpreters, probe
from tests.builds.runner.conftest import SOME_PYTHON, TARGET


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_interpreter_of_the_tests_is_found(
    own_interpreters: tuple[Interpreter, ...],
) -> None:
    (found,) = own_interpreters

    assert found.tag == f"cp3{sys.version_info.minor}"
    assert found.version == platform.python_version()
    assert found.path == Path(os.path.realpath(sys.executable))
    assert found.prefix == Path(os.path.realpath(sys.base_prefix))
    assert found.machine == platform.machine()


def test_many_names_of_one_interpreter_are_one(tmp_path: Path) -> None:
    for name in ("python3", "python3.13", "python"):
        (tmp_path / name).symlink_to(os.path.realpath(sys.executable))

    assert len(find_interpreters([str(tmp_path / "python*"), sys.executable])) == 1


def test_a_shim_is_not_used(tmp_path: Path) -> None:
    shim = script(tmp_path / "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')

    assert probe(shim) is None


@pytest.mark.parametrize(
    "text",
    ["#!/bin/sh\nexit 127\n", "#!/bin/sh\necho hello\n", "#!/nowhere/at/all\n", ""],
)
def test_what_is_no_interpreter_is_passed_over(tmp_path: Path, text: str) -> None:
    script(tmp_path / "python3", text)

    assert find_interpreters([str(tmp_path / "python3")]) == ()


def test_a_pattern_that_matches_nothing_finds_nothing(tmp_path: Path) -> None:
    assert find_interpreters([str(tmp_path / "*/bin/python3")]) == ()


def test_the_newest_of_a_minor_version_is_chosen() -> None:
    held = [
        replace(SOME_PYTHON, version="3.13.2"),
        replace(SOME_PYTHON, version="3.13.10"),
        replace(SOME_PYTHON, version="3.13.9"),
    ]

    chosen = choose(held, parse_target(TARGET))

    assert chosen is not None
    assert chosen.version == "3.13.10"


@pytest.mark.parametrize(
    "other",
    [
        replace(SOME_PYTHON, tag="cp312"),
        replace(SOME_PYTHON, tag="cp313t"),
        replace(SOME_PYTHON, machine="s390x"),
    ],
)
def test_an_interpreter_of_something_else_is_not_chosen(other: Interpreter) -> None:
    assert choose([other], parse_target(TARGET)) is None


def test_a_free_threaded_interpreter_is_chosen_for_its_own_target() -> None:
    free = replace(SOME_PYTHON, tag="cp313t")

    assert choose([SOME_PYTHON, free], parse_target(TARGET.replace("cp313", "cp313t"))) == free


def test_the_systems_own_interpreter_needs_no_mount() -> None:
    assert SOME_PYTHON.mounts == ()


def test_any_other_interpreter_is_mounted_where_it_is() -> None:
    (mount,) = replace(SOME_PYTHON, prefix=Path("/opt/python/3.13")).mounts

    assert (mount.source, mount.inside, mount.writable) == (
        Path("/opt/python/3.13"),
        Path("/opt/python/3.13"),
        False,
    )
