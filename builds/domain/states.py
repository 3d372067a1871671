"""The automata of builds and attempts.

A move is one conditional update: `qs.filter(pk=pk, state__in=sources_of(target))`.
"""

from collections.abc import Mapping
from enum import StrEnum


class BuildState(StrEnum):
    """queued → claimed → running → judging → published | failed | cancelled | covered.

    A lost or faulty attempt of ours takes a live build back to queued. covered: another build
    of the release, or upstream, came to serve this target first.
    """

    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    JUDGING = "judging"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"
    COVERED = "covered"

    @property
    def label(self) -> str:
        return self.value.capitalize()


BUILD_TRANSITIONS: Mapping[BuildState, frozenset[BuildState]] = {
    BuildState.QUEUED: frozenset(
        {BuildState.CLAIMED, BuildState.CANCELLED, BuildState.COVERED, BuildState.FAILED}
    ),
    BuildState.CLAIMED: frozenset(
        {BuildState.RUNNING, BuildState.QUEUED, BuildState.CANCELLED, BuildState.FAILED}
    ),
    BuildState.RUNNING: frozenset(
        {BuildState.JUDGING, BuildState.QUEUED, BuildState.CANCELLED, BuildState.FAILED}
    ),
    BuildState.JUDGING: frozenset(
        {
            BuildState.PUBLISHED,
            BuildState.QUEUED,
            BuildState.CANCELLED,
            BuildState.COVERED,
            BuildState.FAILED,
        }
    ),
    BuildState.PUBLISHED: frozenset(),
    BuildState.FAILED: frozenset({BuildState.QUEUED}),
    BuildState.CANCELLED: frozenset({BuildState.QUEUED}),
    BuildState.COVERED: frozenset({BuildState.QUEUED}),
}

LIVE = frozenset({BuildState.QUEUED, BuildState.CLAIMED, BuildState.RUNNING, BuildState.JUDGING})


class AttemptState(StrEnum):
    """leased → running → judging → succeeded | failed | lost | cancelled."""

    LEASED = "leased"
    RUNNING = "running"
    JUDGING = "judging"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    CANCELLED = "cancelled"

    @property
    def label(self) -> str:
        return self.value.capitalize()


ATTEMPT_TRANSITIONS: Mapping[AttemptState, frozenset[AttemptState]] = {
    AttemptState.LEASED: frozenset(
        {AttemptState.RUNNING, AttemptState.LOST, AttemptState.CANCELLED, AttemptState.FAILED}
    ),
    AttemptState.RUNNING: frozenset(
        {AttemptState.JUDGING, AttemptState.LOST, AttemptState.CANCELLED, AttemptState.FAILED}
    ),
    AttemptState.JUDGING: frozenset(
        {AttemptState.SUCCEEDED, AttemptState.LOST, AttemptState.CANCELLED, AttemptState.FAILED}
    ),
    AttemptState.SUCCEEDED: frozenset(),
    AttemptState.FAILED: frozenset(),
    AttemptState.LOST: frozenset(),
    AttemptState.CANCELLED: frozenset(),
}


def sources_of[S: StrEnum](target: S, transitions: Mapping[S, frozenset[S]]) -> list[str]:
    """The values of the states from which `target` can be entered, for `state__in`."""
    return [source.value for source, ends in transitions.items() if target in ends]
