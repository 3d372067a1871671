"""Giving consent, clause by clause, and taking it back with the numbers in view."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from builds.domain.coverage import CellStatus
from builds.domain.permits import Channel
from builds.domain.planning import SPECIFIERS_LENGTH, InvalidSpecifiers, parse_specifiers
from builds.services.coverage import coverage
from indexes.models import Project
from portal.accounts.models import User
from portal.accounts.services import is_administrator
from portal.consent.agreements import (
    BUILD_AND_EXECUTE,
    REDISTRIBUTE_BINARIES,
    Agreement,
    current,
    with_hash,
)
from portal.consent.licences import licence_seen
from portal.consent.models import Afterwards, Capacity, Consent
from portal.consent.services import (
    give_consent,
    open_suspension,
    preview_revocation,
    revoke_consent,
)
from portal.errors import LicenceNeeded
from portal.ownership.policy import Say
from portal.ownership.services import has_proof
from portal.requests.services import demand
from portal.web.lookup import find_project
from portal.web.people import account
from portal.web.problems import explained
from portal.web.target_names import target_in_words
from portal.web.text import rendered_markdown


class ConsentForm(forms.Form):
    """Scope first, then each clause of each agreement with a box of its own."""

    capacity = forms.ChoiceField(
        label="In which capacity do you consent?",
        choices=Capacity.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Say in which capacity you consent."},
    )
    publish = forms.BooleanField(
        label="Publish the wheels on this index",
        required=False,
        help_text="Without it wheels are built and checked, and nobody can install them.",
    )
    specifiers = forms.CharField(
        label="Releases",
        required=False,
        max_length=SPECIFIERS_LENGTH,
        help_text="Version specifiers, such as >=1.4. Empty means every release.",
    )
    covers_new_releases = forms.BooleanField(
        label="Releases that are yet to come, too",
        required=False,
        help_text="Without it only the releases that exist today are covered.",
    )
    targets = forms.MultipleChoiceField(
        label="Targets",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen means every target, those to come included.",
    )
    expires_on = forms.DateField(
        label="Ends on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Midnight UTC. Empty means until you take it back.",
    )
    licence_expression = forms.CharField(
        label="Licence",
        required=False,
        max_length=255,
        help_text=(
            "SPDX expression under which the wheels may be given to others, such as MIT or"
            " Apache-2.0 OR BSD-3-Clause. Needed to publish."
        ),
    )
    licence_seen_in = forms.CharField(
        label="Where the licence stands",
        required=False,
        max_length=255,
        help_text="A file or a field, such as LICENSE of the newest release.",
    )

    def __init__(self, *args: Any, agreements: list[Agreement], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agreements = agreements
        self.fields["targets"].choices = [  # type: ignore[attr-defined]  # it is the one above
            (name, target_in_words(name)) for name in settings.AFFINEUR_TARGETS
        ]
        for agreement in agreements:
            for clause in agreement.clauses:
                self.fields[clause_field(agreement, clause.id)] = forms.BooleanField(
                    label=clause.title,
                    required=False,
                )

    def clean_specifiers(self) -> str:
        specifiers: str = self.cleaned_data["specifiers"]
        try:
            return str(parse_specifiers(specifiers))
        except InvalidSpecifiers as error:
            raise forms.ValidationError(str(error)) from error

    def clean_expires_on(self) -> datetime | None:
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        moment = datetime.combine(day, time.min, tzinfo=UTC)
        if moment <= timezone.now():
            message = "Choose a day that is yet to come."
            raise forms.ValidationError(message)
        return moment

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        publishes = cleaned.get("publish")
        if publishes and not cleaned.get("licence_expression"):
            self.add_error("licence_expression", "Name the licence: wheels are published under it.")
        for agreement in self.agreements:
            if agreement.name == REDISTRIBUTE_BINARIES and not publishes:
                continue
            for clause in agreement.clauses:
                name = clause_field(agreement, clause.id)
                if not cleaned.get(name):
                    self.add_error(name, "Without this clause there is no consent.")
        return cleaned

    @property
    def scope(self) -> list[forms.BoundField]:
        """The fields that are no clause."""
        return [field for field in self if not field.name.startswith("clause:")]

    @property
    def texts(self) -> list[dict[str, Any]]:
        """Each agreement with its clauses, in full, and a box for each."""
        return [
            {
                "agreement": agreement,
                "introduction": rendered_markdown(agreement.introduction),
                "clauses": [
                    (self[clause_field(agreement, clause.id)], rendered_markdown(clause.text))
                    for clause in agreement.clauses
                ],
            }
            for agreement in self.agreements
        ]

    @property
    def channels(self) -> list[str]:
        publishes = self.cleaned_data["publish"]
        return [Channel.BUILD.value, Channel.PUBLISH.value] if publishes else [Channel.BUILD.value]

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The agreements whose every clause was ticked, as the consent records them."""
        return [
            {"name": each.name, "sha256": self.data.get(f"sha256:{each.name}"), "clauses": clauses}
            for each in self.agreements
            if (
                clauses := [
                    clause.id
                    for clause in each.clauses
                    if self.cleaned_data.get(clause_field(each, clause.id))
                ]
            )
            and (each.name != REDISTRIBUTE_BINARIES or self.cleaned_data["publish"])
        ]


