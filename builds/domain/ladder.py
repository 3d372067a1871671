"""The ladder: which way of resolving and building is tried next."""

from collections.abc import Sequence

DECLARED = "declared"
"""The requirements that the project declares, in today's versions."""

RUNGS = (DECLARED,)
"""In the order they are tried: the cheap ones first."""


def next_rung(history: Sequence[str]) -> str | None:
    """The rung to try next, or `None` when nothing is left to try.

    `history` has the rungs whose attempts said something of the project, in order: one that
    ended in a fault of the farm is tried again.

    >>> next_rung([])
    'declared'
    """
    return next((rung for rung in RUNGS if rung not in history), None)
