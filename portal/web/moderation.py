"""Pages of moderators: the queue by its clock, a case, what is decided about it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from indexes.domain.names import NAME_LENGTH
from indexes.models import File, Project
from portal.accounts.middleware import second_factor_first
from portal.accounts.models import User
from portal.accounts.services import has_mfa
from portal.consent.suspension import disputed_objections
from portal.errors import CaseNotReady, EvidenceRefused, InvalidDecision
from portal.moderation import services
from portal.moderation.actions.catalogue import action_named, fitting
from portal.moderation.evidence import MAX_FILE, MAX_TEXT, MAX_TITLE, add_evidence
from portal.moderation.intake import TEXT_LENGTH, open_case
from portal.moderation.models import Appeal, Case, Evidence, EvidenceKind
from portal.moderation.people import is_moderator
from portal.moderation.proceedings import CaseKind, CaseState
from portal.web.people import account
from portal.web.problems import explained

PER_PAGE = 50


def for_moderators[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A view that only moderators with a second factor may open."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = account(request)
        if not is_moderator(user):
            if user.is_staff and not has_mfa(user):
                return second_factor_first(request)
            message = (
                "This page is for moderators of this deployment, signed in with a second factor."
            )
            raise PermissionDenied(message)
        return view(request, *args, **kwargs)

    return wrapped


class OpenForm(forms.Form):
    kind = forms.ChoiceField(label="Kind", choices=[(kind.value, kind.label) for kind in CaseKind])
    project = forms.CharField(
        label="Project",
        required=False,
        max_length=NAME_LENGTH,
        help_text="May stay empty when you name a file.",
    )
    filename = forms.CharField(
        label="File", required=False, max_length=255, help_text="One wheel of ours, if it is that."
    )
    username = forms.CharField(
        label="Account",
        required=False,
        max_length=150,
        help_text="A username, if it is a person; the project is where it showed.",
    )
    text = forms.CharField(
        label="What is wrong",
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean(self) -> dict[str, Any]:
        """With the rows that were named."""
        named = self.cleaned_data
        found = {
            "project": self._row("project", Project.objects, name=named.get("project")),
            "filename": self._row("filename", File.objects, filename=named.get("filename")),
            "username": self._row("username", User.objects, username=named.get("username")),
        }
        if found["filename"] and found["username"]:
            self.add_error("username", "A case is about a file or an account.")
        if not (found["project"] or found["filename"] or self.errors):
            self.add_error("project", "Say which project it is about.")
        return named | found

    def _row(self, field: str, rows: Any, **wanted: Any) -> Any:
        (value,) = wanted.values()
        if not value:
            return None
        row = rows.filter(**wanted).first()
        if row is None:
            self.add_error(field, "We know none of that name.")
        return row


class NoteForm(forms.Form):
    text = forms.CharField(
        label="Note",
        max_length=services.NOTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Only moderators read it.",
    )


class EvidenceForm(forms.Form):
    kind = forms.ChoiceField(label="What it is", choices=EvidenceKind.choices)
    title = forms.CharField(label="Title", max_length=MAX_TITLE)
    text = forms.CharField(
        label="Text or link",
        required=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    file = forms.FileField(
        label="File",
        required=False,
        help_text=f"At most {MAX_FILE // 1024**2} MB. It is kept as it is and never opened here.",
    )

    def clean_file(self) -> bytes:
        upload = self.cleaned_data["file"]
        if upload is None:
            return b""
        if upload.size > MAX_FILE:
            message = f"It has {upload.size:,} bytes, and may have {MAX_FILE:,} at most."
            raise forms.ValidationError(message)
        return bytes(upload.read())


class DecideForm(forms.Form):
    action = forms.CharField(error_messages={"required": "Choose what is done."})
    reason = forms.CharField(
        label="Why",
        max_length=services.REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=(
            "Told to the people whom it concerns. It stands beside the files too, for everybody."
        ),
    )


@require_safe
@never_cache
@for_moderators
def cases(request: HttpRequest) -> HttpResponse:
    """Where it is a moderator's turn; with `mine` only what is assigned to them."""
    user = account(request)
    rows = services.queue()
    only_mine = "mine" in request.GET
    if only_mine:
        rows = rows.filter(assignee=user)
    kind = request.GET.get("kind", "")
    if kind in {each.value for each in CaseKind}:
        rows = rows.filter(kind=kind)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "kinds": list(CaseKind),
        "kind": kind,
        "only_mine": only_mine,
        "now": timezone.now(),
    }
    return render(request, "web/moderation_queue.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_moderators
@explained
def open_one(request: HttpRequest) -> HttpResponse:
    """A case that a moderator found: it has no reporter, so they may decide it themselves."""
    first = {name: request.GET.get(name, "") for name in ("project", "filename", "username")}
    form = OpenForm(request.POST if request.method == "POST" else None, initial=first)
    if request.method == "POST" and form.is_valid():
        named = form.cleaned_data
        file = named["filename"]
        report = open_case(
            kind=CaseKind(named["kind"]),
            project=file.project if file else named["project"],
            about=file or named["username"],
            reported_by=None,
            text=named["text"],
            at=timezone.now(),
        )
        return redirect("web:case", report.case_id)
    status = 400 if form.errors else 200
    return render(request, "web/moderation_open.html", {"form": form}, status=status)


@require_safe
@never_cache
@for_moderators
def show(request: HttpRequest, case_id: UUID) -> HttpResponse:
    return _show(request, _case(case_id))


@require_POST
@for_moderators
@explained
def take(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Make it theirs, or (with `leave`) nobody's."""
    user = account(request)
    to = None if "leave" in request.POST else user
    services.assign(case=_case(case_id), by=user, to=to, at=timezone.now())
    return redirect("web:case", case_id)


@require_POST
@for_moderators
@explained
def note(request: HttpRequest, case_id: UUID) -> HttpResponse:
    case, form = _case(case_id), NoteForm(request.POST)
    if not form.is_valid():
        return _show(request, case, note_form=form)
    services.add_note(
        case=case, by=account(request), text=form.cleaned_data["text"], at=timezone.now()
    )
    return redirect("web:case", case_id)


@require_POST
@for_moderators
@explained
def add(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """A piece of evidence."""
    case, form = _case(case_id), EvidenceForm(request.POST, request.FILES)
    if form.is_valid():
        given = form.cleaned_data
        try:
            add_evidence(
                case=case,
                by=account(request),
                kind=given["kind"],
                title=given["title"],
                text=given["text"],
                content=given["file"],
                at=timezone.now(),
            )
        except EvidenceRefused as error:
            form.add_error(None, str(error))
        else:
            return redirect("web:case", case_id)
    return _show(request, case, evidence_form=form)


@require_safe
@never_cache
@for_moderators
def evidence(request: HttpRequest, evidence_id: UUID) -> HttpResponse:  # noqa: ARG001  # Django's
    """A file that was given as evidence: to be saved, never shown by the browser."""
    found = get_object_or_404(Evidence, pk=evidence_id, kind=EvidenceKind.FILE)
    return HttpResponse(
        bytes(found.content),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="evidence-{found.sha256[:12]}.bin"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@for_moderators
@explained
def decide(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Every action that fits, each with the numbers of what it would do now."""
    case, now = _case(case_id), timezone.now()
    form = DecideForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.decide(case=case, by=account(request), at=now, **form.cleaned_data)
        except InvalidDecision as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            if action_named(made.action).needs_second:
                messages.warning(request, "It is held: it is another moderator's turn to approve.")
            return redirect("web:case", case_id)
    if case.state != CaseState.OPEN:
        raise CaseNotReady(str(case), "decided", case.state)
    context = {
        "case": case,
        "form": form,
        "chosen": form.data.get("action", ""),
        "choices": [(action, action.will(case, at=now)) for action in fitting(case)],
    }
    return render(
        request, "web/moderation_decide.html", context, status=400 if form.errors else 200
    )


@require_POST
@for_moderators
@explained
def approve(request: HttpRequest, case_id: UUID) -> HttpResponse:
    services.approve(case=_case(case_id), by=account(request), at=timezone.now())
    messages.success(request, "Approved. Nothing is done until it is carried out.")
    return redirect("web:case", case_id)


@require_POST
@for_moderators
@explained
def drop(request: HttpRequest, case_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")
    services.drop(case=_case(case_id), by=account(request), reason=reason, at=timezone.now())
    messages.success(request, "The decision is dropped. Nothing was done, and the case is open.")
    return redirect("web:case", case_id)


@require_POST
@for_moderators
@explained
def carry_out(request: HttpRequest, case_id: UUID) -> HttpResponse:
    made = services.carry_out(case=_case(case_id), by=account(request), at=timezone.now())
    told = made.told.count()
    messages.success(request, f"Done. People told: {told}. They can appeal until the date below.")
    return redirect("web:case", case_id)


@require_POST
@for_moderators
@explained
def undo(request: HttpRequest, case_id: UUID) -> HttpResponse:
    reason = request.POST.get("reason", "")
    services.undo(case=_case(case_id), by=account(request), reason=reason, at=timezone.now())
    messages.success(request, "It is undone, and the case is open again.")
    return redirect("web:case", case_id)


@require_POST
@for_moderators
@explained
def answer(request: HttpRequest, appeal_id: UUID) -> HttpResponse:
    made = get_object_or_404(Appeal.objects.select_related("decision"), pk=appeal_id)
    services.answer_appeal(
        made=made,
        by=account(request),
        is_granted="grant" in request.POST,
        text=request.POST.get("answer", ""),
        at=timezone.now(),
    )
    messages.success(request, "The appeal is answered, and whoever made it is told.")
    return redirect("web:case", made.decision.case_id)


def _case(case_id: UUID) -> Case:
    rows = Case.objects.select_related(
        "project", "file__project", "account", "consent__user", "assignee"
    )
    case = rows.filter(pk=case_id).first()
    if case is None:
        message = "There is no such case."
        raise Http404(message)
    return case


def _show(
    request: HttpRequest,
    case: Case,
    *,
    note_form: NoteForm | None = None,
    evidence_form: EvidenceForm | None = None,
) -> HttpResponse:
    user, now = account(request), timezone.now()
    standing = services.standing_decision(case)
    is_waiting = standing is not None and standing.carried_out_at is None
    appeals = Appeal.objects.filter(decision__case=case)
    context = {
        "case": case,
        "reports": case.reports.select_related("reporter"),
        "evidence": case.evidence.defer("content").select_related("by"),
        "notes": case.notes.select_related("by"),
        "standing": standing,
        "objections": disputed_objections(case.project)
        if case.kind == CaseKind.DISPUTED_OWNERSHIP
        else None,
        "action": action_named(standing.action) if standing else None,
        "will": services.preview(case, standing.action, at=now)
        if standing and is_waiting
        else None,
        "earlier": case.decisions.exclude(ended_at=None).select_related(
            "decided_by", "approved_by", "ended_by"
        ),
        "appeals": appeals.select_related("by", "answered_by", "decision"),
        "is_concerned": user.pk in services.proceeding_of(case, at=now).concerned,
        "is_decider": standing is not None
        and user.pk in {standing.decided_by_id, standing.approved_by_id},
        "note_form": note_form or NoteForm(auto_id="note-%s"),
        "evidence_form": evidence_form or EvidenceForm(auto_id="evidence-%s"),
        "reason_length": services.REASON_LENGTH,
        "now": now,
    }
    is_wrong = bool((note_form and note_form.errors) or (evidence_form and evidence_form.errors))
    return render(request, "web/moderation_case.html", context, status=400 if is_wrong else 200)
