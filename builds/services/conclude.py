"""The end of an attempt that made nothing, and what becomes of its build.

Every move of an attempt and its build holds the build's row, so that the two always agree.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from builds import dispatch
from builds.domain.clusters import cause_of
from builds.domain.diagnosis import diagnose
from builds.domain.ladder import Sources, Step, Tried, next_step, proof_against
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.retries import retry_delay
from builds.domain.states import (
    ATTEMPT_TRANSITIONS,
    BUILD_TRANSITIONS,
    AttemptState,
    BuildState,
    sources_of,
)
from builds.domain.targets import parse_target
from builds.domain.ways import HOST
from builds.models import Attempt, Build
from builds.services.builders import note_end
from builds.services.rules import current_rules
from builds.services.staging import discard_staged
from builds.signals import builds_ended, builds_queued


@transaction.atomic
def conclude_attempt(
    *,
    attempt_id: UUID,
    state: AttemptState,
    outcome: Outcome,
    message: str,
    evidence: str = "",
    at: datetime,
) -> bool:
    """End a live attempt as FAILED or LOST; False when it had ended before.

    A fault of the farm puts the build back in the queue, later each time, until
    `AFFINEUR_FARM_RETRIES` is used up. Another outcome moves it up the ladder, or ends it.
    """
    build = lock_build(attempt_id=attempt_id)
    if build is None:
        return False
    attempt = Attempt.objects.only("stage", "report", "builder", "started_at").get(pk=attempt_id)
    found = diagnose(evidence, stage=attempt.stage, outcome=outcome, rules=current_rules())
    message = f"{message} {found.explanation}".rstrip()
    moved = Attempt.objects.filter(
        pk=attempt_id, state__in=sources_of(state, ATTEMPT_TRANSITIONS)
    ).update(
        state=state.value,
        outcome=outcome.value,
        message=message,
        evidence=evidence,
        report={**attempt.report, "diagnosis": found.to_json()},
        ended_at=Coalesce("ended_at", Value(at)),
    )
    if not moved:
        return False
    note_end(attempt=attempt, outcome=outcome, at=at)
    if outcome in FARM_FAULTS:
        _retry_or_give_up(build, outcome, message, at)
    else:
        cause = cause_of(found, stage=attempt.stage, outcome=outcome)
        _climb_or_fail(build, outcome, message, at, cause=cause)
    transaction.on_commit(lambda: discard_staged(attempt_id=attempt_id))
    transaction.on_commit(dispatch.wake)
    return True


def lock_build(*, attempt_id: UUID) -> Build | None:
    """Return the build of an attempt, held until the end of the transaction."""
    return (
        Build.objects.select_for_update(of=("self",))
        .select_related("project")
        .filter(attempts=attempt_id)
        .first()
    )


def steps_tried(build: Build) -> list[Tried]:
    """Return the steps that said something of the project, since the build was queued.

    Each is judged by today's rules.
    """
    attempts = (
        Attempt.objects.filter(
            build=build, created_at__gte=build.queued_at, state=AttemptState.FAILED.value
        )
        .exclude(outcome__in=FARM_FAULTS)
        .annotate(compiled_with=KT("report__toolchain__name"))
        .order_by("number")
    )
    rules = current_rules()
    return [
        Tried(
            Step.from_json(attempt.step),
            Outcome(attempt.outcome),
            diagnose(
                attempt.evidence,
                stage=attempt.stage,
                outcome=Outcome(attempt.outcome),
                rules=rules,
            ),
            attempt.compiled_with or HOST,
        )
        for attempt in attempts.only("step", "stage", "outcome", "evidence")
    ]


def sources_of_build(build: Build) -> Sources:
    """Return what the ladder has to know of a build's release and target."""
    attempts = Attempt.objects.filter(build__project=build.project_id, build__version=build.version)
    spent = attempts.filter(created_at__gte=build.queued_at).values_list(
        "report__usage__cpu_seconds", flat=True
    )
    return Sources(
        minor=parse_target(build.target).minor,
        uploaded_at=build.sdist_uploaded_at,
        has_pyx=attempts.filter(report__sdist__has_pyx=True).exists(),
        cpu_seconds=sum(filter(None, spent)),
    )


def words_of_proof(build: Build, proof: Tried) -> str:
    """Say that these sources cannot work on the target, and how that shows."""
    sentence = Outcome.NOT_SUPPORTED.sentence(
        project=build.project.name, version=build.version, target=build.target
    )
    return f"{sentence} {proof.diagnosis.explanation} The proof: {proof.diagnosis.evidence}"


def _climb_or_fail(
    build: Build, outcome: Outcome, message: str, at: datetime, *, cause: str
) -> None:
    history, sources = steps_tried(build), sources_of_build(build)
    if next_step(history, sources=sources, at=at) is not None:
        _requeue(build, not_before=None)
    elif (proof := proof_against(history, sources=sources)) is not None:
        _fail(build, Outcome.NOT_SUPPORTED, words_of_proof(build, proof), at)
    else:
        _fail(build, outcome, message, at, cause=cause)


def _retry_or_give_up(build: Build, outcome: Outcome, message: str, at: datetime) -> None:
    faults = Attempt.objects.filter(
        build=build,
        created_at__gte=build.queued_at,
        started_at__isnull=False,
        outcome__in=FARM_FAULTS,
    ).count()
    # A job that no builder took tells of too few builders, not of this build.
    delay = retry_delay(max(faults, 1), retries=settings.AFFINEUR_FARM_RETRIES)
    if delay is None:
        given_up = (
            f"{build} is given up after {faults} faults of the farm; the last: {message}"
            " The operators of the farm have to look at it; the project has nothing to do."
        )
        _fail(build, outcome, given_up, at)
    else:
        _requeue(build, not_before=at + delay)


def _requeue(build: Build, *, not_before: datetime | None) -> None:
    moved = Build.objects.filter(
        pk=build.pk, state__in=sources_of(BuildState.QUEUED, BUILD_TRANSITIONS)
    ).update(state=BuildState.QUEUED.value, not_before=not_before)
    if moved:
        build.refresh_from_db()
        builds_queued.send(Build, builds=[build])


def _fail(build: Build, outcome: Outcome, message: str, at: datetime, *, cause: str = "") -> None:
    moved = Build.objects.filter(
        pk=build.pk, state__in=sources_of(BuildState.FAILED, BUILD_TRANSITIONS)
    ).update(
        state=BuildState.FAILED.value,
        outcome=outcome.value,
        message=message,
        cause=cause,
        not_before=None,
        ended_at=at,
    )
    if moved:
        build.refresh_from_db()
        builds_ended.send(Build, builds=[build], outcome=outcome)
