"""Where an attempt's wheel is made and tried: the seam between the stages and their places."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from builds.runner.attempt import Attempt
from builds.runner.build import build, resolve
from builds.runner.check import WheelFacts, read_wheel
from builds.runner.crossing import Crossing
from builds.runner.environment import lent_flags, make_place
from builds.runner.events import Stage
from builds.runner.inspect import SdistFacts
from builds.runner.interpreters import Interpreter, choose
from builds.runner.origins import DpkgPackages
from builds.runner.proxy import IndexProxy
from builds.runner.repair import repair
from builds.runner.smoke import smoke
from builds.runner.system import provide
from builds.runner.toolchains import choose_toolchain
from builds.runner.whole import verify_whole


@dataclass(frozen=True, slots=True)
class Index:
    """The index of a stage: the proxy, and the socket that it answers on."""

    proxy: IndexProxy
    socket: Path


class Workshop(Protocol):
    """A place that wheels of one target are made in."""

    def facts(self) -> dict[str, Any]:
        """What the report says of its interpreter."""

    def make(
        self,
        attempt: Attempt,
        sdist: SdistFacts,
        *,
        work: Path,
        sources: frozenset[str],
        index: Index,
    ) -> Path:
        """Resolve, build and repair what is at `work / "src"`; returns the wheel.

        `sources` are those that extensions can be made of: a wheel that lacks one is refused.
        Enters the stages build and repair, and reports what was resolved and grafted.
        """

    def smoke(
        self, attempt: Attempt, wheel: Path, facts: WheelFacts, *, epoch: int, index: Index
    ) -> None:
        """Install the wheel as a user would, and import what it has."""


class SandboxWorkshop:
    """The host's own system and an interpreter in the sandbox: its own, or that of a crossing."""

    def __init__(self, interpreter: Interpreter, crossing: Crossing | None = None) -> None:
        self._interpreter = interpreter
        self._crossing = crossing

    def facts(self) -> dict[str, Any]:
        interpreter, crossing = self._interpreter, self._crossing
        return {
            "tag": interpreter.tag,
            "version": interpreter.version,
            "soabi": interpreter.soabi,
            "libc": interpreter.libc,
            "path": str(interpreter.path),
            **(crossing.facts if crossing else {}),
        }

    def make(
        self,
        attempt: Attempt,
        sdist: SdistFacts,
        *,
        work: Path,
        sources: frozenset[str],
        index: Index,
    ) -> Path:
        way, epoch, crossing = attempt.job.way, sdist.source_date_epoch, self._crossing
        # Packages of the distribution are for its own machine.
        distribution = None if crossing else attempt.bench.system
        system = provide(attempt, sdist.external, distribution)
        toolchain = choose_toolchain(
            attempt, self._interpreter, has_packages=system.folder is not None
        )
        place = make_place(
            attempt,
            work=work,
            interpreter=crossing.own if crossing else self._interpreter,
            source_date_epoch=epoch,
            proxy=index.proxy,
            index=index.socket,
            flags=[*lent_flags(way), *way.flags, *system.flags],
            constraints=way.constraints,
            overrides=filter(None, [way.cython]),
            system=system.folder,
            compiles=True,
            shown=[*toolchain.mounts, *(crossing.mounts(attempt) if crossing else ())],
            environment={**toolchain.variables, **way.environment},
        )
        if crossing:
            place = replace(place, hook_variables=crossing.hook_variables)
        resolve(attempt, place, sdist)
        attempt.enter(Stage.BUILD)
        wheel = build(attempt, place, sdist)
        log = attempt.journal.recent
        attempt.enter(Stage.REPAIR)
        facts = read_wheel(wheel, attempt.bench.wheel_limits)
        verify_whole(attempt, facts, log=log, sources=sources)
        return repair(
            attempt,
            wheel,
            facts,
            interpreter=self._interpreter,
            epoch=epoch,
            system=system.folder,
            packages=(*system.origins, DpkgPackages()),
        )

    def smoke(
        self, attempt: Attempt, wheel: Path, facts: WheelFacts, *, epoch: int, index: Index
    ) -> None:
        smoke(
            attempt,
            wheel,
            facts,
            interpreter=choose(attempt.bench.smoke_interpreters, attempt.target)
            or self._interpreter,
            epoch=epoch,
            proxy=index.proxy,
            index=index.socket,
            crossing=self._crossing,
        )
