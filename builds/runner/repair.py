"""Stage repair: a wheel with machine code gets the tag it has earned, and the libraries it needs.

auditwheel runs in a sandbox of its own without a network, on the builder's Python: the wheel was
written by the project's code, and its ELF files are read by large programs.
"""

import shutil
import sys
from pathlib import Path

from builds.domain.evidence import is_compiler_error
from builds.domain.outcomes import Outcome
from builds.executors.base import Mount
from builds.runner.attempt import Attempt
from builds.runner.check import WheelFacts, read_wheel
from builds.runner.environment import variables
from builds.runner.interpreters import SYSTEM, Interpreter
from builds.runner.problems import JobProblem
from builds.runner.workfolder import UntrustedFileError, list_left, take_left


def repair(
    attempt: Attempt,
    wheel: Path,
    facts: WheelFacts,
    *,
    interpreter: Interpreter,
    epoch: int,
    said: str = "",
    system: Path | None = None,
) -> Path:
    """Return the wheel to go on with: a new one, or `wheel` itself when it holds no ELF file.

    `said` is the line of the build's log that tells most, should an extension be missing;
    `system` what the build was shown of system packages, whose libraries it may have linked.
    """
    if not facts.elf:
        if not facts.is_pure:
            raise JobProblem(
                Outcome.REPAIR_FAILED,
                f"The wheel of {attempt.release} says it is for one platform, but no extension "
                f"came out of the build for {attempt.target.name}. The log says why; the "
                "project's sources decide that: its turn.",
                f"{wheel.name} holds no machine code; the build said: {said}",
            )
        if is_compiler_error(said):
            raise JobProblem(
                Outcome.REPAIR_FAILED,
                f"The build of {attempt.release} for {attempt.target.name} went on after its "
                "compiler failed, and gave a wheel without the extension. It is not published.",
                said,
            )
        attempt.journal.say("the wheel is pure: nothing to repair")
        return wheel
    work = attempt.folder("repair")
    (work / "home").mkdir()
    (work / "wheel").mkdir()
    (work / "wheels").mkdir()
    shutil.copyfile(wheel, work / "wheel" / wheel.name)
    own = _own_python()
    path = f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    attempt.run(
        [
            *(sys.executable, "-I", "-m", "auditwheel", "repair", "--plat", "auto"),
            *("--wheel-dir", "/build/wheels", f"/build/wheel/{wheel.name}"),
        ],
        work=work,
        failure=Outcome.REPAIR_FAILED,
        environment=variables(epoch) | {"PATH": path},
        mounts=[*own, *(mount for mount in interpreter.mounts if mount not in own)],
        system=system,
    )
    wheels = list_left(work, "wheels")
    if len(wheels) != 1:
        raise attempt.problem(Outcome.REPAIR_FAILED, ", ".join(wheels) or "no wheel came out")
    repaired = attempt.folder("repaired") / wheels[0]
    try:
        take_left(work, f"wheels/{wheels[0]}", repaired, limit=attempt.bench.wheel_limits.size)
    except UntrustedFileError as error:
        raise attempt.problem(Outcome.REPAIR_FAILED, str(error)) from error
    grafted = sorted(set(read_wheel(repaired, attempt.bench.wheel_limits).elf) - set(facts.elf))
    attempt.report["grafted"] = grafted
    attempt.journal.say(f"repaired: {repaired.name}")
    return repaired


def _own_python() -> list[Mount]:
    """The builder's own Python with its packages, each folder once."""
    folders = dict.fromkeys(Path(prefix) for prefix in (sys.base_prefix, sys.prefix))
    return [Mount(folder, folder) for folder in folders if not folder.is_relative_to(SYSTEM)]
