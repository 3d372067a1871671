"""The ladder: which way of resolving and building is tried next."""

from collections.abc import Sequence
from dataclasses import dataclass

from builds.domain.outcomes import FARM_FAULTS, Outcome

DECLARED = "declared"
"""The requirements that the project declares, in today's versions."""

RUNGS = (DECLARED,)
"""In the order they are tried: the cheap ones first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt that has ended."""

    rung: str
    outcome: Outcome


def next_rung(history: Sequence[Step]) -> str | None:
    """The rung to try after these attempts at one build, or `None` when nothing is left to try.

    A fault of the farm says nothing of the rung, which is tried again.

    >>> next_rung([])
    'declared'
    >>> next_rung([Step(DECLARED, Outcome.BUILDER_LOST)])
    'declared'
    """
    if any(step.outcome is Outcome.BUILT for step in history):
        return None
    tried = {step.rung for step in history if step.outcome not in FARM_FAULTS}
    return next((rung for rung in RUNGS if rung not in tried), None)
