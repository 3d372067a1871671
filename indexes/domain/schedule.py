"""When upstream is asked for which project: pure, so that it can be tried over years in a second.

A project is asked for again after an *interval*: short after a change, longer the longer nothing
changes. All intervals are stretched alike when they would ask for more than the budget. An answer
that cannot be used puts its project off; answers that upstream is busy pause everything.

Times in numbers are seconds.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

BURST_SECONDS = 0.1
"""Of its rate, what the budget saves up while nobody asks."""
USED = 0.9
"""Of the rate, what intervals are stretched to; the rest is for retries and sweeps."""
QUIET_PER_INTERVAL = 48
"""A project that was quiet for this many intervals is asked for less often."""
SWEEP_SECONDS = 86_400.0
"""After this long a project is asked for as if we knew nothing of it."""
LEASE_SECONDS = 180.0
"""How long who asks for a project may take, before another one may ask."""
STRAINED = 3
"""Busy answers, with no other between them, after which upstream and not a project is at fault."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
LONGEST_TOLD_PAUSE = 3_600.0
"""Of what `Retry-After` asks for."""
AWAIT_SECONDS = 600.0
"""How long a serial that upstream has announced is looked for on a page that is behind it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often upstream may be asked."""

    requests_per_second: float = 16.0
    shortest: float = 60.0
    """Interval of a project that has just changed."""
    longest: float = 900.0
    """Interval of a project that is quiet."""

    @property
    def burst(self) -> float:
        return max(1.0, self.requests_per_second * BURST_SECONDS)


def interval(*, quiet: float | None, pace: Pace) -> float:
    """Until a project is asked for again that was `quiet` for so long (None: always).

    >>> [interval(quiet=quiet, pace=Pace()) for quiet in (0, 14_400, 604_800)]
    [60.0, 300.0, 900.0]
    """
    if quiet is None:
        return pace.longest
    return min(max(quiet / QUIET_PER_INTERVAL, pace.shortest), pace.longest)


def stretch(*, demand: float, pace: Pace) -> float:
    """What all intervals are multiplied by, when before that they make so many requests a second.

    >>> stretch(demand=10_000 / 900, pace=Pace())
    1.0
    >>> stretch(demand=10_000 / 60, pace=Pace(requests_per_second=20.0))
    9.25925925925926
    """
    return max(1.0, demand / (pace.requests_per_second * USED))


def retry_after_failure(*, failures: int, told: float | None, pace: Pace) -> float:
    """Until a project is asked for again after so many failures in a row.

    `told` is upstream's `Retry-After` (RFC 9110, 10.2.3).
    """
    doubled = pace.shortest * 2.0 ** min(failures - 1, 32)
    return max(min(doubled, pace.longest), min(told or 0.0, LONGEST_TOLD_PAUSE))


def is_sweep_due(*, swept_at: datetime | None, at: datetime) -> bool:
    return swept_at is None or seconds_between(swept_at, at) >= SWEEP_SECONDS


def seconds_between(before: datetime, after: datetime) -> float:
    return (after - before).total_seconds()


@dataclass(frozen=True, slots=True)
class Budget:
    """Requests that may be made now, by all processes on all hosts together: a token bucket.

    While upstream is strained one request is made after each pause, to see whether it still is.
    """

    tokens: float
    filled_at: datetime
    strain: int = 0
    """Busy answers with no other between them."""
    strained_at: datetime | None = None
    resumes_at: datetime | None = None
    """Nothing is asked before."""

    def take(self, wanted: int, *, at: datetime, pace: Pace) -> tuple["Budget", int]:
        """Take up to `wanted` requests; says how many were granted."""
        filled = self._filled(at, pace)
        if wanted <= 0 or (self.resumes_at is not None and at < self.resumes_at):
            return filled, 0
        granted = min(wanted, int(filled.tokens))
        if self.strain >= STRAINED and granted:
            granted = 1
            filled = replace(filled, resumes_at=_later(at, _pause(self.strain)))
        return replace(filled, tokens=filled.tokens - granted), granted

    def charged(self, requests: int) -> "Budget":
        """Requests that were made besides; they are taken from those to come."""
        return replace(self, tokens=self.tokens - requests)

    def strained(
        self, *, asked_at: datetime, at: datetime, told: float | None, is_limit: bool
    ) -> "Budget":
        """Upstream was busy. `is_limit`: it said that we ask too often (429).

        Of requests that were under way together, only the first doubles the pause.
        """
        strain = self.strain
        if strain < STRAINED or self.strained_at is None or asked_at > self.strained_at:
            strain = max(strain + 1, STRAINED if is_limit else 0)
        if strain < STRAINED:
            return replace(self, strain=strain, strained_at=at)
        pause = max(_pause(strain), min(told or 0.0, LONGEST_TOLD_PAUSE))
        return replace(
            self,
            strain=strain,
            strained_at=at,
            resumes_at=max(_later(at, pause), self.resumes_at or at),
        )

    def relieved(self, *, asked_at: datetime) -> "Budget":
        """Upstream answered, not as late as something asked before it was strained."""
        if self.strained_at is None or asked_at <= self.strained_at:
            return self
        return replace(self, strain=0, strained_at=None, resumes_at=None)

    def _filled(self, at: datetime, pace: Pace) -> "Budget":
        # Another host's clock may be ahead of ours.
        gained = max(0.0, seconds_between(self.filled_at, at)) * pace.requests_per_second
        return replace(
            self,
            tokens=min(self.tokens + gained, pace.burst),
            filled_at=max(self.filled_at, at),
        )


def _pause(strain: int) -> float:
    return min(FIRST_PAUSE * 2.0 ** min(max(strain - STRAINED, 0), 32), LONGEST_PAUSE)


def _later(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)


class Doubt(StrEnum):
    """An answer that is not believed at once, because a broken cache gives such answers too."""

    MISSING = "missing"
    """There is no such project, where there was one."""
    OLDER = "older"
    """The page's serial went back."""

    @property
    def label(self) -> str:
        return self.value.capitalize()

    @property
    def seconds(self) -> float:
        """For how long upstream must say nothing else, before it is believed.

        A deletion may be of malware: it is followed as soon as a second answer confirms it. A
        page of before may be without a yank: caches keep one for minutes, not for an hour.
        """
        return 30.0 if self is Doubt.MISSING else 3_600.0

    def is_settled(self, *, since: datetime | None, at: datetime) -> bool:
        """Whether it is believed by now, when it was first answered at `since` (None: now)."""
        return since is not None and seconds_between(since, at) >= self.seconds
