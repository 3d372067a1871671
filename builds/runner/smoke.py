"""Stage smoke: the wheel is installed as a user would, in a fresh sandbox, and tried."""

import json
import shutil
from pathlib import Path
from typing import Any

from builds.domain.outcomes import Outcome
from builds.runner.attempt import Attempt
from builds.runner.check import SIDE_FOLDERS, WheelFacts
from builds.runner.crossing import Crossing
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
    crossing: Crossing | None = None,
) -> None:
    """Install the wheel with what it requires today, and import and load all that it has.

    On a crossing, what installs is this machine's, and `interpreter` the other's.
    """
    work = attempt.folder("smoke")
    (work / "wheel").mkdir()
    shutil.copyfile(wheel, work / "wheel" / wheel.name)
    place = make_place(
        attempt,
        work=work,
        interpreter=crossing.own if crossing else interpreter,
        source_date_epoch=epoch,
        proxy=proxy,
        index=index,
        shown=interpreter.mounts if crossing else (),
    )
    python = crossing.emulated(work) if crossing else (PYTHON,)
    install(
        attempt,
        place,
        [f"/build/wheel/{wheel.name}"],
        failure=Outcome.INSTALL_FAILED,
        options=crossing.install_options(attempt.target) if crossing else (),
    )
    attempt.report["runtime"] = [item for item in installed(place) if item["name"] != facts.project]
    plan = plan_of(facts, imports=attempt.job.way.imports, optional=attempt.job.way.optional)
    plan["emulator"] = crossing.foreign.emulation.command if crossing else ()
    attempt.report["tried_on"] = {
        "version": interpreter.version,
        "path": str(interpreter.path),
    }
    attempt.report["modules"] = plan["modules"]
    if not any((plan["modules"], plan["extensions"], plan["scripts"], plan["programs"])):
        attempt.journal.say("the wheel holds nothing to try")
        return
    (work / "plan.json").write_text(json.dumps(plan))
    attempt.run(
        [*python, PROGRAMS / "imports.py", "/build/plan.json"],
        work=work,
        failure=Outcome.IMPORT_FAILED,
        environment=place.variables,
        mounts=place.mounts,
        index=None,
    )


def plan_of(
    facts: WheelFacts, *, imports: tuple[str, ...] = (), optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return what `inside/imports.py` is to try of a wheel.

    `imports` are tried in place of its modules; extensions that are `optional` are not.
    """
    modules = list(imports or facts.modules)
    known = {*modules, *optional}
    extensions = [
        name
        for name in facts.extensions
        if name not in known and name.partition(".")[0] not in SIDE_FOLDERS
    ]
    names = (*facts.modules, *facts.extensions)
    return {
        "modules": modules,
        "extensions": extensions,
        "own": sorted({name.partition(".")[0] for name in names}),
        "scripts": [list(script) for script in facts.scripts],
        "programs": list(facts.programs),
    }
