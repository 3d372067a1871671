"""Proving that a project is yours: choose a way, follow its instructions, have it checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.consent.facts import unended_consents
from portal.ownership.methods import METHODS, method_named
from portal.ownership.methods.base import ProofMethod
from portal.ownership.models import Proof, ProofState
from portal.ownership.owners import proofs_that_count
from portal.ownership.policy import Say
from portal.ownership.services import (
    check_proof,
    enough_with,
    has_proof,
    instructions,
    proof_at_hand,
)
from portal.ownership.services import prove as start
from portal.web.lookup import find_project
from portal.web.people import account
from portal.web.problems import explained
from portal.web.text import lines_of


class FactsForm(forms.Form):
    """What one method has to be told; its fields are the method's own facts."""

    def __init__(self, data: QueryDict | None, *, method: ProofMethod) -> None:
        super().__init__(data, auto_id=f"{method.name}-%s")
        self.method = method
        for fact in method.facts:
            self.fields[fact.name] = forms.CharField(
                label=fact.label,
                help_text=fact.question,
                required=fact.is_required,
                max_length=2000,
                widget=None if fact.is_short else forms.Textarea(attrs={"rows": 2}),
            )


def _labels(proofs: Iterable[Proof]) -> list[str]:
    return sorted({method_named(proof.method).label for proof in proofs})


@dataclass(frozen=True, slots=True)
class Way:
    """One method, as the page offers it."""

    form: FactsForm
    closed: str
    """Why it is not offered here; empty when it is."""
    beside: str
    """What it counts with, in words; empty when it is enough by itself."""
    is_for_administrators: bool


def _way(request: HttpRequest, method: ProofMethod, *, is_chosen: bool) -> Way:
    sets = enough_with(method)
    named = {each.name: each.label for each in METHODS}
    others = [" and ".join(f"“{named[name]}”" for name in names) for names in sets if names]
    return Way(
        form=FactsForm(request.POST if is_chosen else None, method=method),
        closed=method.closed_because(),
        beside="" if [] in sets else " or ".join(others) or "a proof of who you are",
        is_for_administrators=method.name == "staff-review",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@explained
def prove(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    user = account(request)
    project = find_project(request, name, at=now)
    chosen = request.POST.get("method", "")
    ways = [_way(request, method, is_chosen=method.name == chosen) for method in METHODS]
    forms_ = [way.form for way in ways]
    for form in forms_:
        if form.is_bound and form.is_valid():
            proof = start(
                user=user,
                project=project,
                method=form.method.name,
                facts=form.cleaned_data,
                at=now,
                is_at_session=True,
            )
            return redirect("web:proof", proof.pk)
    context = {
        "project": project,
        "alone": [way for way in ways if not way.closed and not way.beside],
        "together": [way for way in ways if not way.closed and way.beside],
        # Nobody misses here what is for development.
        "closed": [way for way in ways if way.closed and way.form.method.name != "attestation"],
        "proof": proof_at_hand(user=user, project=project, at=now, say=Say.PUBLISH),
        "held": _labels(proofs_that_count(at=now).filter(user=user, project=project)),
        "pending": Proof.objects.filter(
            user=user, project=project, state=ProofState.PENDING, expires_at__gt=now
        ),
    }
    is_wrong = any(form.errors for form in forms_)
    return render(request, "web/prove.html", context, status=400 if is_wrong else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def show(request: HttpRequest, proof_id: UUID) -> HttpResponse:
    """One proof; posting to it has it checked now."""
    proofs = Proof.objects.select_related("project", "user")
    proof = get_object_or_404(proofs, pk=proof_id, user=account(request))
    if request.method == "POST":
        check_proof(proof=proof, at=timezone.now())
        return redirect("web:proof", proof.pk)
    enough = has_proof(user=proof.user, project=proof.project, at=timezone.now(), say=Say.PUBLISH)
    context = {
        "proof": proof,
        "method": next((each for each in METHODS if each.name == proof.method), None),
        "instructions": instructions(proof),
        "seen": list(lines_of(proof.evidence)),
        "is_enough": enough is not None,
        "consents": unended_consents(proof.project, at=timezone.now()),
    }
    return render(request, "web/proof.html", context)
