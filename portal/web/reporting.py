"""Pages of who reports something, and of who is told what moderators decided."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from indexes.domain.names import InvalidProjectName, parse_project_name
from indexes.models import File, Project
from portal.accounts.models import User
from portal.consent.models import Consent
from portal.moderation.announcements import person_of_key
from portal.moderation.intake import (
    REPORTABLE,
    TEXT_LENGTH,
    receipt_of,
    report_of_receipt,
    report_something,
    reports_of,
)
from portal.moderation.models import Decision
from portal.moderation.people import owners_of
from portal.moderation.services import APPEAL_LENGTH, appeal
from portal.web.people import account, signed_in
from portal.web.problems import explained

SHOWN = 50


class ReportForm(forms.Form):
    kind = forms.ChoiceField(
        label="What it is about",
        choices=[(kind.value, kind.label) for kind in REPORTABLE],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what it is about."},
    )
    text = forms.CharField(
        label="What is wrong",
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="What you saw, and where. Only moderators read it.",
    )


class AppealForm(forms.Form):
    text = forms.CharField(
        label="What is wrong with it",
        max_length=APPEAL_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Somebody who had no part in the decision reads it and answers. You appeal once.",
    )


def report_file(request: HttpRequest, filename: str) -> HttpResponse:
    file = File.objects.select_related("project").filter(filename=filename).first()
    if file is None:
        message = f"We have no wheel named {filename}."
        raise Http404(message)
    return _report(request, file.project, file, file.filename)


def report_consent(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    consent = get_object_or_404(Consent.objects.select_related("project"), pk=consent_id)
    title = f"a consent for {consent.project.name}"
    return _report(request, consent.project, consent, title)


def report_project(request: HttpRequest, name: str) -> HttpResponse:
    try:
        project = Project.objects.filter(name=parse_project_name(name)).first()
    except InvalidProjectName as error:
        raise Http404(str(error)) from error
    if project is None:
        message = f"We have never seen a project named {name}."
        raise Http404(message)
    return _report(request, project, None, project.name)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@explained
def _report(
    request: HttpRequest, project: Project, about: File | Consent | None, title: str
) -> HttpResponse:
    """The form. Who is not signed in sees what they wrote once more before it is sent."""
    person = signed_in(request)
    form = ReportForm(
        request.POST if request.method == "POST" else None,
        initial={"kind": request.GET.get("kind", "")},
    )
    is_valid = request.method == "POST" and form.is_valid()
    if is_valid and (person or "confirm" in request.POST):
        report = report_something(
            kind=form.cleaned_data["kind"],
            project=project,
            about=about,
            reported_by=person,
            text=form.cleaned_data["text"],
            at=timezone.now(),
        )
        return redirect("web:report-sent", receipt_of(report))
    context = {"project": project, "title": title, "form": form, "to_confirm": is_valid}
    status = 400 if form.errors else 200
    return render(request, "web/moderation_report.html", context, status=status)


@require_safe
@never_cache
def sent(request: HttpRequest, receipt: str) -> HttpResponse:
    """Where one report stands, for who has its receipt; of others nothing."""
    report = report_of_receipt(receipt)
    if report is None:
        message = "There is no such report."
        raise Http404(message)
    context = {
        "report": report,
        "case": report.case,
        "is_own": report.reporter_id is not None,
        "now": timezone.now(),
    }
    return render(request, "web/moderation_receipt.html", context)


@require_safe
@login_required
@never_cache
def told(request: HttpRequest) -> HttpResponse:
    """A person's reports, and what was decided that concerns them."""
    user = account(request)
    decisions = Decision.objects.filter(told=user).select_related(
        "case__project", "case__file", "case__account", "case__consent"
    )
    context = {
        "reports": [(report, receipt_of(report)) for report in reports_of(user)[:SHOWN]],
        "decisions": decisions.order_by("-carried_out_at", "pk")[:SHOWN],
    }
    return render(request, "web/moderation_told.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@explained
def decision(request: HttpRequest, decision_id: UUID, key: str = "") -> HttpResponse:
    """What was decided, for who was told of it, and the form to appeal.

    They are signed in, or have the key that was sent to them: who is banned cannot sign in.
    """
    rows = Decision.objects.select_related(
        "case__project", "case__file", "case__account", "case__consent"
    )
    found = rows.filter(pk=decision_id).first()
    person = _told_person(request, found, key) if found else None
    if found is None or person is None:
        message = "There is no such decision, or it does not concern you."
        raise Http404(message)
    now = timezone.now()
    form = AppealForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        appeal(decision=found, by=person, text=form.cleaned_data["text"], at=now)
        return redirect(request.path)
    context: dict[str, Any] = {
        "decision": found,
        "case": found.case,
        "form": form,
        "appeal": found.appeals.filter(by=person).first(),
        "can_appeal": found.ended_at is None
        and found.appeal_until is not None
        and now <= found.appeal_until,
        "revealed": _revealed(found, person),
    }
    status = 400 if form.errors else 200
    return render(request, "web/moderation_decision.html", context, status=status)


def _told_person(request: HttpRequest, decision: Decision, key: str) -> User | None:
    pk = person_of_key(decision, key) if key else request.user.pk
    return decision.told.filter(pk=pk).first() if pk else None


def _revealed(decision: Decision, person: User) -> list[str]:
    """Names of who reported it, once revealed, for the people whom the case concerns."""
    case = decision.case
    if person not in owners_of(case, at=timezone.now()):
        return []
    revealed = case.reports.filter(revealed_at__isnull=False)
    people = User.objects.filter(reports__in=revealed).distinct()
    return sorted(person.username for person in people)
