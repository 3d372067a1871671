"""What goes into a build, as one key: two builds with the same key are the same work."""

import hashlib
import json

TOOLCHAIN = "host-1"
"""What builders compile with. A new name makes every failure eligible again."""

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
) -> str:
    """SHA-256, in hexadecimal, of all that decides what a build makes.

    The release is in it beside the hash of its sources: a project that uploads a copy of
    another's must not be given the other's builds, nor the other its own.
    """
    parts = [project, version, sdist_sha256, target, toolchain, recipe, rung, cutoff]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
