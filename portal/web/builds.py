"""Builds: all of them, one with its stages, and its log as it is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from builds.domain.states import LIVE, AttemptState, BuildState
from builds.models import Attempt, Build, LogChunk
from builds.runner.events import Stage
from builds.services.logs import log_since, log_text
from indexes.models import File
from portal.web.addresses import file_url
from portal.web.diagnosis import diagnose
from portal.web.repeat import commands_to_repeat
from portal.web.report import read_report
from portal.web.text import without_controls

PER_PAGE = 50
LOG_SHOWN = 300_000
"""Characters of a log that its page shows at most, from its end; the rest is in the plain one."""


@dataclass(frozen=True, slots=True)
class StageShown:
    """A stage in the line of time. `status` is done, now, stopped or waiting."""

    name: str
    status: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LogSection:
    """What one stage wrote. `is_open` unless it is folded."""

    stage: str
    text: str
    is_open: bool


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    states = list(BuildState)
    state = request.GET.get("state", "")
    builds = Build.objects.select_related("project").order_by("-queued_at", "pk")
    if state in states:
        builds = builds.filter(state=state)
    page = Paginator(builds, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "states": states, "state": state if state in states else ""}
    return render(request, "web/builds.html", context)


@require_safe
@never_cache
def show(request: HttpRequest, build_id: UUID) -> HttpResponse:
    build = _build(build_id)
    attempts = list(build.attempts.order_by("number"))
    attempt = _chosen(attempts, request.GET.get("attempt"))
    context = _state_context(build, attempts, attempt)
    if attempt is not None:
        context |= _log_context(build, attempt, after=-1)
    report = read_report(attempt.report if attempt else {})
    file = context["file"]
    context |= {
        "attempts": attempts,
        "report": report,
        "file_url": file_url(file) if file else "",
        "repeat": commands_to_repeat(build, report),
        "sdist_href": build.sdist_url if build.sdist_url.startswith(("https:", "http:")) else "",
    }
    return render(request, "web/build.html", context)


@require_safe
@never_cache
def state(request: HttpRequest, build_id: UUID) -> HttpResponse:
    """The part of a build's page that changes; asks for the whole page once the build ended."""
    build = _build(build_id)
    attempts = list(build.attempts.order_by("number"))
    attempt = attempts[-1] if attempts else None
    context = _state_context(build, attempts, attempt)
    response = render(request, "web/_build_state.html", context)
    seen = request.GET.get("attempt", "")
    if not context["is_live"] or seen != str(attempt.number if attempt else ""):
        response["HX-Refresh"] = "true"
    return response


@require_safe
@never_cache
def log(request: HttpRequest, build_id: UUID) -> HttpResponse:
    """What an attempt wrote after chunk `after`, for the open page to add."""
    build = _build(build_id)
    attempt = _asked_attempt(build, request)
    after = _number(request.GET.get("after"), otherwise=-1)
    context = _log_context(build, attempt, after=after)
    stage = request.GET.get("stage", "")
    context |= {"continued_stage": stage, "last_stage": context["last_stage"] or stage}
    return render(request, "web/_build_log_more.html", context)


@require_safe
def plain_log(request: HttpRequest, build_id: UUID) -> StreamingHttpResponse:
    """The whole log of an attempt as text."""
    attempt = _asked_attempt(_build(build_id), request)
    return StreamingHttpResponse(
        (without_controls(text) for text in log_text(attempt=attempt)),
        content_type="text/plain; charset=utf-8",
    )


def stages_shown(attempt: Attempt, at: datetime) -> list[StageShown]:
    """Every stage of a build, those still to come included."""
    entered: dict[str, StageShown] = {}
    for number, known in enumerate(attempt.stages, start=1):
        began = datetime.fromisoformat(known["started_at"])
        ended = known.get("ended_at")
        until = datetime.fromisoformat(ended) if ended else attempt.ended_at or at
        is_last = number == len(attempt.stages)
        entered[known["stage"]] = StageShown(
            known["stage"], _stage_status(attempt, is_last=is_last), (until - began).total_seconds()
        )
    waiting = [stage.value for stage in Stage if stage.value not in entered]
    return [*entered.values(), *(StageShown(name, "waiting", None) for name in waiting)]


