"""Yanking one bad wheel of ours, and the way back."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from indexes.models import File
from portal.errors import ProofNeeded
from portal.moderation.files import REASON_LENGTH, may_yank, unyank_file, yank_file
from portal.web.people import account
from portal.web.problems import explained


class YankForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What is wrong with it. pip and uv show it to those who install it all the same.",
    )
    rebuild = forms.BooleanField(
        label="Another build may take its place",
        required=False,
        help_text="Only where something has changed, such as the recipe: the same build makes the"
        " same wheel.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def yank(request: HttpRequest, filename: str) -> HttpResponse:
    user, now = account(request), timezone.now()
    file = _file(filename)
    if not may_yank(user=user, project=file.project, at=now):
        raise ProofNeeded(file.project.name)
    form = YankForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        yank_file(user=user, file=file, at=now, **form.cleaned_data)
        messages.success(request, f"{file.filename} is yanked.")
        return redirect("web:release", file.project.name, file.version)
    context = {"file": file, "form": form}
    return render(request, "web/yank.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
@explained
def unyank(request: HttpRequest, filename: str) -> HttpResponse:
    file = _file(filename)
    unyank_file(user=account(request), file=file, at=timezone.now())
    messages.success(request, f"The yank of {file.filename} is taken back.")
    return redirect("web:release", file.project.name, file.version)


def _file(filename: str) -> File:
    files = File.objects.select_related("project").defer("metadata", "provenance")
    return get_object_or_404(files, filename=filename)
