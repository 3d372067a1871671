"""A project: its coverage, and its releases one by one."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from builds.domain.coverage import Cell, CellStatus, Coverage
from builds.services.coverage import coverage
from builds.services.plan import preview
from indexes.domain.names import parse_project_name
from indexes.models import File, Project
from portal.consent.listing import kept_consents
from portal.consent.models import KeptSource
from portal.consent.refusals import standing_refusal
from portal.consent.services import held_back_consents, live_consents
from portal.moderation.files import may_yank
from portal.moderation.holds import takes_no_consent
from portal.ownership.services import has_proof
from portal.requests.services import demand
from portal.web.addresses import file_url, overlay_url
from portal.web.lookup import find_project
from portal.web.matrix import matrix_of
from portal.web.people import signed_in
from portal.web.problems import explained


@require_safe
@explained
def show(request: HttpRequest, name: str) -> HttpResponse:
    if name != parse_project_name(name):
        return redirect("web:project", parse_project_name(name), permanent=True)
    now = timezone.now()
    project = find_project(request, name, at=now)
    covered = coverage(project=project)
    context = _common(request, project) | {
        "coverage": covered,
        "matrix": matrix_of(covered, opened=request.GET.get("minor", "")),
        "statuses": list(CellStatus),
        "consents": live_consents(project, at=now),
        "takes_no_consent": takes_no_consent(project),
        "held_back": held_back_consents(project, at=now),
        "kept": kept_consents(project, at=now),
        "no": standing_refusal(project),
        "demand": demand(project),
        "install": _install(project, covered),
    }
    return render(request, "web/project.html", context)


@require_safe
@explained
def minor(request: HttpRequest, name: str, label: str) -> HttpResponse:
    """The releases of one folded minor, for the open page to put in its place."""
    project = find_project(request, name, at=timezone.now())
    matrix = matrix_of(coverage(project=project))
    found = [each for each in (*matrix.shown, *matrix.folded) if each.label == label]
    if not found:
        raise Http404
    context = {"project": project, "matrix": matrix, "minors": found}
    return render(request, "web/_matrix_table.html", context)


@require_safe
@explained
def release(request: HttpRequest, name: str, version: str) -> HttpResponse:
    project = find_project(request, name, at=timezone.now())
    row = next((row for row in coverage(project=project).rows if row.version == version), None)
    if row is None:
        message = f"{project.name} has no release {version}."
        raise Http404(message)
    ours = File.objects.filter(project=project, version=version).defer("metadata", "provenance")
    planned = preview(project=project, specifiers=f"=={version}", targets=())
    reasons = {refusal.target: refusal.message for refusal in planned.refusals}
    context = _common(request, project) | {
        "row": row,
        "cells": [(cell, _reason(cell, reasons)) for cell in row.cells],
        "upstream_files": project.upstream_files.filter(version=version),
        "files": [(file, file_url(file)) for file in ours],
        "consents": live_consents(project, at=timezone.now()),
        "may_yank": _may_yank(request, project),
        "sources": KeptSource.objects.filter(project=project, version=version),
    }
    return render(request, "web/release.html", context)


def _may_yank(request: HttpRequest, project: Project) -> bool:
    user = signed_in(request)
    return user is not None and may_yank(user=user, project=project, at=timezone.now())


def _common(request: HttpRequest, project: Project) -> dict[str, Any]:
    user = signed_in(request)
    proof = has_proof(user=user, project=project, at=timezone.now()) if user else None
    return {"project": project, "proof": proof}


def _reason(cell: Cell, reasons: dict[str, str]) -> str:
    """In full for what is refused; `reasons` is by target, "" being the whole release's."""
    if cell.status is CellStatus.REFUSED:
        return reasons.get(cell.target) or reasons.get("") or cell.text
    return cell.text


def _install(project: Project, covered: Coverage) -> dict[str, str]:
    newest = next((row for row in covered.rows if not (row.is_yanked or row.is_prerelease)), None)
    requirement = f"{project.name}=={newest.version}" if newest else project.name
    return {
        "pip": f"pip install --index-url {overlay_url()} {requirement}",
        "uv": f"uv pip install --index-url {overlay_url()} {requirement}",
    }
