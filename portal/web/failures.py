"""Failures that are alike, for the operators: what they are, and a rule that explains them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from builds.domain.learnt import MAX_ARGUMENT, MAX_PATTERN, STAGES, RemedyKind, RuleInvalid
from builds.domain.outcomes import Turn
from builds.models import Attempt, Replay
from builds.services.replay import Affected, Result, learn_rule, preview_rule, replay_report
from builds.services.rules import learnt_rules, retire_rule
from portal.requests.clusters import clusters, failures_of
from portal.web.people import account, for_administrators
from portal.web.problems import explained

PER_PAGE = 50


class RuleForm(forms.Form):
    code = forms.CharField(
        label="Code", max_length=48, help_text="Its stable name, such as frobnicator-missing."
    )
    pattern = forms.CharField(
        label="Line of the log",
        max_length=MAX_PATTERN,
        help_text=(
            "The text that gives it away. {name} stands for what differs between projects and is"
            " told; {any} for anything else."
        ),
    )
    stage = forms.ChoiceField(label="Written during", choices=[(stage, stage) for stage in STAGES])
    turn = forms.ChoiceField(
        label="Whose turn it is",
        choices=[(turn.value, turn.label) for turn in (Turn.PROJECT, Turn.FARM)],
    )
    explanation = forms.CharField(
        label="Explanation",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What happened and what its maintainer can do. {name} may stand in it.",
    )
    remedy = forms.ChoiceField(
        label="What may help",
        required=False,
        choices=[("", "Nothing yet"), *((kind.value, kind.label) for kind in RemedyKind)],
    )
    argument = forms.CharField(
        label="Which",
        required=False,
        max_length=MAX_ARGUMENT,
        help_text="The requirement, the flags, or the file, which may be {name}.",
    )


@require_safe
@never_cache
@for_administrators
def index(request: HttpRequest) -> HttpResponse:
    context = {
        "clusters": clusters(),
        "rules": learnt_rules(),
        "replays": Replay.objects.order_by("-created_at", "pk")[:10],
    }
    return render(request, "web/failures.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_administrators
@explained
def show(request: HttpRequest) -> HttpResponse:
    """One cluster, and the form of a rule for it: previewed, or added and replayed."""
    cause = request.GET.get("cause", "")
    page = Paginator(failures_of(cause), PER_PAGE).get_page(request.GET.get("page"))
    if not page.object_list and request.method != "POST":
        message = "No failure has this cause any more."
        raise Http404(message)
    newest = page.object_list[0] if page.object_list else None
    attempt = newest.attempts.order_by("-number").first() if newest else None
    form = RuleForm(request.POST if request.method == "POST" else None, initial=_suggested(attempt))
    affected: Affected | None = None
    if request.method == "POST" and form.is_valid():
        try:
            facts, by, now = form.cleaned_data, account(request).username, timezone.now()
            if "add" in request.POST:
                return redirect("web:replay", learn_rule(facts=facts, by=by, at=now).pk)
            affected = preview_rule(facts=facts, by=by, at=now)
        except RuleInvalid as error:
            form.add_error(error.field, str(error))
    context = {
        "cause": cause,
        "page": page,
        "projects": sorted({build.project.name for build in page.object_list}),
        "attempt": attempt,
        "form": form,
        "counts": affected.counts() if affected else {},
        "affected_projects": affected.projects() if affected else [],
    }
    return render(request, "web/failure.html", context, status=400 if form.errors else 200)


@require_POST
@for_administrators
def retire(request: HttpRequest, code: str) -> HttpResponse:
    if not retire_rule(code=code, by=account(request).username, at=timezone.now()):
        message = f"There is no rule {code} that was added here."
        raise Http404(message)
    messages.success(request, f"Failures are judged by the rule {code} no longer.")
    return redirect("web:failures")


@require_safe
@never_cache
@for_administrators
def replayed(request: HttpRequest, replay_id: UUID) -> HttpResponse:
    made = get_object_or_404(Replay, pk=replay_id)
    rows = replay_report(made)
    results = [(result, sum(row.result is result for row in rows)) for result in Result]
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"replay": made, "page": page, "results": results}
    return render(request, "web/replay.html", context)


def _suggested(attempt: Attempt | None) -> dict[str, Any]:
    """What a rule for this failure would begin with."""
    if attempt is None:
        return {}
    stage = attempt.stage if attempt.stage in STAGES else STAGES[0]
    return {"pattern": attempt.evidence[:MAX_PATTERN], "stage": stage}
