"""Wheels made by cibuildwheel in an image of manylinux or musllinux (PEP 600, PEP 656).

cibuildwheel is a driver: it runs on the builder, and has an engine run the commands in one
container. What it could be led to do on the builder itself is closed:

- It shows a container the host's whole file system, unless told not to.
- It obeys `[tool.cibuildwheel]` of the sources, some of which runs on the host, and `CIBW_*` of
  its environment: it gets a configuration file of ours, and an environment of ours alone.
- Python would import modules from the sources, which are its working directory: `-I`.
- It unpacks archives as they come, and knows no zip: it gets what `inspect` has unpacked.
- It knows no time-out: `ContainerHandle` watches.
- It throws a pure wheel away: the folder that it builds in is one of ours, mounted.

The sources declare what a build requires, and a way may add to it, so nothing is left to an
isolated build: `inside/prepare.py` installs it all beforehand, as for the sandbox.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from builds.domain.outcomes import Outcome
from builds.domain.targets import Target
from builds.executors.base import INDEX_PORT, ExecutorError, Mount
from builds.executors.container import (
    RELAY,
    SOCKET,
    ContainerExecutor,
    ContainerHandle,
    Containers,
    engine_environment,
    index_mounts,
    mount_arguments,
)
from builds.runner.attempt import Attempt
from builds.runner.build import declared, lent_variables
from builds.runner.check import WheelFacts, read_wheel
from builds.runner.compilers import COMPILER
from builds.runner.environment import PROGRAMS, lent_flags, variables, with_file
from builds.runner.events import Stage
from builds.runner.inspect import SdistFacts
from builds.runner.interpreters import SYSTEM, Interpreter
from builds.runner.problems import JobProblem
from builds.runner.repair import finish
from builds.runner.smoke import smoke
from builds.runner.whole import verify_whole
from builds.runner.workfolder import UntrustedFileError, list_left, read_left, take_left
from builds.runner.workshop import Index

PINS = Path(__file__).parent / "pins"
CURRENT = "4.3.3"
OLDER = {"cp36": "2.23.4", "cp37": "2.23.4", "cp38": "3.4.1", "cp313t": "3.4.1"}
"""The last versions that know an interpreter which the current one has dropped."""
VERSIONS = (CURRENT, *dict.fromkeys(OLDER.values()))
PLAN = "/affineur/plan.json"
CONSTRAINTS = "/affineur/constraints.txt"
MADE = "/tmp/cibuildwheel"  # noqa: S108 - where cibuildwheel builds, in the container
FILTERS = f"{MADE}/compilers"
RESOLVED = "resolved.json"
LONGEST_RESULT = 1 << 20
LONGEST_LINE = 1 << 16
INDENT = b"  "
PURE = 5
NO_WHEEL = 10
NOT_KNOWN = 3
"""Exit statuses of cibuildwheel."""
STEPS = {
    b"Running before_build...": Stage.RESOLVE,
    b"Building wheel...": Stage.BUILD,
    b"Repairing wheel...": Stage.REPAIR,
}
"""What cibuildwheel says when it goes on, in its order."""
OF_THE_IMAGE = frozenset({"HOME", "PATH", "UV_CACHE_DIR", "VIRTUAL_ENV"})
"""Variables that are not the sandbox's in a container."""


def version_for(target: Target) -> str:
    """Which cibuildwheel builds for the target."""
    return OLDER.get(_tag(target), CURRENT)


@dataclass(frozen=True, slots=True)
class Images:
    """What a builder has for targets that it builds in containers."""

    containers: Containers
    references: Mapping[str, str]
    """The image by the platform of the targets that are built in it."""
    drivers: Mapping[str, Path]
    """By version of cibuildwheel, a Python that has it."""
    uv: Path
    """One that runs on any libc."""

    def workshop(self, target: Target) -> "ContainerWorkshop | None":
        """None for a target whose platform has no image."""
        reference = self.references.get(target.platform)
        if reference is None:
            return None
        version = version_for(target)
        return ContainerWorkshop(self, target, reference, version, self.drivers[version])


