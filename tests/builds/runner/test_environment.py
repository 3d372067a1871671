"""The virtual environments that builds run in, made of the interpreters that builders find."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from builds.conf import builder_config
from builds.runner.environment import site_packages, write_environment
from builds.runner.interpreters import find_interpreters

PROBE = (
    "import json, sys, sysconfig;"
    " names = ('scripts', 'purelib', 'platlib');"
    " print(json.dumps([sys.prefix, sys.base_prefix, *map(sysconfig.get_path, names)]))"
)


@pytest.mark.parametrize("program", ["python", "python3"])
def test_it_is_one_to_its_interpreter(tmp_path: Path, program: str) -> None:
    found = find_interpreters(builder_config().interpreters)
    assert found

    for number, interpreter in enumerate(found):
        folder = tmp_path / str(number)
        write_environment(folder, interpreter)
        answer = subprocess.run(
            [folder / "bin" / program, "-I", "-c", PROBE],
            check=True,
            capture_output=True,
            env={"PATH": os.defpath},
        )
        prefix, base, scripts, purelib, platlib = map(Path, json.loads(answer.stdout))

        assert (prefix, base) == (folder, interpreter.prefix)
        assert scripts == folder / "bin"
        assert purelib == folder / site_packages(interpreter)
        assert platlib.resolve() == purelib
