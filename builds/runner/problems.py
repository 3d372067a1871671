"""What ends a job early: an outcome, a sentence for people, and the line that shows it."""

from builds.domain.outcomes import Outcome
from builds.errors import BuildsError


class JobProblem(BuildsError):
    """The job ends with `outcome`; `evidence` is a line of the log, or the name of a member."""

    def __init__(self, outcome: Outcome, message: str, evidence: str = "") -> None:
        super().__init__(message)
        self.outcome = outcome
        self.code = outcome.value
        self.message = message
        self.evidence = evidence


class WheelProblem(JobProblem):
    """A wheel that must not be published."""


class LeaseGoneError(Exception):
    """The control side took the job back: stop, and send nothing."""
