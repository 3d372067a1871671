"""Named ends of attempts: what happened, and whose turn it is."""

from collections.abc import Mapping
from enum import StrEnum


class Turn(StrEnum):
    """Who can do something about it."""

    NOBODY = "nobody"
    PROJECT = "project"
    FARM = "farm"
    USER = "user"

    @property
    def label(self) -> str:
        return self.value


class Outcome(StrEnum):
    """Codes are stable: they stand in the API, in the ledger and in people's bookmarks."""

    BUILT = "built"
    COVERED = "covered"

    # The farm's: retried, never a project's failure.
    UPSTREAM_UNREACHABLE = "upstream-unreachable"
    BUILDER_FAULT = "builder-fault"
    BUILDER_LOST = "builder-lost"
    NO_INTERPRETER = "no-interpreter"
    UPLOAD_FAILED = "upload-failed"

    # Somebody's say-so.
    CANCELLED = "cancelled"
    PERMIT_GONE = "permit-gone"
    TAKEN_BACK = "taken-back"

    # The distribution's.
    SDIST_TOO_LARGE = "sdist-too-large"
    SDIST_HASH_MISMATCH = "sdist-hash-mismatch"
    SDIST_GONE = "sdist-gone"
    SDIST_MALFORMED = "sdist-malformed"
    SDIST_HOSTILE = "sdist-hostile"
    SDIST_OTHER_PROJECT = "sdist-other-project"
    REQUIREMENTS_UNRESOLVABLE = "requirements-unresolvable"
    BUILD_FAILED = "build-failed"
    NO_WHEEL = "no-wheel"
    SEVERAL_WHEELS = "several-wheels"
    HOLLOW_WHEEL = "hollow-wheel"
    REPAIR_FAILED = "repair-failed"
    WHEEL_MALFORMED = "wheel-malformed"
    WHEEL_OTHER_PROJECT = "wheel-other-project"
    WHEEL_OTHER_TARGET = "wheel-other-target"
    INSTALL_FAILED = "install-failed"
    IMPORT_FAILED = "import-failed"
    NOT_SUPPORTED = "not-supported"

    # Limits.
    WALL_TIME = "wall-time"
    CPU_TIME = "cpu-time"
    NO_OUTPUT = "no-output"
    OUT_OF_MEMORY = "out-of-memory"
    TOO_MANY_PROCESSES = "too-many-processes"
    DISK_FULL = "disk-full"
    LOG_FLOOD = "log-flood"

    @property
    def label(self) -> str:
        return self.value.replace("-", " ").capitalize()

    @property
    def turn(self) -> Turn:
        if self in {Outcome.BUILT, Outcome.COVERED, *CANCELLATIONS}:
            return Turn.NOBODY
        if self in FARM_FAULTS:
            return Turn.FARM
        return Turn.PROJECT

    def sentence(self, *, project: str, version: str, target: str) -> str:
        """What happened, in words for people: of which release, for which target, whose turn."""
        return SENTENCES[self].format(project=project, version=version, target=target)


FARM_FAULTS = frozenset(
    {
        Outcome.UPSTREAM_UNREACHABLE,
        Outcome.BUILDER_FAULT,
        Outcome.BUILDER_LOST,
        Outcome.NO_INTERPRETER,
        Outcome.UPLOAD_FAILED,
    }
)

CANCELLATIONS = frozenset({Outcome.CANCELLED, Outcome.PERMIT_GONE, Outcome.TAKEN_BACK})
"""Ends by somebody's say-so."""

LIMITS = frozenset(
    {
        Outcome.WALL_TIME,
        Outcome.CPU_TIME,
        Outcome.NO_OUTPUT,
        Outcome.OUT_OF_MEMORY,
        Outcome.TOO_MANY_PROCESSES,
        Outcome.DISK_FULL,
        Outcome.LOG_FLOOD,
    }
)
"""Ends that a limit made."""

