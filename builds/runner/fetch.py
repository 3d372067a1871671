"""Stage fetch: the sdist, as upstream announced it, or not at all."""

import os
from pathlib import Path

from builds.domain.outcomes import Outcome
from builds.runner.attempt import Attempt
from builds.runner.download import (
    DownloadError,
    GoneError,
    StoppedError,
    TooLargeError,
    WrongHashError,
)
from builds.runner.problems import LeaseGoneError

_OUTCOMES: dict[type[DownloadError], Outcome] = {
    GoneError: Outcome.SDIST_GONE,
    TooLargeError: Outcome.SDIST_TOO_LARGE,
    WrongHashError: Outcome.SDIST_HASH_MISMATCH,
}


def fetch(attempt: Attempt) -> Path:
    """Return the sdist, a file of this job."""
    sdist = attempt.job.sdist
    limit = attempt.bench.sdist_limits.size
    if (sdist.size or 0) > limit:
        raise attempt.problem(Outcome.SDIST_TOO_LARGE, f"{sdist.size} bytes")
    attempt.journal.say(f"fetching {sdist.filename}, sha256 {sdist.sha256}")
    try:
        descriptor = _open(attempt, limit)
    except StoppedError as error:
        raise LeaseGoneError from error
    except DownloadError as error:
        outcome = _OUTCOMES.get(type(error), Outcome.UPSTREAM_UNREACHABLE)
        attempt.journal.say(str(error))
        raise attempt.problem(outcome, str(error)) from error
    path = attempt.folder("fetched") / "sdist"
    with os.fdopen(descriptor, "rb") as held, path.open("xb") as file:
        while chunk := held.read(1 << 20):
            file.write(chunk)
    attempt.journal.say(f"fetched {path.stat().st_size} bytes")
    return path


def _open(attempt: Attempt, limit: int) -> int:
    """Have the file of another hash sent once more: what damaged it may have been on the way."""
    sdist, cache = attempt.job.sdist, attempt.bench.cache
    try:
        return cache.open(sdist.url, sdist.sha256, limit=limit, is_live=attempt.is_live)
    except WrongHashError as error:
        attempt.journal.say(f"{error}; asking once more")
        return cache.open(sdist.url, sdist.sha256, limit=limit, is_live=attempt.is_live)
