"""When a builder, or the whole farm, is given no more jobs because its own faults pile up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
LOOKED_AT = 6
"""Latest attempts that ended."""
TOO_MANY = 5
"""Faults of the farm among them."""
DIFFERENT = 3
"""Builds that they are spread over, at least: one bad build is not a bad builder."""
PAUSE = timedelta(minutes=10)
"""How long nothing is given; then one job on trial."""

WHOLE_FARM = ""
"""The name of all builders together."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that ended. `fault` is the farm's own fault that ended it, or empty."""

    builder: str
    build: object
    fault: str
    at: datetime


def stops_builder(latest: Sequence[Ended], *, at: datetime) -> bool:
    """Whether a builder has to stop, by its latest attempts, the newest first."""
    faults = _faults(latest, at)
    return len(faults) >= TOO_MANY and len({each.build for each in faults}) >= DIFFERENT


def stops_farm(latest: Sequence[Ended], *, at: datetime) -> bool:
    """Whether nothing is given to anybody: the same fault everywhere, as when upstream is away.

    `latest` are those of all builders, the newest first.
    """
    faults = _faults(latest, at)
    return (
        stops_builder(latest, at=at)
        and len({each.builder for each in faults}) > 1
        and len({each.fault for each in faults}) == 1
    )


def _faults(latest: Sequence[Ended], at: datetime) -> list[Ended]:
    return [each for each in latest[:LOOKED_AT] if each.fault and at - each.at <= WINDOW]
