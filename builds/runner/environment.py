"""Stage resolve, and what smoke shares with it: virtual environments made inside the sandbox."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.utils import canonicalize_name

from builds.domain.outcomes import Outcome
from builds.domain.ways import Way
from builds.executors.base import Mount
from builds.runner.attempt import Attempt
from builds.runner.compilers import FOLDERS, filtered
from builds.runner.interpreters import Interpreter
from builds.runner.problems import JobProblem
from builds.runner.proxy import INDEX_URL, Downloaded, IndexProxy
from builds.runner.workfolder import list_left
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.names import NormalizedName

INSIDE = Path("/opt/affineur")
UV = INSIDE / "uv"
PROGRAMS = INSIDE / "inside"
C_API = PROGRAMS / "capi"
"""Headers that come before the interpreter's of the same names, where a build is lent them."""
TOOLS = PROGRAMS / "tools"
"""Programs that come before the system's of the same names."""
COMPILERS = INSIDE / "compilers"
ENVIRONMENT = Path("/build/env")
PYTHON = ENVIRONMENT / "bin" / "python"
_DIST_INFO = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.(dist|egg)-info")


@dataclass(frozen=True, slots=True)
class Place:
    """A work folder with a virtual environment in it, and its way to the index.

    `system` holds what is shown of system packages, as `Command.system`. `hook_variables` are for
    a build backend's hooks alone.
    """

    work: Path
    interpreter: Interpreter
    mounts: tuple[Mount, ...]
    variables: Mapping[str, str]
    proxy: IndexProxy
    index: Path
    system: Path | None = None
    hook_variables: Mapping[str, str] = MappingProxyType({})


def variables(source_date_epoch: int, *, flags: Iterable[str] = ()) -> dict[str, str]:
    """Return the whole environment of a command: the same on every builder, at every time."""
    # CFLAGS replace the interpreter's own in setuptools, so they are complete; debugging
    # information would carry paths into the wheel.
    complete = " ".join(["-O2 -g0 -fwrapv -DNDEBUG", *flags])
    return {
        "CFLAGS": complete,
        "CXXFLAGS": complete,
        "HOME": "/build/home",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{ENVIRONMENT}/bin:{TOOLS}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_INDEX_URL": INDEX_URL,
        "PIP_NO_INPUT": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "SOURCE_DATE_EPOCH": str(source_date_epoch),
        "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
        "TZ": "UTC",
        "UV_CACHE_DIR": "/build/cache",
        "UV_DEFAULT_INDEX": INDEX_URL,
        # A build that upstream fails is tried again as a whole, later.
        "UV_HTTP_RETRIES": "1",
        # The index proxy hands a file out once it has it whole.
        "UV_HTTP_TIMEOUT": "900",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "VIRTUAL_ENV": str(ENVIRONMENT),
    }


def lent_flags(way: Way) -> list[str]:
    """What a compiler is told of that a build is lent."""
    return [f"-I{C_API}"] if way.lends_c_api else []


def make_place(
    attempt: Attempt,
    *,
    work: Path,
    interpreter: Interpreter,
    source_date_epoch: int,
    proxy: IndexProxy,
    index: Path,
    flags: Iterable[str] = (),
    constraints: Iterable[str] = (),
    overrides: Iterable[str] = (),
    system: Path | None = None,
    compiles: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
    shown: Iterable[Mount] = (),
) -> Place:
    """Make the virtual environment; what is installed in it will obey `constraints`.

    `overrides` take the place of whatever else is required of the projects that they name.
    Where something `compiles`, no compiler does so for this very machine.
    Commands in the place are `shown` these besides, and `environment` is added to theirs.
    """
    (work / "home").mkdir()
    mounts = (
        Mount(attempt.bench.uv, UV),
        Mount(Path(__file__).parent / "inside", PROGRAMS),
        *interpreter.mounts,
        *shown,
    )
    given = {**variables(source_date_epoch, flags=flags), **environment}
    if compiles:
        packaged = [system / "usr" / "bin"] if system else []
        mounts += (filtered(attempt, [*FOLDERS, *packaged], programs=PROGRAMS, inside=COMPILERS),)
        given["PATH"] = f"{COMPILERS}:{given['PATH']}"
    if written := "".join(f"{constraint}\n" for constraint in constraints):
        # Both of them also when the project's own code calls them.
        (work / "constraints.txt").write_text(written)
        given |= dict.fromkeys(("UV_CONSTRAINT", "PIP_CONSTRAINT"), "/build/constraints.txt")
        given["UV_BUILD_CONSTRAINT"] = "/build/constraints.txt"
    if written := "".join(f"{override}\n" for override in overrides):
        (work / "overrides.txt").write_text(written)
        given["UV_OVERRIDE"] = "/build/overrides.txt"
    place = Place(work, interpreter, mounts, given, proxy, index, system)
    write_environment(work / ENVIRONMENT.name, interpreter)
    return place


def write_environment(folder: Path, interpreter: Interpreter) -> None:
    """Make a virtual environment of the interpreter, as PEP 405 has it.

    Writing it takes less time than starting a sandbox for a tool that does.
    """
    site = folder / site_packages(interpreter)
    site.mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    (folder / "pyvenv.cfg").write_text(
        f"home = {interpreter.path.parent}\n"
        "include-system-site-packages = false\n"
        f"version = {interpreter.version}\n"
    )
    programs = folder / PYTHON.parent.name
    programs.mkdir()
    (programs / PYTHON.name).symlink_to(interpreter.path)
    for name in ("python3", site.parent.name.removesuffix("t")):
        (programs / name).symlink_to(PYTHON.name)


def site_packages(interpreter: Interpreter) -> Path:
    """Where pure modules are installed, below a virtual environment of the interpreter's."""
    major, minor, *_ = interpreter.version.split(".")
    free = "t" if interpreter.tag.endswith("t") else ""
    return Path(f"lib/python{major}.{minor}{free}/site-packages")


def install(
    attempt: Attempt,
    place: Place,
    requirements: Iterable[str],
    *,
    failure: Outcome,
    options: Iterable[str] = (),
) -> None:
    """Install into the environment, through the index alone; `options` are of `uv pip install`."""
    seen = len(place.proxy.unreachable)
    try:
        attempt.run(
            [UV, "pip", "install", "--python", PYTHON, *options, "--", *requirements],
            work=place.work,
            failure=failure,
            environment=place.variables,
            mounts=place.mounts,
            index=place.index,
            system=place.system,
        )
    except JobProblem as problem:
        if problem.outcome is failure and len(place.proxy.unreachable) > seen:
            raise attempt.problem(
                Outcome.UPSTREAM_UNREACHABLE, place.proxy.unreachable[-1]
            ) from problem
        raise


def installed(place: Place) -> list[dict[str, Any]]:
    """What is in the environment: name, version, and the file each came from, as reported."""
    names = list_left(place.work, f"{ENVIRONMENT.name}/{site_packages(place.interpreter)}")
    found = [match for name in names if (match := _DIST_INFO.fullmatch(name))]
    return [with_file(match["name"], match["version"], place.proxy.downloaded) for match in found]


def with_file(name: str, version: str, downloaded: Iterable[Downloaded]) -> dict[str, Any]:
    """Name, version, and the file that it came from, if one was downloaded."""
    project = NormalizedName(canonicalize_name(name))
    facts: dict[str, Any] = {"name": project, "version": version}
    for file in downloaded:
        parsed = parse_filename(file.filename, project)
        if parsed.kind is not FileKind.OTHER and str(parsed.version) == version:
            facts |= {"filename": file.filename, "sha256": file.sha256, "url": file.url}
    return facts
