"""Replays: the one door by which failures run again when a rule, a recipe or the toolchain is new.

A package's failure stands until its key changes. A recipe and the toolchain are in the key: what
failed under another one is eligible again, as new work. Rules are not: a replay finds the failures
that a rule says something of, and lets their ladders go on where they ended.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import batched
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from builds import dispatch
from builds.domain.clusters import cause_of
from builds.domain.diagnosis import Diagnosis, diagnose
from builds.domain.ladder import Step, Tried, next_step, proof_against
from builds.domain.learnt import RuleInvalid
from builds.domain.outcomes import FARM_FAULTS, Outcome
from builds.domain.priority import REPLAYED
from builds.domain.rules import FALLBACKS, Rule
from builds.domain.states import LIVE, AttemptState, BuildState
from builds.models import Attempt, Build, LogChunk, Replay, Replayed
from builds.services.conclude import sources_of_build, steps_tried, words_of_proof
from builds.services.plan import Work, facts_of, gaps_among, key_of, permitted_works, queue_works
from builds.services.rules import add_rule, current_rules
from builds.signals import builds_queued, failures_replayed

BATCH = 200
LOG_READ = 1 << 20
"""Letters of a log, from its end, that a rule is looked for in."""
OTHER_CODES = frozenset({"missing-build-requirement", *(rule.code for rule in FALLBACKS)})
"""Of diagnoses that none of the rules that are looked at first gives."""


class Cause(StrEnum):
    """What is new."""

    RULE = "rule"
    RECIPE = "recipe"
    TOOLCHAIN = "toolchain"


@dataclass(frozen=True, slots=True)
class Again:
    """A failed build that would run again, and as what work."""

    build: Build
    before: str
    """Code of its diagnosis, or its outcome."""
    work: Work


@dataclass(frozen=True, slots=True)
class Affected:
    """What something new could change: exactly that."""

    again: tuple[Again, ...] = ()
    unpermitted: tuple[Build, ...] = ()
    """What would run, and no live permit covers."""
    explained: tuple[Build, ...] = ()
    """Failures that now have this cause, and that no rung can help."""
    told: tuple[tuple[Attempt, Diagnosis], ...] = field(default=(), repr=False)
    """Attempts whose diagnosis is another now."""

    @property
    def builds(self) -> list[Build]:
        return [each.build for each in self.again]

    def counts(self) -> dict[str, int]:
        return {
            "builds": len(self.again),
            "releases": len({(build.project_id, build.version) for build in self.builds}),
            "targets": len({build.target for build in self.builds}),
            "projects": len({build.project_id for build in self.builds}),
            "unpermitted": len(self.unpermitted),
            "explained": len(self.explained),
        }

    def projects(self) -> list[tuple[str, int]]:
        """Names of those projects, and how many builds of each would run."""
        return sorted(Counter(build.project.name for build in self.builds).items())


def affected_by(*, cause: Cause, subject: str, at: datetime, reads_logs: bool = True) -> Affected:
    """What a rule (its code), a recipe (its project) or the toolchain makes eligible; runs nothing.

    With `reads_logs` a rule is looked for in the kept logs of failures that nothing explains, and
    not in their evidence alone. Raises `RuleInvalid` for a code that no rule has.
    """
    match cause:
        case Cause.RULE:
            return _affected_by_rule(subject, at, reads_logs=reads_logs)
        case Cause.RECIPE:
            failed = _failed().filter(project__name=subject)
            return _affected_by_key(failed, at, lambda build, work: work.recipe != build.recipe)
        case Cause.TOOLCHAIN:
            return _affected_by_key(_failed(), at, lambda build, _: build.key != _key_now(build))


@transaction.atomic
def replay(*, cause: Cause, subject: str, by: str, at: datetime, reads_logs: bool = True) -> Replay:
    """Queue what is eligible again, after everything that somebody asked for, and keep count.

    `by` is who asked for it, opaque here. Raises `RuleInvalid`.
    """
    affected = affected_by(cause=cause, subject=subject, at=at, reads_logs=reads_logs)
    for attempt, found in affected.told:
        _tell(attempt, found)
    for build in affected.explained:
        _explain(build, affected.told)
    queued = _go_on(affected.again) if cause is Cause.RULE else _as_new_work(affected.again, at)
    made = Replay.objects.create(
        cause=cause.value,
        subject=subject,
        by=by,
        created_at=at,
        explained=len(affected.explained),
    )
    Replayed.objects.bulk_create(
        [Replayed(replay=made, build=build, before=before) for build, before in queued],
        batch_size=BATCH,
    )
    if queued:
        transaction.on_commit(dispatch.wake)
    failures_replayed.send(Replay, replay=made, builds=[build for build, _ in queued])
    return made


def preview_rule(*, facts: Mapping[str, str], by: str, at: datetime) -> Affected:
    """Say what `learn_rule` would do; nothing is kept. Raises `RuleInvalid`."""
    with transaction.atomic():
        rule = add_rule(**facts, by=by, at=at)
        affected = affected_by(cause=Cause.RULE, subject=rule.code, at=at, reads_logs=False)
        transaction.set_rollback(True)
    return affected


@transaction.atomic
def learn_rule(*, facts: Mapping[str, str], by: str, at: datetime) -> Replay:
    """Add a rule (`facts` as `add_rule` takes them) and replay it by the evidence that is kept.

    Whole logs take long to read: a replay by its code does that. Raises `RuleInvalid`.
    """
    rule = add_rule(**facts, by=by, at=at)
    return replay(cause=Cause.RULE, subject=rule.code, by=by, at=at, reads_logs=False)


class Result(StrEnum):
    """What became of a build that was replayed."""

    BUILT = "built"
    OTHER = "other diagnosis"
    SAME = "same diagnosis"
    CANCELLED = "cancelled"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Row:
    build: Build
    before: str
    after: str
    result: Result


def replay_report(made: Replay) -> list[Row]:
    """Before and after of each build of a replay, in two queries."""
    attempts = Prefetch(
        "build__attempts", queryset=Attempt.objects.defer("stages").order_by("-number")
    )
    replayed = Replayed.objects.filter(replay=made).select_related("build__project")
    return [_row(each) for each in replayed.prefetch_related(attempts).order_by("pk")]


def _failed() -> QuerySet[Build]:
    failures = Build.objects.standing_failures().select_related("project")
    return failures.order_by("project_id", "queued_at", "pk")


def _affected_by_key(
    failed: QuerySet[Build], at: datetime, has_changed: Callable[[Build, Work], bool]
) -> Affected:
    """What was done under another key, and has not been under today's."""
    again: list[Again] = []
    unpermitted: list[Build] = []
    for build, work in _works(list(failed), at):
        if work is None:
            unpermitted.append(build)
        elif has_changed(build, work):
            again.append(Again(build, "", work))
    done = set(
        Build.objects.filter(key__in=[each.work.key for each in again]).values_list(
            "key", flat=True
        )
    )
    again = [each for each in again if each.work.key not in done]
    befores = _befores([each.build for each in again])
    return Affected(
        tuple(replace(each, before=befores[each.build.pk]) for each in again), tuple(unpermitted)
    )


