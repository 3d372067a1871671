"""The stages of an attempt as told by events that may come twice or out of order."""

from datetime import datetime
from typing import Any

type Stages = list[dict[str, Any]]
"""`{"stage", "started_at", "ended_at"}`, ISO 8601 with an offset; the last may be under way."""


def start_stage(stages: Stages, *, stage: str, at: str) -> Stages:
    """Enter a stage at `at`: where it belongs in time, and once.

    >>> begun = start_stage([], stage="build", at="2026-01-01T00:00:09+00:00")
    >>> both = start_stage(begun, stage="fetch", at="2026-01-01T00:00:01+00:00")
    >>> [(s["stage"], s["ended_at"]) for s in both]
    [('fetch', '2026-01-01T00:00:09+00:00'), ('build', None)]
    >>> start_stage(both, stage="fetch", at="2026-01-01T00:00:01+00:00") == both
    True
    """
    if any(known["stage"] == stage and known["started_at"] == at for known in stages):
        return stages
    end = stages[-1]["ended_at"] if stages else None
    ordered = sorted(
        [*stages, {"stage": stage, "started_at": at}],
        key=lambda known: datetime.fromisoformat(known["started_at"]),
    )
    ends = [*(known["started_at"] for known in ordered[1:]), end]
    return [
        {"stage": known["stage"], "started_at": known["started_at"], "ended_at": ended_at}
        for known, ended_at in zip(ordered, ends, strict=True)
    ]


def end_stages(stages: Stages, *, at: str) -> Stages:
    """End the last stage; the others ended when the next one began."""
    return [*stages[:-1], {**stages[-1], "ended_at": at}] if stages else []
