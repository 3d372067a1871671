"""What belongs to the person at the keyboard: proofs, consents, requests, tokens."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from indexes.domain.names import (
    NAME_LENGTH,
    InvalidProjectName,
    NormalizedName,
    parse_project_name,
)
from portal.accounts.models import ApiToken
from portal.accounts.scopes import Scope
from portal.accounts.services import issue_token, revoke_token
from portal.consent.agreements import all_agreements, to_read_again
from portal.consent.facts import facts_in, with_facts
from portal.consent.models import Consent, Delegation
from portal.consent.states import state_of
from portal.organisations.services import invitations_to
from portal.ownership.models import Proof
from portal.requests.models import Request
from portal.requests.services import request_status
from portal.requests.wanted import wanted_of
from portal.web.people import account
from portal.web.problems import explained
from portal.web.tokens import TokenForm

SHOWN = 50


class ApiTokenForm(TokenForm):
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=[(scope.value, scope.label) for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    field_order = ("name", "scopes")


class FindForm(forms.Form):
    name = forms.CharField(label="Project", max_length=NAME_LENGTH)

    def clean_name(self) -> NormalizedName:
        try:
            return parse_project_name(self.cleaned_data["name"])
        except InvalidProjectName as error:
            raise forms.ValidationError(str(error)) from error


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    """What is theirs; posting a project's name leads to the proof that it is, too."""
    user = account(request)
    form = FindForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return redirect("web:prove", form.cleaned_data["name"])
    now, texts = timezone.now(), all_agreements()
    asked = Request.objects.filter(user=user).select_related("project")
    context = {
        "wanted": wanted_of(user, at=now),
        "delegations": Delegation.objects.filter(person=user, ended_at=None).select_related(
            "project", "by"
        )[:SHOWN],
        "proofs": Proof.objects.filter(user=user).select_related("project")[:SHOWN],
        "consents": [
            (each, state_of(facts_in(each), at=now), to_read_again(each.agreements, texts))
            for each in with_facts(Consent.objects.filter(user=user).select_related("project"))[
                :SHOWN
            ]
        ],
        "requests": [
            (each, request_status(each)) for each in asked.prefetch_related("builds")[:SHOWN]
        ],
        "invited": invitations_to(user, at=timezone.now()).count(),
        "token_count": ApiToken.objects.filter(user=user, revoked_at=None).count(),
        "form": form,
    }
    return render(request, "web/mine.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def tokens(request: HttpRequest) -> HttpResponse:
    user = account(request)
    form = ApiTokenForm(request.POST if request.method == "POST" else None)
    now, secret = timezone.now(), ""
    if request.method == "POST" and form.is_valid():
        _, secret = issue_token(
            user=user,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.ends_at(now),
            at=now,
        )
        form = ApiTokenForm()
    context = {
        "form": form,
        "secret": secret,
        "tokens": ApiToken.objects.filter(user=user)[:SHOWN],
        "now": now,
    }
    return render(request, "web/tokens.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=token_id, user=account(request))
    revoke_token(token=token, by=token.user, at=timezone.now())
    messages.success(request, f"The token {token.name} is revoked. Nothing can use it any more.")
    return redirect("web:tokens")