def _key_now(build: Build) -> str:
    return key_of(
        build.project.name,
        build.version,
        build.target,
        sdist_sha256=build.sdist_sha256,
        recipe=build.recipe,
        remakes=build.remakes,
    )


def _works(builds: Sequence[Build], at: datetime) -> Iterator[tuple[Build, Work | None]]:
    """Each build that is a gap still, with its work; none where no live permit covers it."""
    by_project: dict[int, list[Build]] = defaultdict(list)
    for build in builds:
        by_project[build.project_id].append(build)
    for batch in batched(by_project.values(), BATCH, strict=False):
        projects = [group[0].project for group in batch]
        facts = facts_of(projects)
        for project, group in zip(projects, batch, strict=True):
            of = {(build.version, build.target): build for build in group}
            gaps = gaps_among(facts[project.pk], of.keys())
            works, uncovered = permitted_works(project, gaps, priority=REPLAYED, at=at)
            for work in works:
                yield of[work.gap.version, work.gap.target], work
            for gap in uncovered:
                yield of[gap.version, gap.target], None


def _affected_by_rule(code: str, at: datetime, *, reads_logs: bool) -> Affected:
    rules = current_rules()
    if code not in OTHER_CODES and all(rule.code != code for rule in rules):
        raise RuleInvalid("code", f"{code!r} is no rule's: name one that there is.")
    helped: list[Build] = []
    explained: list[Build] = []
    told: list[tuple[Attempt, Diagnosis]] = []
    for batch in batched(_failed().iterator(chunk_size=BATCH), BATCH, strict=False):
        attempts = _attempts_of(batch)
        for build in batch:
            found = [
                (attempt, _judged(attempt, rules, reads_logs=reads_logs))
                for attempt in attempts[build.pk]
            ]
            if all(diagnosis.code != code for _, diagnosis in found):
                continue
            changed = [(a, d) for a, d in found if d.code == code and d.code != _code_of(a)]
            if next_step(_history(found), sources=sources_of_build(build), at=at) is not None:
                helped.append(build)
            elif changed:
                explained.append(build)
            told += changed
    befores = _befores(helped)
    works = list(_works(helped, at))
    return Affected(
        again=tuple(
            Again(build, befores[build.pk], work)
            for build, work in works
            # Of another key it is other work, that asking again builds.
            if work is not None and work.key == build.key
        ),
        unpermitted=tuple(build for build, work in works if work is None),
        explained=tuple(explained),
        told=tuple(told),
    )


def _attempts_of(builds: Iterable[Build]) -> dict[Any, list[Attempt]]:
    """Those that said something of the project since each was queued, in their order."""
    queued_at = {build.pk: build.queued_at for build in builds}
    found: dict[Any, list[Attempt]] = defaultdict(list)
    attempts = Attempt.objects.filter(build__in=queued_at, state=AttemptState.FAILED.value)
    for attempt in attempts.exclude(outcome__in=FARM_FAULTS).order_by("build", "number"):
        if attempt.created_at >= queued_at[attempt.build_id]:
            found[attempt.build_id].append(attempt)
    return found


