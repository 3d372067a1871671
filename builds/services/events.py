"""What builders say while they work. A builder is not trusted: all of it is checked here.

Events may come twice, late, or out of order; each is recorded once.
"""

import json
import logging
import re
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from builds import dispatch
from builds.domain.leases import lease_hash
from builds.domain.outcomes import CANCELLATIONS, Outcome
from builds.domain.stages import Stages, end_stages, start_stage
from builds.domain.states import (
    ATTEMPT_TRANSITIONS,
    BUILD_TRANSITIONS,
    AttemptState,
    BuildState,
    sources_of,
)
from builds.errors import BuilderStopped
from builds.models import Attempt, Build, LogChunk
from builds.runner.events import Ended, LogWritten, Stage, StageStarted, event_from_json
from builds.services.builders import note_end
from builds.services.conclude import conclude_attempt, lock_build
from builds.services.lease import show_lease

logger = logging.getLogger(__name__)

MAX_LOG = 48 * 1024 * 1024
"""Characters of log kept of one attempt; its commands each have a limit of their own."""
MAX_CHUNK = 1024 * 1024
MAX_SEQUENCE = 2**31 - 1
MAX_MESSAGE = 20_000
MAX_STAGES = 100
MAX_REPORT = 4 * 1024 * 1024
"""Characters, as JSON."""
LOG_CUT = "\n[the log was cut here: it is larger than what is kept]\n"

OURS = ("diagnosis", "recipe")
"""Parts of a report that the control side writes, and no builder."""

_UNHEARD = {AttemptState.LOST, AttemptState.CANCELLED}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def record_event(*, attempt_id: UUID, lease: str, event: dict[str, Any], at: datetime) -> None:
    """Record what a builder said of its attempt, if the attempt is still its own."""
    attempt = Attempt.objects.filter(pk=attempt_id, lease_hash=lease_hash(lease)).first()
    if attempt is None or attempt.state in _UNHEARD:
        logger.info("attempt %s: an event that comes too late is ignored", attempt_id)
        return
    try:
        said = event_from_json(event)
    except ValueError as error:
        logger.warning("attempt %s: an event is ignored: %s", attempt_id, error)
        return
    # The first sign of life takes the attempt, whichever way it comes.
    if attempt.state == AttemptState.LEASED and not _takes(attempt_id, lease, at):
        return
    match said:
        case StageStarted():
            _record_stage(attempt_id, said)
        case LogWritten():
            _record_log(attempt_id, said)
        case Ended():
            _record_end(attempt_id, said, at)


def _takes(attempt_id: UUID, lease: str, at: datetime) -> bool:
    try:
        return show_lease(attempt_id=attempt_id, token=lease, builder="", at=at)
    except BuilderStopped as error:
        logger.info("attempt %s: %s", attempt_id, error)
        return False


@transaction.atomic
def _record_stage(attempt_id: UUID, event: StageStarted) -> None:
    if event.stage not in list(Stage) or _moment(event.at) is None:
        logger.warning("attempt %s: no stage starts so: %r", attempt_id, event)
        return
    attempt = Attempt.objects.select_for_update().get(pk=attempt_id)
    if len(attempt.stages) >= MAX_STAGES:
        return
    attempt.stages = start_stage(attempt.stages, stage=event.stage, at=event.at)
    attempt.stage = attempt.stages[-1]["stage"]
    attempt.save(update_fields=["stages", "stage"])


@transaction.atomic
def _record_log(attempt_id: UUID, event: LogWritten) -> None:
    said: dict[str, Any] = asdict(event)
    is_sound = (
        isinstance(said["sequence"], int)
        and 0 <= event.sequence <= MAX_SEQUENCE
        and event.stage in list(Stage)
        and isinstance(said["text"], str)
    )
    if not is_sound:
        logger.warning("attempt %s: a piece of log is ignored: it is malformed", attempt_id)
        return
    text = storable(event.text)
    if len(text) > MAX_CHUNK:
        text = text[:MAX_CHUNK] + LOG_CUT
    _, is_new = LogChunk.objects.get_or_create(
        attempt_id=attempt_id,
        sequence=event.sequence,
        defaults={"stage": event.stage, "text": text},
    )
    if not is_new:
        return
    fits = Attempt.objects.filter(pk=attempt_id, log_size__lt=MAX_LOG).update(
        log_size=F("log_size") + len(text)
    )
    if not fits:
        LogChunk.objects.filter(attempt=attempt_id, sequence=event.sequence).delete()
        return
    size = Attempt.objects.values_list("log_size", flat=True).get(pk=attempt_id)
    if size >= MAX_LOG:
        LogChunk.objects.filter(attempt=attempt_id, sequence=event.sequence).update(
            text=text[: max(0, len(text) - (size - MAX_LOG))] + LOG_CUT
        )


