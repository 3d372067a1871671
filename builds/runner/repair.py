"""Stage repair: a wheel with machine code gets the tag it has earned, and the libraries it needs.

What reads or changes machine code runs in a sandbox of its own without a network, on the builder's
Python: the wheel was written by the project's code, and its ELF files are read by large programs.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builds.domain.outcomes import Outcome
from builds.domain.runpaths import stays, strays
from builds.domain.sbom import SBOM, Grafted, sbom_document
from builds.domain.wheels import rewrite_wheel
from builds.executors.base import Mount
from builds.runner.attempt import Attempt
from builds.runner.check import WheelFacts, place_of, read_wheel
from builds.runner.environment import PROGRAMS, variables
from builds.runner.interpreters import SYSTEM, Interpreter
from builds.runner.origins import Packages, trace
from builds.runner.problems import JobProblem, WheelProblem
from builds.runner.workfolder import UntrustedFileError, list_left, take_left


def repair(
    attempt: Attempt,
    wheel: Path,
    facts: WheelFacts,
    *,
    interpreter: Interpreter,
    epoch: int,
    packages: Sequence[Packages],
    system: Path | None = None,
) -> Path:
    """Return the wheel to go on with: a new one, or `wheel` itself when it holds no ELF file.

    `system` is what the build was shown of system packages, whose libraries it may have linked;
    `packages` are those that its libraries, and the host's, belong to.
    """
    if not facts.elf:
        attempt.journal.say("the wheel is pure: nothing to repair")
        return wheel
    shop = _Shop(attempt, interpreter, epoch, system)
    return _finished(shop, shop.auditwheel(wheel), facts, packages)


def finish(
    attempt: Attempt, repaired: Path, facts: WheelFacts, *, interpreter: Interpreter, epoch: int
) -> Path:
    """Return a wheel that was repaired elsewhere, with what is left to do; `facts` are of before.

    Where it was, the packages of what was grafted are not known here.
    """
    return _finished(_Shop(attempt, interpreter, epoch, None), repaired, facts, ())


def _finished(
    shop: "_Shop", repaired: Path, facts: WheelFacts, packages: Sequence[Packages]
) -> Path:
    attempt, limits = shop.attempt, shop.attempt.bench.wheel_limits
    read = read_wheel(repaired, limits)
    if plan := _kept_runpaths(read):
        repaired = shop.confine(repaired, plan)
        read = read_wheel(repaired, limits)
    if any(tag.abi == "abi3" for tag in read.tags):
        shop.verify_stable_abi(repaired)
    new = [member for member in read.elf if member not in facts.elf]
    grafted = trace([name for name in new if name.partition("/")[0].endswith(".libs")], packages)
    attempt.report["grafted"] = [library.to_json() for library in grafted]
    if grafted:
        repaired = _with_sbom(attempt, repaired, read, grafted, shop.epoch)
    attempt.journal.say(f"repaired: {repaired.name}")
    return repaired


@dataclass(frozen=True, slots=True)
class _Shop:
    """Runs programs of ours on a wheel, each in a sandbox and a folder of its own."""

    attempt: Attempt
    interpreter: Interpreter
    epoch: int
    system: Path | None

    def auditwheel(self, wheel: Path) -> Path:
        """Graft what it needs; the name of the new wheel says what it runs on."""
        try:
            work = self._audited("repair", wheel, platform="auto")
        except JobProblem as problem:
            # An extension that calls nothing of the C library does not tell which one it is for.
            if "couldn't detect libc" not in problem.evidence:
                raise
            work = self._audited("repair-again", wheel, platform=self.attempt.target.platform)
        return self._taken(work, "repaired")

    def _audited(self, name: str, wheel: Path, *, platform: str) -> Path:
        options = ("repair", "--plat", platform, "--wheel-dir", "/build/wheels")
        program = ["-m", "auditwheel", *options, _shown(wheel)]
        return self._run(name, wheel, program, system=self.system)

    def confine(self, wheel: Path, plan: Mapping[str, Sequence[str]]) -> Path:
        """Keep of each library's RUNPATH only what `plan` does."""
        program = str(PROGRAMS / "runpaths.py")
        arguments = [_shown(wheel), "/build/wheels", "/build/plan.json"]
        work = self._run("confine", wheel, [program, *arguments], plan=json.dumps(plan))
        return self._taken(work, "confined")

    def verify_stable_abi(self, wheel: Path) -> None:
        """Raise unless it uses no more of CPython than its tag says."""
        try:
            self._run("audit", wheel, [str(PROGRAMS / "stable_abi.py"), _shown(wheel)])
        except JobProblem as problem:
            if problem.outcome is not Outcome.REPAIR_FAILED:
                raise
            raise WheelProblem(
                Outcome.WHEEL_MALFORMED,
                f"The wheel of {self.attempt.release} says that it needs no more than the stable "
                "ABI of CPython, and needs more. The project can build it without that tag, or "
                "with the limited API.",
                problem.evidence,
            ) from problem

    def _run(
        self,
        name: str,
        wheel: Path,
        program: Sequence[str],
        *,
        plan: str = "",
        system: Path | None = None,
    ) -> Path:
        """Run it with the wheel in its folder, which is returned."""
        work = self.attempt.folder(name)
        for folder in ("home", "wheel", "wheels"):
            (work / folder).mkdir()
        shutil.copyfile(wheel, work / "wheel" / wheel.name)
        (work / "plan.json").write_text(plan)
        own = _own_python()
        path = f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        self.attempt.run(
            [sys.executable, "-I", *program],
            work=work,
            failure=Outcome.REPAIR_FAILED,
            environment=variables(self.epoch) | {"PATH": path},
            mounts=[
                Mount(Path(__file__).parent / "inside", PROGRAMS),
                *own,
                *(mount for mount in self.interpreter.mounts if mount not in own),
            ],
            system=system,
        )
        return work

    def _taken(self, work: Path, name: str) -> Path:
        """The one wheel that was left, as a file of this job."""
        attempt = self.attempt
        wheels = list_left(work, "wheels")
        if len(wheels) != 1:
            raise attempt.problem(Outcome.REPAIR_FAILED, ", ".join(wheels) or "no wheel came out")
        taken = attempt.folder(name) / wheels[0]
        try:
            take_left(work, f"wheels/{wheels[0]}", taken, limit=attempt.bench.wheel_limits.size)
        except UntrustedFileError as error:
            raise attempt.problem(Outcome.REPAIR_FAILED, str(error)) from error
        return taken