def _judged(attempt: Attempt, rules: Sequence[Rule], *, reads_logs: bool) -> Diagnosis:
    outcome = Outcome(attempt.outcome)
    found = diagnose(attempt.evidence, stage=attempt.stage, outcome=outcome, rules=rules)
    # What no rule explains by itself has a fingerprint.
    if not found.fingerprint or not reads_logs:
        return found
    log = _end_of_log(attempt)
    in_log = diagnose(log, stage=attempt.stage, outcome=outcome, rules=rules) if log else found
    return found if in_log.fingerprint else in_log


def _end_of_log(attempt: Attempt) -> str:
    """What the stage that failed wrote last."""
    pieces: list[str] = []
    left = LOG_READ
    chunks = LogChunk.objects.filter(attempt=attempt, stage=attempt.stage).order_by("-sequence")
    for text in chunks.values_list("text", flat=True).iterator(chunk_size=20):
        pieces.append(text)
        left -= len(text)
        if left <= 0:
            break
    return "".join(reversed(pieces))


def _history(found: Iterable[tuple[Attempt, Diagnosis]]) -> list[Tried]:
    return [
        Tried(Step.from_json(attempt.step), Outcome(attempt.outcome), diagnosis)
        for attempt, diagnosis in found
    ]


def _befores(builds: Collection[Build]) -> dict[Any, str]:
    """What each failure was last called, by primary key."""
    called = {build.pk: build.outcome for build in builds}
    for attempt in Attempt.objects.filter(build__in=called).order_by("build", "number"):
        called[attempt.build_id] = _code_of(attempt)
    return called


def _code_of(attempt: Attempt) -> str:
    return str(attempt.report.get("diagnosis", {}).get("code") or attempt.outcome)


def _tell(attempt: Attempt, found: Diagnosis) -> None:
    attempt.evidence = found.evidence
    attempt.report = {**attempt.report, "diagnosis": found.to_json()}
    attempt.message = _with_explanation(attempt.message, found)
    attempt.save(update_fields=["evidence", "report", "message"])


def _explain(build: Build, told: Iterable[tuple[Attempt, Diagnosis]]) -> None:
    """Say why it failed, once its attempts are told what they are called now."""
    proof = proof_against(steps_tried(build), sources=sources_of_build(build))
    attempt, found = [each for each in told if each[0].build_id == build.pk][-1]
    if proof is not None:
        build.outcome, build.cause = Outcome.NOT_SUPPORTED.value, ""
        build.message = words_of_proof(build, proof)
    elif attempt.outcome == build.outcome:
        build.cause = cause_of(found, stage=attempt.stage, outcome=Outcome(attempt.outcome))
        build.message = _with_explanation(build.message, found)
    build.save(update_fields=["outcome", "cause", "message"])


def _with_explanation(message: str, found: Diagnosis) -> str:
    return message if found.explanation in message else f"{message} {found.explanation}".lstrip()


def _go_on(again: Sequence[Again]) -> list[tuple[Build, str]]:
    """Queue the failures themselves: what they tried counts, and their ladder goes on."""
    queued: list[tuple[Build, str]] = []
    for each in again:
        moved = Build.objects.filter(pk=each.build.pk, state=BuildState.FAILED.value).update(
            state=BuildState.QUEUED.value,
            outcome="",
            message="",
            cause="",
            priority=each.work.priority,
            permit=each.work.permit,
            not_before=None,
            ended_at=None,
        )
        if moved:
            each.build.refresh_from_db()
            queued.append((each.build, each.before))
    if queued:
        builds_queued.send(Build, builds=[build for build, _ in queued])
    return queued


def _as_new_work(again: Sequence[Again], at: datetime) -> list[tuple[Build, str]]:
    by_project: dict[int, list[Again]] = defaultdict(list)
    for each in again:
        by_project[each.build.project_id].append(each)
    queued: list[tuple[Build, str]] = []
    for group in by_project.values():
        before = {(each.build.version, each.build.target): each.before for each in group}
        builds = queue_works(
            group[0].build.project, [each.work for each in group], at=at, is_asked=False
        )
        queued += [(build, before[build.version, build.target]) for build in builds]
    return queued


def _row(each: Replayed) -> Row:
    build = each.build
    attempt = next(iter(build.attempts.all()), None)
    state = BuildState(build.state)
    if state in {BuildState.PUBLISHED, BuildState.COVERED}:
        return Row(build, each.before, state.value, Result.BUILT)
    if state in LIVE:
        return Row(build, each.before, "", Result.WAITING)
    if state is BuildState.CANCELLED:
        return Row(build, each.before, state.value, Result.CANCELLED)
    after = _code_of(attempt) if attempt else build.outcome
    same = Result.SAME if after == each.before else Result.OTHER
    return Row(build, each.before, after, same)