def _stage_status(attempt: Attempt, *, is_last: bool) -> str:
    if not is_last:
        return "done"
    match AttemptState(attempt.state):
        case AttemptState.SUCCEEDED | AttemptState.JUDGING:
            return "done"
        case AttemptState.LEASED | AttemptState.RUNNING:
            return "now"
        case AttemptState.FAILED | AttemptState.LOST | AttemptState.CANCELLED:
            return "stopped"


def _build(build_id: UUID) -> Build:
    builds = Build.objects.select_related("project", "permit", "covered_by", "covered_by__project")
    return get_object_or_404(builds, pk=build_id)


def _chosen(attempts: Sequence[Attempt], number: str | None) -> Attempt | None:
    """The attempt asked for, or else the latest."""
    latest = attempts[-1] if attempts else None
    return next((attempt for attempt in attempts if str(attempt.number) == number), latest)


def _asked_attempt(build: Build, request: HttpRequest) -> Attempt:
    number = _number(request.GET.get("attempt"), otherwise=0)
    return get_object_or_404(build.attempts.all(), number=number)


def _number(text: str | None, *, otherwise: int) -> int:
    is_small = text is not None and text.isdecimal() and len(text) < 10  # noqa: PLR2004 (an int4)
    return int(text) if text is not None and is_small else otherwise


def _state_context(
    build: Build, attempts: Sequence[Attempt], attempt: Attempt | None
) -> dict[str, Any]:
    is_live = build.state in LIVE
    file = None if is_live else File.objects.filter(build_id=build.pk).first()
    return {
        "build": build,
        "file": file,
        "attempt": attempt,
        "is_live": is_live,
        "is_latest": attempt is None or attempt == attempts[-1],
        "diagnosis": diagnose(build, attempts[-1] if attempts else None, file),
        "stages": stages_shown(attempt, timezone.now()) if attempt else [],
    }


def _log_context(build: Build, attempt: Attempt, *, after: int) -> dict[str, Any]:
    shown, is_cut = (
        (log_since(attempt=attempt, sequence=after + 1), False)
        if attempt.ended_at is None
        else _end_of_log(attempt, after=after)
    )
    is_running = attempt.state in {AttemptState.LEASED, AttemptState.RUNNING}
    return {
        "build": build,
        "attempt": attempt,
        "sections": _sections(shown),
        "is_cut": is_cut,
        "follows": is_running and build.state in LIVE,
        "last_sequence": shown[-1].sequence if shown else after,
        "last_stage": shown[-1].stage if shown else "",
    }


def _end_of_log(attempt: Attempt, *, after: int) -> tuple[list[LogChunk], bool]:
    """The last pieces, as many as a page carries, and whether there were more before them."""
    shown: list[LogChunk] = []
    budget = LOG_SHOWN
    newest = attempt.log_chunks.filter(sequence__gt=after).order_by("-sequence")
    for chunk in newest.iterator(chunk_size=50):
        if budget < len(chunk.text) and shown:
            return shown[::-1], True
        budget -= len(chunk.text)
        shown.append(chunk)
    return shown[::-1], False


def _sections(chunks: Iterable[LogChunk]) -> list[LogSection]:
    """Chunks joined by stage; the last one open, where things stand or fell."""
    joined = [
        (stage, without_controls("".join(chunk.text for chunk in group)))
        for stage, group in groupby(chunks, key=lambda chunk: chunk.stage)
    ]
    last = len(joined) - 1
    return [
        LogSection(stage, text, is_open=number == last)
        for number, (stage, text) in enumerate(joined)
    ]
