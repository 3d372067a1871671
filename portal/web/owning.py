"""What the owners of a project settle among themselves: who may act, how many must agree, a no."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from builds.domain.permits import Channel
from indexes.models import Project
from portal.accounts.models import User
from portal.consent.agreements import needed_for
from portal.consent.delegation import delegate, delegations_of, end_delegation
from portal.consent.facts import unended_consents
from portal.consent.licences import licence_seen
from portal.consent.models import Delegation, KeptSource, Refusal, Task, Threshold
from portal.consent.organisation import Given, consent_for_organisation, siblings_of
from portal.consent.owners import MOST_OWNERS, owners_wanted, set_threshold
from portal.consent.pause_links import pause_by_link, read_link, send_pause_link
from portal.consent.refusals import say_no, standing_refusal, take_no_back
from portal.consent.sources import open_source
from portal.errors import InvalidDelegation
from portal.ownership.owners import owners_of
from portal.ownership.services import has_proof
from portal.requests.services import demand
from portal.web.consenting import ConsentForm
from portal.web.lookup import find_project
from portal.web.people import account
from portal.web.problems import explained


class DelegationForm(forms.Form):
    username = forms.CharField(label="User name", max_length=150)
    tasks = forms.MultipleChoiceField(
        label="What they may do",
        choices=Task.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )


class ThresholdForm(forms.Form):
    owners = forms.IntegerField(
        label="How many owners have to say yes",
        min_value=0,
        max_value=MOST_OWNERS,
        help_text="A number, or 0 for all of them. The strictest wish of any owner is what goes.",
    )


class RefusalForm(forms.Form):
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept in the ledger, for the project's owners. May stay empty.",
    )


class OrganisationForm(ConsentForm):
    """The same consent for several projects; each keeps the licence that it is given here."""

    def __init__(self, *args: Any, projects: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["licence_expression"]
        self.fields["names"] = forms.MultipleChoiceField(
            label="Projects",
            choices=[(name, name) for name in projects],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": "Choose at least one."},
        )

    @property
    def terms(self) -> list[forms.BoundField]:
        return [self[name] for name in ("names", "publish", "capacity")]


@require_safe
@login_required
@never_cache
@explained
def owners(request: HttpRequest, name: str) -> HttpResponse:
    return _owners_page(request, find_project(request, name, at=timezone.now()))


@require_POST
@login_required
@explained
def name_somebody(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    project = find_project(request, name, at=now)
    form = DelegationForm(request.POST)
    if form.is_valid():
        try:
            made = delegate(user=account(request), project=project, at=now, **form.cleaned_data)
        except InvalidDelegation as error:
            form.add_error("username", str(error))
        else:
            messages.success(request, f"{made.person} may act for {project.name} now.")
            return redirect("web:owners", project.name)
    return _owners_page(request, project, naming=form)


@require_POST
@login_required
@explained
def end_naming(request: HttpRequest, name: str, delegation_id: int) -> HttpResponse:
    now = timezone.now()
    project = find_project(request, name, at=now)
    found = get_object_or_404(
        Delegation.objects.select_related("project", "by", "person"),
        pk=delegation_id,
        project=project,
    )
    end_delegation(delegation=found, user=account(request), at=now)
    messages.success(request, f"{found.person} acts for {project.name} no longer.")
    return redirect("web:owners", project.name)


@require_POST
@login_required
@explained
def threshold(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    project = find_project(request, name, at=now)
    form = ThresholdForm(request.POST)
    if form.is_valid():
        set_threshold(
            user=account(request), project=project, owners=form.cleaned_data["owners"], at=now
        )
        messages.success(request, "Your wish is recorded; the strictest of all is what goes.")
        return redirect("web:owners", project.name)
    return _owners_page(request, project, wanting=form)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def no(request: HttpRequest, name: str) -> HttpResponse:
    """No, and do not ask again; posted a second time with `again` it is taken back."""
    now = timezone.now()
    user = account(request)
    project = find_project(request, name, at=now)
    if has_proof(user=user, project=project, at=now) is None:
        return redirect("web:prove", project.name)
    mine = Refusal.objects.filter(project=project, user=user, ended_at=None).first()
    form = RefusalForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and "again" in request.POST and mine:
        take_no_back(refusal=mine, user=user, at=now)
        messages.success(request, f"People may ask for wheels of {project.name} again.")
        return redirect("web:project", project.name)
    if request.method == "POST" and form.is_valid():
        say_no(user=user, project=project, reason=form.cleaned_data["reason"], at=now)
        messages.success(request, f"Understood. Nobody is asked for {project.name} any more.")
        return redirect("web:project", project.name)
    context = {
        "project": project,
        "form": form,
        "mine": mine,
        "standing": standing_refusal(project),
        "people": demand(project).people,
        "consents": unended_consents(project, at=now),
    }
    return render(request, "web/no.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def organisation(request: HttpRequest, name: str) -> HttpResponse:
    """One yes for several projects of an organisation."""
    now = timezone.now()
    user = account(request)
    project = find_project(request, name, at=now)
    siblings = siblings_of(project, user=user, at=now)
    ready = [each.project.name for each in siblings if each.is_proven and not each.has_consent]
    form = OrganisationForm(
        request.POST if request.method == "POST" else None,
        agreements=needed_for(Channel),
        projects=ready,
        initial={"publish": "on", "covers_new_releases": "on"},
    )
    context: dict[str, Any] = {"project": project, "siblings": siblings, "form": form}
    if request.method == "POST" and form.is_valid():
        context["given"] = _give_all(form, user, project)
    status = 400 if form.errors else 200
    return render(request, "web/consent_organisation.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@explained
def ask_to_pause(request: HttpRequest, name: str) -> HttpResponse:
    """Have a link sent to the address in the metadata: no account is needed."""
    now = timezone.now()
    project = find_project(request, name, at=now)
    is_sent = request.method == "POST"
    if is_sent:
        send_pause_link(project=project, at=now)
    return render(request, "web/ask_to_pause.html", {"project": project, "is_sent": is_sent})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@explained
def pause(request: HttpRequest, token: str) -> HttpResponse:
    """What the link leads to. Opening it changes nothing: mail programs open links, too."""
    now = timezone.now()
    link = read_link(token, at=now)
    paused = pause_by_link(token=token, at=now) if request.method == "POST" else None
    context = {
        "project": link.project,
        "paused": paused,
        "is_done": paused is not None,
        "consents": unended_consents(link.project, at=now),
    }
    return render(request, "web/pause_by_link.html", context)


@require_safe
def source(request: HttpRequest, name: str, filename: str) -> FileResponse:  # noqa: ARG001  # Django calls it so
    """A source distribution that we keep beside the wheels made from it."""
    kept = KeptSource.objects.filter(project__name=name, filename=filename).first()
    if kept is None:
        message = f"No source distribution {filename} of {name} is kept here."
        raise Http404(message)
    return FileResponse(open_source(kept), as_attachment=True, filename=kept.filename)


def _owners_page(
    request: HttpRequest,
    project: Project,
    *,
    naming: DelegationForm | None = None,
    wanting: ThresholdForm | None = None,
) -> HttpResponse:
    now = timezone.now()
    user = account(request)
    if has_proof(user=user, project=project, at=now) is None:
        return redirect("web:prove", project.name)
    mine = Threshold.objects.filter(project=project, user=user).first()
    context = {
        "project": project,
        "owners": owners_of(project, at=now),
        "wanted": owners_wanted(project, at=now),
        "delegations": [
            (each, [Task(task).label for task in each.tasks]) for each in delegations_of(project)
        ],
        "naming": naming or DelegationForm(),
        "wanting": wanting or ThresholdForm(initial={"owners": mine.owners if mine else 1}),
    }
    is_wrong = bool((naming and naming.errors) or (wanting and wanting.errors))
    return render(request, "web/owners.html", context, status=400 if is_wrong else 200)


def _give_all(form: OrganisationForm, user: User, project: Project) -> list[Given]:
    names = form.cleaned_data["names"]
    projects = {each.name: each for each in Project.objects.filter(name__in=names)}
    return consent_for_organisation(
        user=user,
        project=project,
        names=names,
        licences={name: licence_seen(each).expression for name, each in projects.items()},
        capacity=form.cleaned_data["capacity"],
        accepted=form.accepted,
        channels=form.channels,
        licence_seen_in="As its newest release states it",
        at=timezone.now(),
        **form.scope,
    )