class ContainerWorkshop:
    """An image, and the cibuildwheel that builds in it. See `Workshop`."""

    def __init__(
        self, images: Images, target: Target, image: str, version: str, driver: Path
    ) -> None:
        self._images = images
        self._target = target
        self._image = image
        self._version = version
        self._driver = driver
        self._python = ""
        self._stage: Stage | None = None
        self._log = ""
        """What the build said."""

    def facts(self) -> dict[str, Any]:
        return {
            "tag": _tag(self._target),
            "version": self._python,
            "path": str(_python(self._target)),
            "image": self._image,
            "cibuildwheel": self._version,
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
        folders = Folders(work)
        folders.create()
        self._write_plan(attempt, sdist, folders)
        code = self._drive(attempt, sdist, folders, index)
        self._report_resolved(attempt, folders, index)
        if code and self._stage in {None, Stage.RESOLVE}:
            raise self._failed(attempt, code, index)
        if self._stage is not Stage.REPAIR:
            self._log = attempt.journal.recent
        said = attempt.journal.evidence() or f"cibuildwheel ended with {code}"
        built = self._taken(attempt, folders.made / "built_wheel", "built")
        if built is None:
            outcome = Outcome.NO_WHEEL if code in {0, NO_WHEEL} else Outcome.BUILD_FAILED
            raise attempt.problem(outcome, said)
        if self._stage is not Stage.REPAIR:
            attempt.enter(Stage.REPAIR)
        facts = read_wheel(built, attempt.bench.wheel_limits)
        verify_whole(attempt, facts, log=self._log, sources=sources)
        if code == PURE:
            attempt.journal.say("the wheel is pure: nothing to repair")
            return built
        wheel = self._taken(attempt, folders.output, "repaired")
        if code or wheel is None:
            raise attempt.problem(Outcome.REPAIR_FAILED, said)
        return finish(
            attempt,
            wheel,
            facts,
            interpreter=self._interpreter,
            epoch=sdist.source_date_epoch,
        )

    def smoke(
        self, attempt: Attempt, wheel: Path, facts: WheelFacts, *, epoch: int, index: Index
    ) -> None:
        executor = ContainerExecutor(self._images.containers, self._image)
        with attempt.inside(executor, uv=self._images.uv):
            smoke(
                attempt,
                wheel,
                facts,
                interpreter=self._interpreter,
                epoch=epoch,
                proxy=index.proxy,
                index=index.socket,
            )

    def command(self, folders: "Folders") -> list[str]:
        """Return the command line, to be run in the folder of the sources."""
        return [
            *(str(self._driver), "-I", "-m", "cibuildwheel", "."),
            *("--only", f"{_tag(self._target)}-{self._libc}_{self._machine}"),
            *("--config-file", str(folders.configuration)),
            *("--output-dir", str(folders.copied)),
        ]

    @property
    def _libc(self) -> str:
        """Return "manylinux" or "musllinux"."""
        return self._target.platform.partition("_")[0]

    @property
    def _machine(self) -> str:
        return self._target.platform.split("_", 3)[3]

    @property
    def _interpreter(self) -> Interpreter:
        """The image's, which needs nothing of the host's to be shown."""
        return Interpreter(
            path=_python(self._target),
            prefix=SYSTEM,
            tag=_tag(self._target),
            version=self._target.python_version,
            soabi="",
            machine=self._machine,
            libc="",
        )

    def _write_plan(self, attempt: Attempt, sdist: SdistFacts, folders: "Folders") -> None:
        way = attempt.job.way
        if unmet := [*way.system, *way.packages]:
            raise JobProblem(
                Outcome.REQUIREMENTS_UNRESOLVABLE,
                f"{attempt.release} needs {', '.join(unmet)} of the system for "
                f"{attempt.target.name}. Builds for it run in an image without a network, where "
                "nothing can be added: the farm's operators can give the builder an image that "
                "has it.",
                f"not in the image {self._image}",
            )
        requires = [*declared(attempt, sdist.requires), *way.requirements]
        try:
            parsed = overridden(map(Requirement, requires), [way.cython] if way.cython else [])
        except InvalidRequirement as error:
            raise attempt.problem(Outcome.REQUIREMENTS_UNRESOLVABLE, str(error)) from error
        plan = {
            "requires": [str(requirement) for requirement in parsed],
            "regenerate": bool(way.cython),
            "compilers": COMPILER.pattern,
            "backend": sdist.backend,
            "backend_path": list(sdist.backend_path),
        }
        folders.plan.write_text(json.dumps(plan))
        folders.constraints.write_text("".join(f"{line}\n" for line in way.constraints))
        # Empty is meant: without a file, cibuildwheel would read the sources' own settings.
        folders.configuration.write_text("")

    def _drive(self, attempt: Attempt, sdist: SdistFacts, folders: "Folders", index: Index) -> int:
        """Run cibuildwheel to its end; returns its exit status."""
        attempt.journal.say(f"cibuildwheel {self._version} in {self._image}")
        containers = self._images.containers
        for folder in folders.written:
            containers.lend(folder)
        mounts = [
            *index_mounts(index.socket),
            Mount(Path(__file__).parent / "inside", PROGRAMS),
            Mount(folders.plan, Path(PLAN)),
            Mount(folders.constraints, Path(CONSTRAINTS)),
            Mount(folders.project, Path("/project"), writable=True),
            Mount(folders.output, Path("/output"), writable=True),
            Mount(folders.made, Path(MADE), writable=True),
        ]
        inside = self._variables(attempt, sdist)
        arguments = [
            *containers.confinement(attempt.job.limits),
            f"--label=affineur.attempt={attempt.job.attempt}",
            *(f"--env={name}={value}" for name, value in inside.items()),
            *mount_arguments(mounts),
        ]
        handle = ContainerHandle(
            self.command(folders),
            environment=self.settings(arguments)
            | engine_environment()
            | {"SOURCE_DATE_EPOCH": inside["SOURCE_DATE_EPOCH"]}
            | folders.places,
            cwd=folders.sources / sdist.folder,
            containers=containers,
            limits=attempt.job.limits,
            folders=(*folders.written, folders.copied),
        )
        status = attempt.follow(handle, self._lines(attempt, handle.output()))
        return status.exit_code or 0

    def settings(self, arguments: Iterable[str]) -> dict[str, str]:
        """Return cibuildwheel's settings; `arguments` are the engine's for its container."""
        frontend = "--no-build-isolation --use-pep517 --ignore-requires-python"
        return {
            f"CIBW_{self._libc.upper()}_{self._machine.upper()}_IMAGE": self._image,
            "CIBW_AUDIT_COMMAND": "",
            "CIBW_AUDIT_REQUIRES": "",
            "CIBW_BEFORE_ALL": shlex.join(["python", str(RELAY), str(SOCKET), str(INDEX_PORT)]),
            "CIBW_BEFORE_BUILD": shlex.join(
                ["python", str(PROGRAMS / "prepare.py"), PLAN, f"{MADE}/{RESOLVED}", FILTERS]
            ),
            "CIBW_BUILD_FRONTEND": f"pip; args: {frontend}",
            # Else pip shows nothing of a build that ends well, whatever its compiler said.
            "CIBW_BUILD_VERBOSITY": "1",
            "CIBW_CONTAINER_ENGINE": (
                f"{self._images.containers.engine}; disable_host_mount: true; "
                f"create_args: {shlex.join(arguments)}"
            ),
            "CIBW_DEPENDENCY_VERSIONS": "latest",
            "CIBW_ENVIRONMENT": f'PATH="{FILTERS}:$PATH"',
            "CIBW_PROJECT_REQUIRES_PYTHON": ">=3",
            "CIBW_REPAIR_WHEEL_COMMAND": "auditwheel repair --plat auto -w {dest_dir} {wheel}",
            "CIBW_TEST_COMMAND": "",
        }

    def _variables(self, attempt: Attempt, sdist: SdistFacts) -> dict[str, str]:
        """What the container's environment has besides the image's.

        The engine is told: cibuildwheel would read values as bash does, and not all of them.
        """
        way = attempt.job.way
        given = {
            **variables(sdist.source_date_epoch, flags=[*lent_flags(way), *way.flags]),
            **lent_variables(way.shims),
            "PIP_NO_CACHE_DIR": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            **way.environment,
        }
        if way.constraints:
            given["PIP_CONSTRAINT"] = CONSTRAINTS
        return {name: given[name] for name in given if name not in OF_THE_IMAGE}

    def _lines(self, attempt: Attempt, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The output, with each stage entered before its first line."""
        steps = list(STEPS.values())
        for line in _lines_of(chunks):
            step = STEPS.get(line.strip())
            is_next = step is not None and (
                self._stage is None or steps.index(step) > steps.index(self._stage)
            )
            if step is not None and is_next:
                if step is Stage.REPAIR:
                    self._log = attempt.journal.recent
                self._stage = step
                if step is not Stage.RESOLVE:
                    attempt.enter(step)
            # pip indents what a build says, and evidence is looked for at the start of lines.
            yield line.removeprefix(INDENT) if self._stage is Stage.BUILD else line

    def _report_resolved(self, attempt: Attempt, folders: "Folders", index: Index) -> None:
        """Tell what was installed; the container wrote it, so it is read with care."""
        try:
            said = json.loads(read_left(folders.made, RESOLVED, limit=LONGEST_RESULT))
            installed = [(str(item["name"]), str(item["version"])) for item in said["installed"]]
            version = str(said["python"])
        except (UntrustedFileError, ValueError, LookupError, TypeError, RecursionError):
            return
        if version.startswith(f"{self._target.python_version}.") and len(version) < 20:  # noqa: PLR2004 - of "3.13.0rc1+"
            attempt.report["interpreter"]["version"] = version
        attempt.report["resolved"] = [
            with_file(name, number, index.proxy.downloaded) for name, number in installed
        ]

    def _failed(self, attempt: Attempt, code: int, index: Index) -> JobProblem:
        """What it means that cibuildwheel ended before it built."""
        evidence = attempt.journal.evidence() or f"cibuildwheel ended with {code}"
        if self._stage is Stage.RESOLVE and index.proxy.unreachable:
            return attempt.problem(Outcome.UPSTREAM_UNREACHABLE, index.proxy.unreachable[-1])
        if self._stage is Stage.RESOLVE:
            return attempt.problem(Outcome.REQUIREMENTS_UNRESOLVABLE, evidence)
        outcome = Outcome.NO_INTERPRETER if code == NOT_KNOWN else Outcome.BUILDER_FAULT
        return attempt.problem(outcome, evidence)

    def _taken(self, attempt: Attempt, folder: Path, name: str) -> Path | None:
        """The one wheel in a folder that the container wrote to, as a file of this job."""
        wheels = [left for left in list_left(folder.parent, folder.name) if left.endswith(".whl")]
        if len(wheels) > 1:
            raise attempt.problem(Outcome.SEVERAL_WHEELS, ", ".join(wheels)[:500])
        if not wheels:
            return None
        taken = attempt.folder(name) / wheels[0]
        limit = attempt.bench.wheel_limits.size
        try:
            take_left(folder.parent, f"{folder.name}/{wheels[0]}", taken, limit=limit)
        except UntrustedFileError as error:
            raise attempt.problem(Outcome.WHEEL_MALFORMED, str(error)) from error
        return taken


class Folders:
    """What a build in a container has of its work folder."""

    def __init__(self, work: Path) -> None:
        self.sources = work / "src"
        self.project = work / "project"
        """Takes cibuildwheel's copy of the sources."""
        self.made = work / "made"
        self.output = work / "output"
        self.copied = work / "copied"
        """Takes cibuildwheel's copy of the output, which nothing reads."""
        self.plan = work / "plan.json"
        self.constraints = work / "constraints.txt"
        self.configuration = work / "cibuildwheel.toml"
        self._temporary = work / "tmp"
        self._cache = work / "cache"

    @property
    def written(self) -> tuple[Path, ...]:
        """What the container writes to."""
        return (self.project, self.made, self.output)

    @property
    def places(self) -> dict[str, str]:
        """Variables that keep what cibuildwheel writes itself within the work folder."""
        return {"TMPDIR": str(self._temporary), "CIBW_CACHE_PATH": str(self._cache)}

    def create(self) -> None:
        for folder in (*self.written, self.copied, self._temporary, self._cache):
            folder.mkdir()


def install_drivers(folder: Path, uv: Path) -> tuple[dict[str, Path], Path]:
    """Install every pinned cibuildwheel below `folder`, and a uv that runs on any libc.

    From the index that this builder's uv is configured for, each file verified by its hash; what
    is there already stays. Returns a Python by version, and that uv; raises `ExecutorError`.
    """
    drivers = {}
    for version in VERSIONS:
        place = folder / f"cibuildwheel-{version}"
        drivers[version] = place / "bin" / "python"
        _install(uv, place, PINS / f"cibuildwheel-{version}.txt")
    place = folder / "uv"
    platform = f"{os.uname().machine}-unknown-linux-musl"
    _install(uv, place, PINS / "uv.txt", "--python-platform", platform)
    return drivers, place / "bin" / "uv"


def _install(uv: Path, place: Path, pins: Path, *arguments: str) -> None:
    """Make the environment `place` of what `pins` names, unless it is whole already."""
    done = place / "installed.txt"
    if done.is_file() and done.read_bytes() == pins.read_bytes():
        return
    python = str(place / "bin" / "python")
    install = ["--quiet", "--require-hashes", "--only-binary", ":all:", "--python", python]
    commands: tuple[list[str | Path], ...] = (
        ["venv", "--quiet", "--clear", "--no-project", "--python", sys.executable, place],
        ["pip", "install", *install, *arguments, "--requirements", pins],
    )
    try:
        for command in commands:
            subprocess.run([uv, *command], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise ExecutorError(f"{pins.name} could not be installed: {error.stderr}") from error
    shutil.copyfile(pins, done)


def _tag(target: Target) -> str:
    """Return "cp312", or "cp313t" for a free-threaded interpreter."""
    return target.interpreter + ("t" if target.abi.endswith("t") else "")


def _python(target: Target) -> Path:
    return Path(f"/opt/python/{target.interpreter}-{target.abi}/bin/python")


def overridden(requirements: Iterable[Requirement], overrides: Iterable[str]) -> list[Requirement]:
    """The overrides, and of the requirements those of other projects: pip knows no overrides.

    >>> kept = overridden([Requirement("cython<3"), Requirement("numpy")], ["Cython>=3.1"])
    >>> [str(requirement) for requirement in kept]
    ['numpy', 'Cython>=3.1']
    """
    taken = [Requirement(override) for override in overrides]
    names = {canonicalize_name(requirement.name) for requirement in taken}
    others = [each for each in requirements if canonicalize_name(each.name) not in names]
    return [*others, *taken]


def _lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass whole lines on, and what is no line once it is too long for one."""
    held = b""
    for chunk in chunks:
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if len(held) > LONGEST_LINE:
            yield held
            held = b""
    if held:
        yield held
