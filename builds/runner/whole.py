"""Whether a wheel holds all the extension modules that a good one has.

Its build's log tells, and wheels of its kin do: their lists of members are read, none of their
code is.
"""

import os
import zipfile
from pathlib import Path

from packaging.utils import parse_wheel_filename
from packaging.version import Version

from builds.domain.extensions import (
    SOURCES,
    Kin,
    Lack,
    extension_names,
    lack_by_kin,
    lack_by_log,
)
from builds.domain.outcomes import Outcome
from builds.domain.siblings import LARGEST, is_for_machine
from builds.runner.attempt import Attempt
from builds.runner.check import WheelFacts
from builds.runner.download import DownloadError, StoppedError
from builds.runner.job import Distribution
from builds.runner.problems import JobProblem, LeaseGoneError
from builds.runner.zips import verify_directory

MOST_NAMED = 20
"""Extensions of a sibling that the log names."""


def verify_whole(attempt: Attempt, facts: WheelFacts, *, log: str, sources: frozenset[str]) -> None:
    """Raise a `JobProblem` unless the wheel holds the extensions that it should.

    `log` is what the build said, `sources` what `extension_sources` found before it ran.
    """
    optional = attempt.job.way.optional
    extensions = extension_names(facts.elf)
    lack = lack_by_log(log, extensions=extensions, optional=optional)
    if lack is None:
        kin = _kin(attempt)
        lack = lack_by_kin(kin, extensions=extensions, sources=sources, optional=optional)
    if lack is None and not facts.elf and not facts.is_pure:
        lack = Lack((), "though it says that it is for one platform", "it holds no machine code")
    if lack is not None:
        raise _hollow(attempt, lack)


def extension_sources(folder: Path) -> frozenset[str]:
    """Paths, below the folder, of what extension modules can be made of."""
    return frozenset(
        (Path(parent) / name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
        if name.endswith(SOURCES)
    )


def _hollow(attempt: Attempt, lack: Lack) -> JobProblem:
    what = "extension" + ("s " if len(lack.names) > 1 else " ") + ", ".join(lack.names)
    named = f"the {what}" if lack.names else "an extension"
    return JobProblem(
        Outcome.HOLLOW_WHEEL,
        f"The wheel of {attempt.release} for {attempt.target.name} lacks {named[:500]}, "
        f"{lack.reason}. It is not published; the project can make its build fail where an "
        "extension does.",
        lack.evidence,
    )


def _kin(attempt: Attempt) -> list[Kin]:
    """The wheels that the job names, as far as they can be had and read."""
    found = []
    for sibling in attempt.job.siblings:
        try:
            members = _members(attempt, sibling)
            version = parse_wheel_filename(sibling.filename)[1]
        except (DownloadError, zipfile.BadZipFile, ValueError, OSError, RuntimeError) as error:
            attempt.journal.say(f"{sibling.filename} cannot be compared with: {error}")
            continue
        kin = Kin(
            sibling.filename,
            is_same_release=version == Version(attempt.job.version),
            is_same_machine=is_for_machine(sibling.filename, attempt.target),
            extensions=extension_names(members),
        )
        named = ", ".join(sorted(kin.extensions)[:MOST_NAMED]) or "none"
        attempt.journal.say(f"compared with {kin.filename}, with the extensions {named}")
        found.append(kin)
    return found


def _members(attempt: Attempt, sibling: Distribution) -> list[str]:
    limit = min(LARGEST, attempt.bench.wheel_limits.size)
    try:
        descriptor = attempt.bench.cache.open(
            sibling.url, sibling.sha256, limit=limit, is_live=attempt.is_live
        )
    except StoppedError as error:
        raise LeaseGoneError from error
    with os.fdopen(descriptor, "rb") as file:
        verify_directory(file, attempt.bench.wheel_limits.members)
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