SENTENCES: Mapping[Outcome, str] = {
    Outcome.BUILT: "A wheel of {project} {version} for {target} was built.",
    Outcome.COVERED: "Another wheel of {project} {version} came to serve {target} first.",
    Outcome.UPSTREAM_UNREACHABLE: (
        "The index that {project} {version} is built from could not be reached. "
        "The farm tries again; there is nothing to do."
    ),
    Outcome.BUILDER_FAULT: (
        "A builder failed while it worked on {project} {version}; the project is not to blame. "
        "The farm tries again; there is nothing to do."
    ),
    Outcome.BUILDER_LOST: (
        "The builder that worked on {project} {version} went away. "
        "The farm tries again; there is nothing to do."
    ),
    Outcome.NO_INTERPRETER: (
        "The builder has no Python interpreter for {target}, so {project} {version} was not "
        "tried. The farm's operators must add one."
    ),
    Outcome.UPLOAD_FAILED: (
        "The wheel of {project} {version} for {target} could not be handed over. "
        "The farm tries again; there is nothing to do."
    ),
    Outcome.CANCELLED: "The build of {project} {version} for {target} was cancelled.",
    Outcome.TAKEN_BACK: (
        "Upstream took {project} {version} back, so nothing of it is built for {target}. Once it is"
        " there again, ask for it again."
    ),
    Outcome.PERMIT_GONE: (
        "The leave to build {project} {version} was taken back, so this build was stopped."
    ),
    Outcome.SDIST_TOO_LARGE: (
        "The sdist of {project} {version} is larger than this farm accepts. "
        "The farm's operators can raise the limit."
    ),
    Outcome.SDIST_HASH_MISMATCH: (
        "The sdist of {project} {version} is not the file that the index announced. "
        "It was not opened; the project should look at its release."
    ),
    Outcome.SDIST_GONE: (
        "The sdist of {project} {version} is no longer on the index. "
        "Only the project can bring one back."
    ),
    Outcome.SDIST_MALFORMED: (
        "The sdist of {project} {version} cannot be read as one. The project should release "
        "one that follows the source distribution format."
    ),
    Outcome.SDIST_HOSTILE: (
        "The sdist of {project} {version} holds what no sdist should, so it was not unpacked. "
        "The project should look at its release."
    ),
    Outcome.SDIST_OTHER_PROJECT: (
        "The sdist of {project} {version} says that it is of another release. "
        "The project should release one that names itself."
    ),
    Outcome.REQUIREMENTS_UNRESOLVABLE: (
        "What {project} {version} needs for a build on {target} could not be put together. "
        "The project declares its build requirements: its turn."
    ),
    Outcome.BUILD_FAILED: (
        "The sources of {project} {version} do not build for {target}. "
        "The project can release sources that do."
    ),
    Outcome.NO_WHEEL: (
        "The build of {project} {version} for {target} ended well and left no wheel. "
        "The project's build backend decides that: its turn."
    ),
    Outcome.SEVERAL_WHEELS: (
        "The build of {project} {version} for {target} left several wheels, and one is wanted. "
        "The project's build backend decides that: its turn."
    ),
    Outcome.HOLLOW_WHEEL: (
        "The build of {project} {version} for {target} ended well, and gave a wheel without "
        "extensions that belong in it. It is not published; the project can make its build fail "
        "where an extension does."
    ),
    Outcome.REPAIR_FAILED: (
        "The wheel of {project} {version} for {target} needs more of the system than wheels "
        "may count on, and that could not be mended."
    ),
    Outcome.WHEEL_MALFORMED: (
        "The build of {project} {version} for {target} gave a wheel that breaks the format. "
        "The project's build backend made it: its turn."
    ),
    Outcome.WHEEL_OTHER_PROJECT: (
        "The build of {project} {version} for {target} gave a wheel of another release. "
        "The project's build backend decides that: its turn."
    ),
    Outcome.WHEEL_OTHER_TARGET: (
        "The build of {project} {version} gave a wheel that cannot be installed on {target}."
    ),
    Outcome.INSTALL_FAILED: (
        "The wheel of {project} {version} was built for {target}, but cannot be installed with "
        "what it requires. It is not published; the project declares its requirements: its turn."
    ),
    Outcome.IMPORT_FAILED: (
        "The wheel of {project} {version} was built for {target}, but cannot be imported there. "
        "It is not published; the project can release sources that work on {target}."
    ),
    Outcome.NOT_SUPPORTED: (
        "The sources of {project} {version} cannot work on {target}, however they are built. "
        "The project can release sources that do."
    ),
    Outcome.WALL_TIME: (
        "The build of {project} {version} for {target} took too long and was stopped."
    ),
    Outcome.CPU_TIME: (
        "The build of {project} {version} for {target} used too much processor time and was "
        "stopped."
    ),
    Outcome.NO_OUTPUT: (
        "The build of {project} {version} for {target} said nothing for too long and was stopped."
    ),
    Outcome.OUT_OF_MEMORY: (
        "The build of {project} {version} for {target} needs more memory than a build may use."
    ),
    Outcome.TOO_MANY_PROCESSES: (
        "The build of {project} {version} for {target} started more processes than a build may."
    ),
    Outcome.DISK_FULL: (
        "The build of {project} {version} for {target} wrote more than a build may keep on disk."
    ),
    Outcome.LOG_FLOOD: (
        "The build of {project} {version} for {target} wrote more log than anybody can read and "
        "was stopped."
    ),
}