class RevokeForm(forms.Form):
    afterwards = forms.ChoiceField(
        label="What should become of the wheels that exist?",
        choices=Afterwards.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what becomes of the wheels."},
    )
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept in the ledger, for the project's owners. May stay empty.",
    )


def clause_field(agreement: Agreement, clause: str) -> str:
    return f"clause:{agreement.name}:{clause}"


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def consent(request: HttpRequest, name: str) -> HttpResponse:
    now = timezone.now()
    user = account(request)
    project = find_project(request, name, at=now)
    proof = has_proof(user=user, project=project, at=now, say=Say.BUILD)
    if proof is None:
        return redirect("web:prove", project.name)
    agreements = [current(BUILD_AND_EXECUTE), current(REDISTRIBUTE_BINARIES)]
    if request.method == "POST":
        form = ConsentForm(request.POST, agreements=agreements)
        if form.is_valid():
            try:
                given = _give(form, user, project, now)
            except LicenceNeeded as error:
                form.add_error("licence_expression", str(error))
            else:
                messages.success(
                    request,
                    f"Thank you. Your consent for {project.name} is recorded, and holds from now.",
                )
                return redirect("web:consent", given.pk)
    else:
        form = ConsentForm(agreements=agreements, initial=_suggested(project))
    context = {
        "project": project,
        "proof": proof,
        "form": form,
        "demand": demand(project),
        "numbers": _numbers(project),
    }
    return render(request, "web/consent_form.html", context, status=400 if form.errors else 200)


@require_safe
@login_required
def show(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """One consent, for who gave it and the project's other owners."""
    found = _consent(request, consent_id)
    context = {
        "consent": found,
        "suspension": open_suspension(found),
        "texts": [(each, with_hash(each["sha256"])) for each in found.agreements],
        "is_held": found.holds.filter(lifted_at=None).exists(),
        "now": timezone.now(),
    }
    return render(request, "web/consent.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def revoke(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    now = timezone.now()
    found = _consent(request, consent_id)
    form = RevokeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        revoke_consent(
            consent=found,
            user=account(request),
            afterwards=form.cleaned_data["afterwards"],
            reason=form.cleaned_data["reason"],
            at=now,
        )
        messages.success(request, f"Your consent for {found.project.name} is taken back.")
        return redirect("web:consent", found.pk)
    context = {
        "consent": found,
        "revocation": getattr(found, "revocation", None),
        "form": form,
        "numbers": preview_revocation(found, at=now),
    }
    return render(request, "web/revoke.html", context, status=400 if form.errors else 200)


def _give(form: ConsentForm, user: User, project: Project, now: datetime) -> Consent:
    chosen = form.cleaned_data
    return give_consent(
        user=user,
        project=project,
        capacity=chosen["capacity"],
        accepted=form.accepted,
        specifiers=chosen["specifiers"],
        covers_new_releases=chosen["covers_new_releases"],
        targets=chosen["targets"],
        channels=form.channels,
        expires_at=chosen["expires_on"],
        licence_expression=chosen["licence_expression"],
        licence_seen_in=chosen["licence_seen_in"],
        at=now,
    )


def _suggested(project: Project) -> dict[str, Any]:
    expression, place = licence_seen(project)
    return {
        "publish": True,
        "covers_new_releases": True,
        "licence_expression": expression,
        "licence_seen_in": place,
    }


def _numbers(project: Project) -> dict[str, int]:
    """What a consent for everything would mean today."""
    covered = coverage(project=project)
    missing = [
        row.version
        for row in covered.rows
        for cell in row.cells
        if cell.status is CellStatus.MISSING
    ]
    counts = covered.counts
    return {
        "gaps": len(missing),
        "releases": len(set(missing)),
        "served": counts[CellStatus.UPSTREAM] + counts[CellStatus.OURS],
        "targets": len(covered.targets),
    }


def _consent(request: HttpRequest, consent_id: UUID) -> Consent:
    consents = Consent.objects.select_related("project", "user", "proof", "revocation")
    found = get_object_or_404(consents, pk=consent_id)
    user = account(request)
    is_theirs = found.user == user or is_administrator(user)
    if not is_theirs and has_proof(user=user, project=found.project, at=timezone.now()) is None:
        message = (
            f"This consent is for the proven owners of {found.project.name}. It is your turn:"
            " prove that the project is yours, then come back."
        )
        raise PermissionDenied(message)
    return found
