"""What a builder says while it works. Events travel as JSON on a queue the control side reads."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    FETCH = "fetch"
    INSPECT = "inspect"
    RESOLVE = "resolve"
    BUILD = "build"
    REPAIR = "repair"
    CHECK = "check"
    SMOKE = "smoke"
    UPLOAD = "upload"

    @property
    def label(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class StageStarted:
    """The runner entered a stage; the one before has ended. `at` is ISO 8601 UTC."""

    stage: str
    at: str


@dataclass(frozen=True, slots=True)
class LogWritten:
    """A piece of the log. `sequence` counts from 0 within the attempt."""

    sequence: int
    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The runner is done. `outcome` is a code of `builds.domain.outcomes`.

    `report` holds what was found on the way (see `builds.runner.run`): "interpreter",
    "resolved" (build requirements: name, version, filename, sha256), "runtime" (what smoke
    installed), "system" (packages of the distribution), "wheel" (filename, sha256, size,
    uploaded as), "grafted", "modules", "log_sha256", "limits", "builder", "source_date_epoch".
    """

    outcome: str
    message: str
    evidence: str
    at: str
    report: dict[str, Any]


type Event = StageStarted | LogWritten | Ended
type Emit = Callable[[Event], None]

_KINDS: dict[str, type[StageStarted | LogWritten | Ended]] = {
    "stage-started": StageStarted,
    "log-written": LogWritten,
    "ended": Ended,
}


def event_to_json(event: Event) -> dict[str, Any]:
    kind = next(name for name, cls in _KINDS.items() if isinstance(event, cls))
    return {"kind": kind, **asdict(event)}


def event_from_json(value: dict[str, Any]) -> Event:
    """Raises `ValueError` on an unknown kind or a field that does not fit."""
    data = dict(value)
    try:
        return _KINDS[data.pop("kind")](**data)
    except (KeyError, TypeError) as error:
        message = f"not an event of a builder: {error}"
        raise ValueError(message) from error