def _record_end(attempt_id: UUID, event: Ended, at: datetime) -> None:
    said: Any = event.report
    is_sound = isinstance(said, dict) and len(json.dumps(said)) <= MAX_REPORT
    report: dict[str, Any] = storable(said) if is_sound else {}
    for ours in OURS:
        report.pop(ours, None)
    with transaction.atomic():
        if not _record_report(attempt_id, event, report):
            return
        outcome, message = _outcome_of(event, report)
        if outcome is Outcome.BUILT:
            _hand_to_judge(attempt_id, at)
        else:
            conclude_attempt(
                attempt_id=attempt_id,
                state=AttemptState.FAILED,
                outcome=outcome,
                message=message,
                evidence=storable(str(event.evidence))[:MAX_MESSAGE],
                at=at,
            )


def _record_report(attempt_id: UUID, event: Ended, report: dict[str, Any]) -> bool:
    """Keep what the runner found; False when the attempt had ended before."""
    if lock_build(attempt_id=attempt_id) is None:
        return False
    attempt = Attempt.objects.get(pk=attempt_id)
    if attempt.state != AttemptState.RUNNING:
        return False
    attempt.report = report | {
        ours: attempt.report[ours] for ours in OURS if ours in attempt.report
    }
    attempt.stages = _ended_stages(attempt.stages, event.at)
    attempt.builder = attempt.builder or str(report.get("builder", ""))[:128]
    attempt.save(update_fields=["report", "stages", "builder"])
    return True


def _ended_stages(stages: Stages, at: str) -> Stages:
    return end_stages(stages, at=at) if _moment(at) is not None else stages


def _outcome_of(event: Ended, report: dict[str, Any]) -> tuple[Outcome, str]:
    message = storable(str(event.message))[:MAX_MESSAGE]
    try:
        outcome = Outcome(event.outcome)
    except ValueError:
        return Outcome.BUILDER_FAULT, f"A builder ended with {event.outcome!r:.60}: unheard of."
    if outcome is Outcome.BUILT and not _is_wheel(report.get("wheel")):
        return Outcome.BUILDER_FAULT, "A builder said it built a wheel, and did not say which."
    if outcome in {Outcome.COVERED, *CANCELLATIONS}:
        return Outcome.BUILDER_FAULT, f"A builder ended with {outcome.value}, not its to say."
    return outcome, message


def _is_wheel(said: Any) -> bool:
    return (
        isinstance(said, dict)
        and isinstance(said.get("filename"), str)
        and isinstance(said.get("size"), int)
        and isinstance(said.get("sha256"), str)
        and _SHA256.fullmatch(said["sha256"]) is not None
    )


def _hand_to_judge(attempt_id: UUID, at: datetime) -> None:
    moved = Attempt.objects.filter(
        pk=attempt_id, state__in=sources_of(AttemptState.JUDGING, ATTEMPT_TRANSITIONS)
    ).update(state=AttemptState.JUDGING.value, heartbeat_at=at, ended_at=at)
    if moved:
        Build.objects.filter(
            attempts=attempt_id, state__in=sources_of(BuildState.JUDGING, BUILD_TRANSITIONS)
        ).update(state=BuildState.JUDGING.value)
        note_end(attempt=Attempt.objects.get(pk=attempt_id), outcome=None, at=at)
        transaction.on_commit(lambda: dispatch.judge(attempt_id))
        # The builder is free again.
        transaction.on_commit(dispatch.wake)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def storable[T](value: T) -> T:
    """Return the value without what PostgreSQL cannot store: NUL and lone surrogates."""
    match value:
        case str():
            text = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
            return text.encode("utf-8", "replace").decode()  # type: ignore[return-value]
        case dict():
            return {storable(str(k)): storable(v) for k, v in value.items()}  # type: ignore[return-value]
        case list():
            return [storable(item) for item in value]  # type: ignore[return-value]
        case _:
            return value
