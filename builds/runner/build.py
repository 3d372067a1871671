"""Stages resolve and build: the project's own code runs here, in the sandbox."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from builds.domain.outcomes import Outcome
from builds.runner.attempt import Attempt
from builds.runner.environment import PROGRAMS, PYTHON, Place, install, installed
from builds.runner.inspect import SdistFacts
from builds.runner.workfolder import UntrustedFileError, list_left, read_left, take_left

SOURCES = Path("/build/src")
LONGEST_RESULT = 1 << 20
MOST_REQUIREMENTS = 1000
PKG_CONFIG_NAME = re.compile(r"\w[\w.+-]{0,63}", re.ASCII)
MOST_NAMES = 6
"""Packages that pkg-config does not have, named in one line."""


def resolve(attempt: Attempt, place: Place, sdist: SdistFacts) -> None:
    """Install what the build needs: what the sources declare, then what their backend asks for."""
    way = attempt.job.way
    cython = [way.cython] if way.cython else []
    required = declared(attempt, sdist.requires)
    install_requirements(attempt, place, [*required, *way.requirements, *cython])
    if cython:
        regenerate(attempt, place, sdist)
    call_hook(
        attempt,
        place,
        sdist,
        hook="get_requires_for_build_wheel",
        result="out/requires.json",
        failure=Outcome.REQUIREMENTS_UNRESOLVABLE,
    )
    install_requirements(attempt, place, declared(attempt, _asked_for(attempt, place)))
    attempt.report["resolved"] = installed(place)


def build(attempt: Attempt, place: Place, sdist: SdistFacts) -> Path:
    """Build; returns the one wheel, a file of this job."""
    call_hook(
        attempt,
        place,
        sdist,
        "/build/wheels",
        hook="build_wheel",
        result="out/wheel.json",
        failure=Outcome.BUILD_FAILED,
    )
    if refused := _refused(place):
        raise attempt.problem(Outcome.BUILD_FAILED, refused)
    wheels = [name for name in list_left(place.work, "wheels") if name.endswith(".whl")]
    if not wheels:
        raise attempt.problem(Outcome.NO_WHEEL, attempt.journal.evidence())
    if len(wheels) > 1:
        raise attempt.problem(Outcome.SEVERAL_WHEELS, ", ".join(wheels)[:500])
    taken = attempt.folder("built") / wheels[0]
    try:
        take_left(place.work, f"wheels/{wheels[0]}", taken, limit=attempt.bench.wheel_limits.size)
    except UntrustedFileError as error:
        raise attempt.problem(Outcome.WHEEL_MALFORMED, str(error)) from error
    attempt.journal.say(f"built {wheels[0]}, {taken.stat().st_size} bytes")
    return taken


def _refused(place: Place) -> str:
    """What the portable toolchain would not do, though the build has gone on without it."""
    try:
        said = read_left(place.work, "out/refused", limit=LONGEST_RESULT)
    except UntrustedFileError:
        return ""
    return said.decode(errors="replace").partition("\n")[0]


def regenerate(attempt: Attempt, place: Place, sdist: SdistFacts) -> None:
    """Make the C of Cython sources anew, in place of what was shipped."""
    attempt.journal.say("making the C of Cython sources anew")
    attempt.run(
        [PYTHON, PROGRAMS / "regenerate.py"],
        work=place.work,
        failure=Outcome.BUILD_FAILED,
        environment=place.variables,
        mounts=place.mounts,
        system=place.system,
        cwd=SOURCES / sdist.folder,
    )


def call_hook(
    attempt: Attempt,
    place: Place,
    sdist: SdistFacts,
    *arguments: str,
    hook: str,
    result: str,
    failure: Outcome,
) -> None:
    """Call a hook of the build backend; what it returns is left in `result`."""
    attempt.journal.say(f"calling {hook} of {sdist.backend}")
    attempt.run(
        [
            PYTHON,
            PROGRAMS / "hooks.py",
            hook,
            sdist.backend,
            json.dumps(sdist.backend_path),
            f"/build/{result}",
            *arguments,
        ],
        work=place.work,
        failure=failure,
        environment={
            **place.variables,
            **place.hook_variables,
            **lent_variables(attempt.job.way.shims, path=place.hook_variables.get("PYTHONPATH")),
        },
        mounts=place.mounts,
        index=place.index,
        system=place.system,
        cwd=SOURCES / sdist.folder,
        explain=lambda: _not_found(place),
    )


def _not_found(place: Place) -> str:
    """Tell what `inside/tools/pkg-config` noted: many builds keep silent about it."""
    try:
        noted = read_left(place.work, "out/pkg-config", limit=LONGEST_RESULT).decode()
    except (UntrustedFileError, UnicodeDecodeError):
        return ""
    names = [name for name in dict.fromkeys(noted.split()) if PKG_CONFIG_NAME.fullmatch(name)]
    return f"pkg-config has none of: {', '.join(names[:MOST_NAMES])}" if names else ""


def lent_variables(shims: Sequence[str], *, path: str | None = None) -> dict[str, str]:
    """What makes every Python that a hook starts give removed modules back, before `path`."""
    if not shims:
        return {}
    folders = filter(None, [str(PROGRAMS / "shims"), path])
    return {"PYTHONPATH": ":".join(folders), "AFFINEUR_SHIMS": ",".join(shims)}


def install_requirements(attempt: Attempt, place: Place, requirements: Sequence[str]) -> None:
    """Install build requirements, each of which must be one (PEP 508)."""
    try:
        parsed = [str(Requirement(requirement)) for requirement in requirements]
    except InvalidRequirement as error:
        raise attempt.problem(Outcome.REQUIREMENTS_UNRESOLVABLE, str(error)) from error
    if parsed:
        attempt.journal.say("installing " + ", ".join(parsed))
        install(attempt, place, parsed, failure=Outcome.REQUIREMENTS_UNRESOLVABLE)


def declared(attempt: Attempt, requirements: Sequence[str]) -> list[str]:
    """Return what the sources require, without exact and highest versions on a relaxed way."""
    if not attempt.job.way.is_relaxed:
        return list(requirements)
    return [relaxed(requirement) for requirement in requirements]


def relaxed(requirement: str) -> str:
    """Take exact and highest versions out of a requirement (PEP 508); what is none stays as it is.

    >>> relaxed("numpy==1.17.3; python_version < '3.8'"), relaxed("setuptools>=40,<50")
    ('numpy; python_version < "3.8"', 'setuptools>=40')
    """
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return requirement
    kept = (each for each in parsed.specifier if each.operator in {">=", ">", "!="})
    parsed.specifier = SpecifierSet(",".join(map(str, kept)))
    return str(parsed)


def _asked_for(attempt: Attempt, place: Place) -> list[str]:
    """What the backend asks for besides; it is the project's word, so it is read with care."""
    try:
        asked = json.loads(read_left(place.work, "out/requires.json", limit=LONGEST_RESULT))
    except (UntrustedFileError, ValueError, RecursionError) as error:
        raise attempt.problem(Outcome.REQUIREMENTS_UNRESOLVABLE, str(error)) from error
    is_list = isinstance(asked, list) and all(isinstance(item, str) for item in asked)
    if not is_list or len(asked) > MOST_REQUIREMENTS:
        raise attempt.problem(
            Outcome.REQUIREMENTS_UNRESOLVABLE,
            "get_requires_for_build_wheel returned no list of requirements",
        )
    return list(asked)
