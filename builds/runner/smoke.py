"""Stage smoke: the wheel is installed as a user would, in a fresh sandbox, and imported."""

import shutil
from pathlib import Path

from builds.domain.outcomes import Outcome
from builds.runner.attempt import Attempt
from builds.runner.check import WheelFacts
from builds.runner.environment import PROGRAMS, PYTHON, install, installed, make_place
from builds.runner.interpreters import Interpreter
from builds.runner.proxy import IndexProxy


def smoke(
    attempt: Attempt,
    wheel: Path,
    facts: WheelFacts,
    *,
    interpreter: Interpreter,
    epoch: int,
    proxy: IndexProxy,
    index: Path,
) -> None:
    """Install the wheel with what it requires today, and import every module it has."""
    work = attempt.folder("smoke")
    (work / "wheel").mkdir()
    shutil.copyfile(wheel, work / "wheel" / wheel.name)
    place = make_place(
        attempt,
        work=work,
        interpreter=interpreter,
        source_date_epoch=epoch,
        proxy=proxy,
        index=index,
    )
    install(attempt, place, [f"/build/wheel/{wheel.name}"], failure=Outcome.INSTALL_FAILED)
    attempt.report["runtime"] = [item for item in installed(place) if item["name"] != facts.project]
    attempt.report["modules"] = list(facts.modules)
    if not facts.modules:
        attempt.journal.say("the wheel holds no module to import")
        return
    attempt.run(
        [PYTHON, PROGRAMS / "imports.py", *facts.modules],
        work=work,
        failure=Outcome.IMPORT_FAILED,
        environment=place.variables,
        mounts=place.mounts,
        index=None,
    )
