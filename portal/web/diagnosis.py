"""A build's situation in words: what happened, whose turn it is, what to do."""

from dataclasses import dataclass

from builds.domain.outcomes import FARM_FAULTS, Outcome, Turn
from builds.domain.states import LIVE, BuildState
from builds.models import Attempt, Build
from indexes.domain.status import Standing
from indexes.models import File


@dataclass(frozen=True, slots=True)
class Diagnosis:
    tone: str
    """Class of the note it stands in: good, busy, warn, bad."""
    headline: str
    what: str
    turn: str


_TURNS = {
    Turn.NOBODY: "Nobody has to do anything.",
    Turn.PROJECT: (
        "It is the project's turn. The failure stands until its files, the toolchain or our recipe"
        " for it change; asking again builds nothing."
    ),
    Turn.FARM: "It is our turn: the operators of this farm have to look at it.",
    Turn.USER: "It is your turn.",
}


_SINCE = {
    Standing.YANKED: ("yanked", "It is given only to those who ask for exactly this version."),
    Standing.SUPERSEDED: (
        "replaced",
        "A later build took its place. Lock files that name it still resolve.",
    ),
    Standing.WITHDRAWN: (
        "withdrawn",
        "It is off the index. Lock files that name it still resolve.",
    ),
    Standing.QUARANTINED: (
        "quarantined",
        "It is off the index and cannot be downloaded. Lock files that name it fail.",
    ),
}
"""What became of a wheel after it was published, and what that means."""


def diagnose(build: Build, attempt: Attempt | None, file: File | None) -> Diagnosis:
    """What to tell of a build whose latest attempt is `attempt` and which published `file`."""
    if build.state in LIVE:
        return _under_way(build, attempt)
    if file is not None and file.standing != Standing.LISTED:
        word, meaning = _SINCE[Standing(file.standing)]
        return Diagnosis("warn", f"Published, and {word} since", file.standing_reason, meaning)
    return _ended(build, attempt)


def _under_way(build: Build, attempt: Attempt | None) -> Diagnosis:
    nobody = _TURNS[Turn.NOBODY]
    match build.state:
        case BuildState.CLAIMED:
            what = "A builder is about to take it."
            return Diagnosis("busy", "Handed to a builder", what, nobody)
        case BuildState.RUNNING:
            return _running(attempt)
        case BuildState.JUDGING:
            what = (
                "The builder is done. Its wheel is read once more here, without running it, before"
                " it is published."
            )
            return Diagnosis("busy", "Being judged", what, nobody)
        case _:
            return _queued(build, attempt)


def _ended(build: Build, attempt: Attempt | None) -> Diagnosis:
    match build.state:
        case BuildState.PUBLISHED:
            what = build.message or f"{build.filename} is on the index."
            return Diagnosis("good", "Published", what, "")
        case BuildState.COVERED:
            what = build.message or "Another wheel came to serve this target first."
            return Diagnosis("good", "Not needed any more", what, _TURNS[Turn.NOBODY])
        case BuildState.CANCELLED:
            what = build.message or "It was cancelled before it ended."
            turn = "Nothing runs. It can be asked for again when a consent covers it."
            return Diagnosis("warn", _headline(build.outcome, "Cancelled"), what, turn)
        case _:
            headline = _headline(build.outcome, "Failed")
            return Diagnosis("bad", headline, build.message, _turn(build, attempt))


def _running(attempt: Attempt | None) -> Diagnosis:
    builder = f" on {attempt.builder}" if attempt and attempt.builder else ""
    stage = f": {attempt.stage}" if attempt and attempt.stage else ""
    return Diagnosis(
        "busy",
        f"Running{stage}",
        f"It runs in a sandbox{builder}, without secrets and without the network.",
        "Nobody has to do anything; this page follows.",
    )


def _queued(build: Build, attempt: Attempt | None) -> Diagnosis:
    what = "It waits for a free builder; older requests go first."
    if attempt is not None and attempt.message:
        way = "Another way of building is tried next. The last attempt"
        if attempt.outcome in FARM_FAULTS or attempt.outcome == "":
            way = "The last attempt ended early, not by the project's fault"
        what = f"{way}: {attempt.message}"
    elif build.not_before:
        what = "It waits for its next try."
    return Diagnosis("busy", "Waiting", what, "It is our turn.")


def _headline(code: str, otherwise: str) -> str:
    outcome = _outcome(code)
    return outcome.label if outcome else otherwise


def _turn(build: Build, attempt: Attempt | None) -> str:
    outcome = _outcome(build.outcome)
    if outcome is None:
        return ""
    return _TURNS[attempt.turn if attempt and attempt.outcome == outcome else outcome.turn]


def _outcome(code: str) -> Outcome | None:
    try:
        return Outcome(code)
    except ValueError:
        return None
