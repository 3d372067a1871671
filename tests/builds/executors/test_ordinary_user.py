"""The same walls and limits where the builder has no privilege at all."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.builds.executors.conftest import IS_ROOT

pytestmark = pytest.mark.sandbox

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
SUITES = (
    HERE / "test_abuse.py",
    HERE / "test_escapes.py",
    HERE / "test_sandbox.py",
    CHECKOUT / "tests" / "contracts" / "test_executors.py",
    CHECKOUT / "tests" / "builds" / "runner" / "test_apt.py",
)


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user runs the suites themselves")
def test_the_suites_hold_for_an_ordinary_user():
    run = subprocess.run(
        [sys.executable, "-m", "tests.builds.executors.as_ordinary_user", "-q", *SUITES],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )

    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    assert " passed" in run.stdout
