"""Asking for wheels: the form with its preview, and what came of it."""

from collections import Counter
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from packaging.version import Version

from builds.domain.planning import SPECIFIERS_LENGTH, InvalidSpecifiers, parse_specifiers
from builds.domain.states import LIVE, BuildState
from builds.models import Permit
from builds.services.permits import covering, unrevoked
from builds.services.plan import Preview, preview
from indexes.models import Project
from portal.accounts.models import User
from portal.consent.refusals import standing_refusal
from portal.organisations.models import Organisation
from portal.organisations.services import may_ask_for
from portal.requests import drafts
from portal.requests.carrying import asked_of
from portal.requests.models import Cost, Platform, Request
from portal.requests.services import make_request, request_status
from portal.target_names import read_target_name, target_in_words
from portal.web.lookup import find_project
from portal.web.people import account
from portal.web.problems import explained

SHOWN = 60
"""Lines of each part of a preview that are shown; the rest is a number."""
BUILDS_SHOWN = 300


class AskForm(forms.Form):
    specifiers = forms.CharField(
        label="Releases",
        required=False,
        max_length=SPECIFIERS_LENGTH,
        help_text="Version specifiers, such as ==1.4.2 or >=1.4,<2. Empty: the newest release.",
    )
    targets = forms.MultipleChoiceField(
        label="Targets",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one target."},
    )
    platform = forms.ChoiceField(
        label="Where you need them",
        required=False,
        choices=[("", "Not said"), *Platform.choices],
        help_text="Counted for the project's owners, also where no target of ours fits.",
    )
    cost = forms.ChoiceField(
        label="What it costs you that there are none",
        required=False,
        choices=[("", "Not said"), *Cost.choices],
    )
    reason = forms.CharField(
        label="Why you need them",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown on the project's page to everybody, without your name. May stay empty.",
    )

    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="In the name of",
        required=False,
        empty_label="Myself",
        to_field_name="slug",
        help_text="What an organisation asks for counts against its quotas.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = may_ask_for(user)
        if mine.exists():
            self.fields["organisation"].queryset = mine  # type: ignore[attr-defined]  # as below
        else:
            del self.fields["organisation"]
        self.fields["targets"].choices = [  # type: ignore[attr-defined]  # it is the one above
            (name, target_in_words(name)) for name in settings.AFFINEUR_TARGETS
        ]

    def clean_specifiers(self) -> str:
        specifiers: str = self.cleaned_data["specifiers"]
        try:
            return str(parse_specifiers(specifiers))
        except InvalidSpecifiers as error:
            raise forms.ValidationError(str(error)) from error


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@explained
def ask(request: HttpRequest, name: str) -> HttpResponse:
    """The form; with `preview` it shows what would come of it, with `send` it asks."""
    now = timezone.now()
    project = find_project(request, name, at=now)
    first = {
        "specifiers": request.GET.get("specifiers", ""),
        "targets": request.GET.getlist("target") or list(settings.AFFINEUR_TARGETS),
    }
    form = AskForm(
        request.POST if request.method == "POST" else None, initial=first, user=account(request)
    )
    permits = unrevoked(project)
    context: dict[str, Any] = {
        "project": project,
        "form": form,
        "has_permit": bool(permits),
        "no": standing_refusal(project),
    }
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        if "send" in request.POST:
            made = make_request(
                user=account(request),
                project_name=project.name,
                specifiers=asked["specifiers"],
                targets=asked["targets"],
                reason=asked["reason"],
                platform=asked["platform"],
                cost=asked["cost"],
                organisation=asked.get("organisation"),
                at=now,
            )
            return redirect("web:request", made.pk)
        context["preview"] = _previewed(project, asked, permits)
    status = 400 if form.errors else 200
    return render(request, "web/ask.html", context, status=status)


@require_safe
@explained
def carry(request: HttpRequest, name: str) -> HttpResponse:
    """An issue and a pull request that a user can take to the project themselves."""
    project = find_project(request, name, at=timezone.now())
    facts = asked_of(project)
    context = {
        "project": project,
        "no": standing_refusal(project),
        "issue": drafts.issue(facts),
        "pull_request": drafts.pull_request(facts),
    }
    return render(request, "web/carry.html", context)


@require_safe
@never_cache
def show(request: HttpRequest, request_id: UUID) -> HttpResponse:
    return render(request, "web/request.html", _request_context(request_id))


@require_safe
@never_cache
def progress(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """The part of a request's page that changes."""
    return render(request, "web/_request_progress.html", _request_context(request_id))


def _previewed(project: Project, asked: dict[str, Any], permits: list[Permit]) -> dict[str, Any]:
    found: Preview = preview(
        project=project, specifiers=asked["specifiers"], targets=asked["targets"]
    )
    now = timezone.now()
    permitted = [
        gap
        for gap in found.gaps
        if covering(permits, version=gap.version, target=gap.target, channel="build", at=now)
    ]
    uncovered = [gap for gap in found.gaps if gap not in permitted]
    parts = {
        "to_build": permitted,
        "uncovered": uncovered,
        "served": found.served,
        "refusals": found.refusals,
    }
    shown = {name: part[:SHOWN] for name, part in parts.items()}
    counts = {name: len(part) for name, part in parts.items()}
    return shown | {"counts": counts, "most": SHOWN}


def _request_context(request_id: UUID) -> dict[str, Any]:
    requests = Request.objects.select_related("project", "user").prefetch_related(
        "builds", "builds__project"
    )
    found = get_object_or_404(requests, pk=request_id)
    builds = sorted(
        found.builds.all(),
        key=lambda build: (Version(build.version), read_target_name(build.target).minor),
        reverse=True,
    )
    states = Counter(BuildState(build.state) for build in builds)
    return {
        "asked": found,
        "uncovered": found.uncovered[:SHOWN],
        "refusals": found.refusals[:SHOWN],
        "served": found.already_served[:SHOWN],
        "status": request_status(found),
        "builds": builds[:BUILDS_SHOWN],
        "left_out": len(builds[BUILDS_SHOWN:]),
        "states": [(state, states[state]) for state in BuildState if states[state]],
        "follows": any(build.state in LIVE for build in builds) or found.planned_at is None,
    }
