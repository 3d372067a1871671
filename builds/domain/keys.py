"""What goes into a build, as one key: two builds with the same key are the same work."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.states import BuildState
from builds.domain.ways import HOST, PORTABLE

TOOLCHAIN_NAMES: Mapping[str, str] = {HOST: "host-1", PORTABLE: "portable-1"}
"""What builders compile with where the farm chooses it, in keys.

A new name, as another choice, makes every failure eligible again."""

NO_RECIPE = ""
NO_CUTOFF = ""


def build_key(
    *,
    project: str,
    version: str,
    sdist_sha256: str,
    target: str,
    toolchain: str,
    recipe: str,
    rung: str,
    cutoff: str,
    remakes: str = "",
) -> str:
    """SHA-256, in hexadecimal, of all that decides what a build makes.

    The release is in it beside the hash of its sources: a project that uploads a copy of
    another's must not be given the other's builds, nor the other its own. `remakes` is the bad
    wheel of ours whose place the build takes: what was built before is not the answer then.
    """
    parts = [project, version, sdist_sha256, target, toolchain, recipe, rung, cutoff]
    if remakes:
        parts.append(remakes)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


FARM_FAULT_REST = timedelta(hours=1)
"""How long a build that was given up for faults of ours rests before it may be asked for again."""


def stands(
    state: BuildState,
    *,
    outcome: str,
    ended_at: datetime | None,
    at: datetime,
    is_asked: bool = True,
) -> bool:
    """Whether a build is the answer to a request for the same work, or is to be queued again.

    A package's own failure stands; ours does after a rest no more. What was cancelled, or served
    by something else, has not been answered; but what upstream took back is not built again by
    itself, unless it `is_asked` for by somebody.
    """
    match state:
        case BuildState.CANCELLED if outcome == Outcome.TAKEN_BACK:
            return not is_asked
        case BuildState.CANCELLED | BuildState.COVERED:
            return False
        case BuildState.FAILED if outcome in FARM_FAULTS:
            return ended_at is not None and at - ended_at < FARM_FAULT_REST
        case _:
            return True