def _shown(wheel: Path) -> str:
    return f"/build/wheel/{wheel.name}"


def _kept_runpaths(facts: WheelFacts) -> dict[str, list[str]]:
    """What may stay of each RUNPATH that leads out of the wheel, by member."""
    return {
        member: [entry for entry in elf.runpath if stays(entry, place_of(member))]
        for member, elf in facts.elf.items()
        if strays(elf.runpath, place_of(member))
    }


def _with_sbom(
    attempt: Attempt, wheel: Path, facts: WheelFacts, grafted: Sequence[Grafted], epoch: int
) -> Path:
    """Write the wheel anew with a list of what was grafted."""
    for library in grafted:
        origin = library.package
        told = f"{origin.name} {origin.version}" if origin else "no package that is known"
        attempt.journal.say(f"grafted {library.member}, from {told}")
    document = sbom_document(
        project=attempt.job.project, version=attempt.job.version, grafted=grafted
    )
    listed = attempt.folder("listed") / wheel.name
    with wheel.open("rb") as source, listed.open("xb") as target:
        rewrite_wheel(
            source,
            target,
            dist_info=facts.dist_info,
            epoch=epoch,
            changes={f"{facts.dist_info}/{SBOM}": document},
        )
    return listed


def _own_python() -> list[Mount]:
    """The builder's own Python with its packages, each folder once."""
    folders = dict.fromkeys(Path(prefix) for prefix in (sys.base_prefix, sys.prefix))
    return [Mount(folder, folder) for folder in folders if not folder.is_relative_to(SYSTEM)]
