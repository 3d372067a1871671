"""Named ends of attempts: what happened, and whose turn it is."""

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

    # The farm's: retried, never a project's failure.
    UPSTREAM_UNREACHABLE = "upstream-unreachable"
    BUILDER_FAULT = "builder-fault"
    BUILDER_LOST = "builder-lost"
    NO_INTERPRETER = "no-interpreter"
    UPLOAD_FAILED = "upload-failed"

    # Somebody's say-so.
    CANCELLED = "cancelled"
    PERMIT_GONE = "permit-gone"

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
    REPAIR_FAILED = "repair-failed"
    WHEEL_MALFORMED = "wheel-malformed"
    WHEEL_OTHER_PROJECT = "wheel-other-project"
    WHEEL_OTHER_TARGET = "wheel-other-target"
    INSTALL_FAILED = "install-failed"
    IMPORT_FAILED = "import-failed"

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
        if self is Outcome.BUILT:
            return Turn.NOBODY
        if self in FARM_FAULTS:
            return Turn.FARM
        if self in {Outcome.CANCELLED, Outcome.PERMIT_GONE}:
            return Turn.NOBODY
        return Turn.PROJECT


FARM_FAULTS = frozenset(
    {
        Outcome.UPSTREAM_UNREACHABLE,
        Outcome.BUILDER_FAULT,
        Outcome.BUILDER_LOST,
        Outcome.NO_INTERPRETER,
        Outcome.UPLOAD_FAILED,
    }
)
