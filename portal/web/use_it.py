"""How to use each index: texts to copy, which index to choose, and what it risks."""

from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from indexes.domain.names import parse_project_name
from indexes.domain.selection import is_platform
from indexes.models import CuratedIndex
from portal.organisations.models import Organisation
from portal.web.people import signed_in
from portal.web.problems import explained
from portal.web.snippets import ADVICE, Kind, snippets

NAME = "affineur"
"""What the tools call an index of ours by."""
EXAMPLE = "docopt"
"""A project that stands where a reader will write their own."""
PLATFORM = "manylinux_2_28_x86_64"


class ChoiceForm(forms.Form):
    """For the indexes of which there is one for each project, platform or day."""

    project = forms.CharField(label="Of one project", max_length=214, required=False)
    platform = forms.CharField(
        label="Of one platform", max_length=64, required=False, help_text=f"Such as {PLATFORM}."
    )
    day = forms.DateField(
        label="As of a day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Up to today, UTC.",
    )

    def clean_platform(self) -> str:
        platform: str = self.cleaned_data["platform"].strip()
        if platform and not is_platform(platform):
            raise forms.ValidationError(f"Write a platform as in a wheel's name, as {PLATFORM}.")
        return platform

    def clean_day(self) -> date | None:
        day: date | None = self.cleaned_data["day"]
        if day is not None and day > timezone.now().date():
            raise forms.ValidationError("That day is yet to come.")
        return day


@require_safe
@explained
def choose(request: HttpRequest) -> HttpResponse:
    """Every kind of index, and the way to its page."""
    form = ChoiceForm(request.GET or None)
    if request.GET and form.is_valid():
        chosen = form.cleaned_data
        if chosen["project"]:
            return redirect("web:use-project", parse_project_name(chosen["project"]))
        if chosen["platform"]:
            return redirect("web:use-platform", chosen["platform"])
        if chosen["day"]:
            return redirect("web:use-day", chosen["day"])
    context = {"form": form, "advice": {kind.value: ADVICE[kind] for kind in Kind}}
    return render(request, "web/use_it.html", context, status=400 if form.errors else 200)


@require_safe
def overlay(request: HttpRequest) -> HttpResponse:
    return _page(request, Kind.OVERLAY, "The overlay index", reverse("indexes:overlay-root"))


@require_safe
def wheels(request: HttpRequest) -> HttpResponse:
    return _page(request, Kind.WHEELS, "The wheels index", reverse("indexes:wheels-root"))


@require_safe
@explained
def project(request: HttpRequest, name: str) -> HttpResponse:
    normalized = parse_project_name(name)
    if name != normalized:
        return redirect("web:use-project", normalized, permanent=True)
    path = reverse("indexes:project-root", args=[normalized])
    return _page(request, Kind.PROJECT, f"The index of {normalized}", path, project=normalized)


@require_safe
def platform(request: HttpRequest, platform: str) -> HttpResponse:
    path = reverse("indexes:platform-root", args=[platform])
    return _page(request, Kind.PLATFORM, f"The index for {platform}", path)


@require_safe
def dated(request: HttpRequest, day: date) -> HttpResponse:
    path = reverse("indexes:dated-root", args=[day])
    return _page(request, Kind.DATED, f"The index as of {day}", path)


@require_safe
def curated(request: HttpRequest, organisation: str, index: str) -> HttpResponse:
    """To who does not belong to the organisation a private one is not there."""
    found = get_object_or_404(CuratedIndex, tenant=organisation, slug=index)
    user = signed_in(request)
    mine = Organisation.objects.of(user) if user else Organisation.objects.none()
    if found.is_private and not mine.filter(slug=organisation).exists():
        raise Http404
    return _page(
        request,
        Kind.CURATED,
        f"The index {found}",
        reverse("indexes:curated-root", args=[organisation, index]),
        name=f"{organisation}-{index}",
        project=found.projects[0],
        is_private=found.is_private,
    )


def _page(
    request: HttpRequest,
    kind: Kind,
    title: str,
    path: str,
    *,
    name: str = NAME,
    project: str = EXAMPLE,
    is_private: bool = False,
) -> HttpResponse:
    url = f"{settings.AFFINEUR_PUBLIC_URL}{path}"
    context: dict[str, Any] = {
        "kind": kind,
        "title": title,
        "url": url,
        "advice": ADVICE[kind],
        "project": project,
        "is_private": is_private,
        "snippets": snippets(url, kind=kind, name=name, project=project, is_private=is_private),
    }
    return render(request, "web/use_index.html", context)
