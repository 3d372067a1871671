"""Proving that a project is yours: choose a way, follow its instructions, have it checked."""

from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.ownership.methods import METHODS
from portal.ownership.methods.base import ProofMethod
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import check_proof, has_proof, instructions, start_proof
from portal.web.lookup import find_project
from portal.web.people import account
from portal.web.problems import explained


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
                widget=forms.Textarea(attrs={"rows": 2}),
            )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@explained
def prove(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    user = account(request)
    project = find_project(request, name, at=now)
    chosen = request.POST.get("method", "")
    forms_ = [
        FactsForm(request.POST if method.name == chosen else None, method=method)
        for method in METHODS
    ]
    for form in forms_:
        if form.is_bound and form.is_valid():
            proof = start_proof(
                user=user,
                project=project,
                method=form.method.name,
                facts=form.cleaned_data,
                by=user,
                at=now,
                is_at_session=True,
            )
            return redirect("web:proof", proof.pk)
    context = {
        "project": project,
        "forms": forms_,
        "proof": has_proof(user=user, project=project, at=now),
        "pending": Proof.objects.filter(
            user=user, project=project, state=ProofState.PENDING, expires_at__gt=now
        ),
        "may_attest": user.is_staff or settings.AFFINEUR_DEVELOPMENT,
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
    method = next((each for each in METHODS if each.name == proof.method), None)
    context = {"proof": proof, "method": method, "instructions": instructions(proof)}
    return render(request, "web/proof.html", context)
