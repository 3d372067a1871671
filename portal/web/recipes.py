"""A project's recipe: what goes for its builds, how it came to be, and editing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from builds.domain.recipes import MAX_TEXT, RecipeInvalid, draft_recipe
from builds.models import RecipeEdit
from builds.services.recipes import InForce, recipe_edits, recipe_in_force
from indexes.models import Project
from portal.accounts.models import User
from portal.consent.recipes import RecipePreview, edit_recipe, preview_edit, verify_may_edit
from portal.errors import ConsentNeeded, ProofNeeded
from portal.web.lookup import find_project
from portal.web.people import account, signed_in
from portal.web.problems import explained

EDITS_SHOWN = 20
FAILURES_SHOWN = 60


class RecipeForm(forms.Form):
    text = forms.CharField(
        label="Recipe",
        required=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false", "class": "code"}),
        help_text="TOML. Raise the version by one. Empty takes the owner's recipe back.",
    )
    reason = forms.CharField(
        label="Why you change it",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Shown to everybody beside the recipe, with your name.",
    )

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if "save" in self.data and not reason:
            raise forms.ValidationError("Say in a few words why you change it.")
        return reason


@dataclass(frozen=True, slots=True)
class EditShown:
    """One version of the owner's recipe, with what it changed in the version before."""

    edit: RecipeEdit
    diff: tuple[str, ...]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@explained
def recipe(request: HttpRequest, name: str) -> HttpResponse:
    """Anyone may read it; it is edited by a proven owner with a live consent, or by staff."""
    now = timezone.now()
    project = find_project(request, name, at=now)
    user = signed_in(request)
    if request.method == "POST" and user is None:
        return redirect(f"{reverse('account_login')}?next={request.path}")
    in_force = recipe_in_force(project)
    why_not = _why_not(user, project, now)
    form = RecipeForm(
        request.POST if request.method == "POST" else None,
        initial={"text": _draft(in_force, project, user)},
    )
    preview: RecipePreview | None = None
    if request.method == "POST" and form.is_valid():
        try:
            if "save" in request.POST:
                return _save(request, project, form, now)
            preview = preview_edit(
                user=account(request), project=project, text=form.cleaned_data["text"], at=now
            )
        except RecipeInvalid as error:
            form.add_error("text", str(error))
    context = {
        "project": project,
        "in_force": in_force,
        "why_not": why_not,
        "form": form,
        "preview": preview,
        "failures": preview.affected.builds[:FAILURES_SHOWN] if preview else [],
        "counts": preview.affected.counts() if preview else {},
        "edits": _shown(list(recipe_edits(project)[: EDITS_SHOWN + 1])),
    }
    return render(request, "web/recipe.html", context, status=400 if form.errors else 200)


def _save(request: HttpRequest, project: Project, form: RecipeForm, now: datetime) -> HttpResponse:
    chosen: dict[str, Any] = form.cleaned_data
    made = edit_recipe(
        user=account(request),
        project=project,
        text=chosen["text"],
        reason=chosen["reason"],
        at=now,
    )
    count = made.replayed.count()
    again = f"{count} failed build{'' if count == 1 else 's'} of it will run again."
    messages.success(request, f"The recipe of {project.name} is changed. {again}")
    return redirect("web:recipe", project.name)


def _why_not(user: User | None, project: Project, now: datetime) -> str:
    """Why this person may not edit it; empty when they may."""
    if user is None:
        return "Sign in as an owner of the project to edit it."
    try:
        verify_may_edit(user=user, project=project, at=now)
    except (ProofNeeded, ConsentNeeded) as error:
        return str(error)
    return ""


def _draft(in_force: InForce, project: Project, user: User | None) -> str:
    return draft_recipe(
        project.name,
        version=in_force.version + 1,
        reviewer=user.username if user else "",
        before=in_force.text,
    )


def _shown(edits: Sequence[RecipeEdit]) -> list[EditShown]:
    """The newest, each against the one before it: the first ever against nothing."""
    before = [*(edit.text for edit in edits[1:]), ""]
    return [
        EditShown(edit, _diff(old, edit.text))
        for edit, old in zip(edits[:EDITS_SHOWN], before, strict=False)
    ]


def _diff(old: str, new: str) -> tuple[str, ...]:
    lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)
    # Both files' names come first, and say nothing here.
    return tuple(lines)[2:]
