"""Giving consent, clause by clause; pausing it, objecting to it, changing it, taking it back."""

from collections.abc import Callable, Iterable
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
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from builds.domain.coverage import CellStatus
from builds.domain.permits import Channel
from builds.domain.planning import SPECIFIERS_LENGTH, InvalidSpecifiers, parse_specifiers
from builds.services.coverage import coverage
from indexes.domain.licences import canonical_licence
from indexes.models import Project
from portal.accounts.models import User
from portal.accounts.services import is_administrator
from portal.consent.agreements import (
    Agreement,
    all_agreements,
    needed_for,
    to_read_again,
    with_hash,
)
from portal.consent.as_code import FileScope, scope_in_file
from portal.consent.facts import consent_state, open_suspensions
from portal.consent.licences import LicenceSeen, licence_seen
from portal.consent.licensing import judge
from portal.consent.listing import kept_consents
from portal.consent.models import Afterwards, AskedBy, Capacity, Consent
from portal.consent.organisation import organisation_of
from portal.consent.owners import owners_wanted, parties_of, say_yes
from portal.consent.reach import reach_of
from portal.consent.services import (
    change_scope,
    give_consent,
    preview_scope,
    revoke_consent,
    unlist_wheels,
    verify_takes_consent,
)
from portal.consent.states import LISTING, MAY, OVER, Act, Ground, State
from portal.consent.suspension import (
    approve,
    object_to,
    pause,
    relent,
    resume,
    standing_objections,
    what_of_wheels,
    when_overruled,
)
from portal.errors import InvalidConsent, LicenceNeeded, LicenceRefused, PortalError
from portal.ownership.owners import owners_of
from portal.ownership.policy import Say
from portal.ownership.services import proof_at_hand
from portal.requests.services import demand
from portal.target_names import target_in_words
from portal.web.lookup import find_project
from portal.web.people import account
from portal.web.problems import explained
from portal.web.text import rendered_markdown

RELEASES_SHOWN = 8
"""Of the plan; the rest is a number."""
_CAPACITY_OF = {"Owner": Capacity.OWNER.value, "Maintainer": Capacity.MAINTAINER.value}
"""By the role upstream that a proof has seen: said on the page, and to be changed there."""


class ScopeForm(forms.Form):
    """What a consent covers. Empty, it is for everything until it is taken back."""

    covers_new_releases = forms.ChoiceField(
        label="Releases that are yet to come",
        required=False,
        choices=[("on", "Are covered, too"), ("", "Are not: only those of today are")],
    )
    specifiers = forms.CharField(
        label="Releases",
        required=False,
        max_length=SPECIFIERS_LENGTH,
        help_text="Version specifiers, such as >=1.4. Empty means every release.",
    )
    targets = forms.MultipleChoiceField(
        label="Targets",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen means every target, those to come included.",
    )
    asked_by = forms.ChoiceField(
        label="Wheels are built for",
        required=False,
        choices=AskedBy.choices,
        help_text="Who is named is said on the page of the project's owners.",
    )
    expires_on = forms.DateField(
        label="Ends on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=(
            "Midnight UTC; you are reminded a month before. Wheels that it alone covers leave the"
            " listings then. Empty: until you take it back."
        ),
    )

    why_wider = forms.CharField(
        label="Why it is wider than the file says",
        required=False,
        max_length=500,
        help_text="Needed only where it is; public, in the ledger.",
    )

    def __init__(self, *args: Any, said: FileScope | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.said = said
        if said is None:
            del self.fields["why_wider"]
        self.fields["targets"].choices = [  # type: ignore[attr-defined]  # it is the one above
            (name, target_in_words(name)) for name in settings.AFFINEUR_TARGETS
        ]

    def clean_specifiers(self) -> str:
        specifiers: str = self.cleaned_data["specifiers"]
        try:
            return str(parse_specifiers(specifiers))
        except InvalidSpecifiers as error:
            raise forms.ValidationError(str(error)) from error

    def clean_asked_by(self) -> str:
        return self.cleaned_data["asked_by"] or AskedBy.ANYONE.value

    def clean_expires_on(self) -> datetime | None:
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        moment = datetime.combine(day, time.min, tzinfo=UTC)
        if moment <= timezone.now():
            message = "Choose a day that is yet to come."
            raise forms.ValidationError(message)
        return moment

    @property
    def scope(self) -> dict[str, Any]:
        """As the services take it."""
        chosen = self.cleaned_data
        return {
            "specifiers": chosen["specifiers"],
            "covers_new_releases": bool(chosen["covers_new_releases"]),
            "targets": chosen["targets"],
            "asked_by": chosen["asked_by"],
            "expires_at": chosen["expires_on"],
            "why_wider": chosen.get("why_wider", ""),
        }

    @property
    def scope_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ScopeForm.base_fields if name in self.fields]

    @property
    def has_scope_errors(self) -> bool:
        return any(name in self.errors for name in ScopeForm.base_fields)


class ConsentForm(ScopeForm):
    """Each clause that asks something with a box of its own, none ticked; then the terms."""

    capacity = forms.ChoiceField(
        label="In which capacity do you consent?",
        choices=Capacity.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Say in which capacity you consent."},
    )
    publish = forms.ChoiceField(
        label="What may be done",
        required=False,
        choices=[("on", "Build wheels, and publish them here"), ("", "Build and check them only")],
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

    def __init__(self, *args: Any, agreements: tuple[Agreement, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.agreements = agreements
        for agreement in self._asking(agreements):
            for clause in agreement.clauses:
                self.fields[clause_field(agreement, clause.id)] = forms.BooleanField(
                    label=clause.title,
                    required=False,
                )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        names_licence = "licence_expression" in self.fields
        if names_licence and cleaned.get("publish") and not cleaned.get("licence_expression"):
            self.add_error("licence_expression", "Name the licence: wheels are published under it.")
        for agreement in self._asking(needed_for(self.channels)):
            for clause in agreement.clauses:
                name = clause_field(agreement, clause.id)
                if not cleaned.get(name):
                    self.add_error(name, "Without this clause there is no consent.")
        return cleaned

    @property
    def terms(self) -> list[forms.BoundField]:
        return [self[name] for name in ("publish", "licence_expression", "capacity")]

    @property
    def texts(self) -> list[dict[str, Any]]:
        """Each agreement with its clauses in one line and in full, and a box for each."""
        for_building = needed_for([Channel.BUILD])
        return [
            {
                "agreement": agreement,
                "is_for_publishing": agreement not in for_building,
                "introduction": rendered_markdown(agreement.introduction),
                "clauses": [
                    (self[clause_field(agreement, clause.id)], rendered_markdown(clause.text))
                    for clause in agreement.clauses
                ],
            }
            for agreement in self._asking(self.agreements)
        ]

    @property
    def promises(self) -> list[dict[str, Any]]:
        """The texts that bind us alone, their clauses in one line and in full."""
        return [
            {
                "agreement": agreement,
                "introduction": rendered_markdown(agreement.introduction),
                "clauses": [
                    (clause.title, rendered_markdown(clause.text)) for clause in agreement.clauses
                ],
            }
            for agreement in self.agreements
            if agreement.is_promise
        ]

    @property
    def channels(self) -> list[str]:
        publishes = self.cleaned_data.get("publish")
        return [Channel.BUILD.value, Channel.PUBLISH.value] if publishes else [Channel.BUILD.value]

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The agreements that it takes, shown as they are; the clauses of each that were ticked."""
        return [
            {
                "name": each.name,
                "sha256": self.data.get(f"sha256:{each.name}"),
                "clauses": [
                    clause.id
                    for clause in each.clauses
                    if self.cleaned_data.get(clause_field(each, clause.id))
                ],
            }
            for each in needed_for(self.channels)
        ]

    @staticmethod
    def _asking(agreements: Iterable[Agreement]) -> list[Agreement]:
        return [agreement for agreement in agreements if not agreement.is_promise]


class RevokeForm(forms.Form):
    """Which of its buttons is pressed says what becomes of the wheels that exist."""

    afterwards = forms.ChoiceField(
        choices=Afterwards.choices,
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
    proof = proof_at_hand(user=user, project=project, at=now, say=Say.BUILD)
    if proof is None:
        return redirect("web:prove", project.name)
    agreements = needed_for(Channel)
    seen = licence_seen(project)
    said = scope_in_file(project, at=now)
    role = str(proof.evidence.get("role", ""))
    if request.method == "POST":
        form = ConsentForm(request.POST, agreements=agreements, said=said)
        if form.is_valid():
            try:
                given = _give(form, user, project, seen, now)
            except (LicenceNeeded, LicenceRefused) as error:
                form.add_error("licence_expression", str(error))
            except InvalidConsent as error:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            else:
                messages.success(request, _thanks(given, now))
                return redirect("web:consent", given.pk)
    else:
        first = {
            "publish": "on" if said is None or Channel.PUBLISH in said.channels else "",
            "covers_new_releases": "on",
            "asked_by": AskedBy.ANYONE.value,
            "specifiers": said.specifiers if said else "",
            "licence_expression": seen.expression,
            "capacity": _CAPACITY_OF.get(role),
        }
        form = ConsentForm(agreements=agreements, said=said, initial=first)
    context = {
        "project": project,
        "proof": proof,
        "role": role if role in _CAPACITY_OF else "",
        "form": form,
        "demand": demand(project),
        "plan": _plan(project),
        "seen": seen,
        "licence": _judged(form["licence_expression"].value() or ""),
        "owners_wanted": owners_wanted(project, at=now),
        "organisation": organisation_of(project, at=now),
        "obstacle": _obstacle(user, project, now),
    }
    return render(request, "web/consent_form.html", context, status=400 if form.errors else 200)


@require_safe
@login_required
@never_cache
def show(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """One consent and what can be done to it, for who gave it and the project's other owners."""
    now = timezone.now()
    found = _consent(request, consent_id)
    user = account(request)
    state = consent_state(found, at=now)
    suspensions = open_suspensions(found)
    parties = parties_of(user, found, at=now)
    context = {
        "consent": found,
        "texts": [(each, with_hash(each["sha256"])) for each in found.agreements],
        "again": to_read_again(found.agreements, all_agreements()),
        "licence": judge(found.licence_expression) if found.licence_expression else None,
        "state": state,
        "is_over": state in OVER,
        "suspensions": suspensions,
        "is_paused": any(one.ground == Ground.PAUSE for one in suspensions),
        "is_objected": any(one.ground == Ground.OBJECTION for one in suspensions),
        "my_objection": any(
            one.ground == Ground.OBJECTION and one.by == user for one in suspensions
        ),
        "overruled_at": when_overruled(found, user),
        "obstacle": _objection_elsewhere(user, found, now) if state is State.WAITING else None,
        "kept": dict(kept_consents(found.project, at=now)).get(found, 0),
        "may": {act.value: bool(parties & MAY[act]) for act in Act},
        "approving": say_yes(found, at=now),
        "wanted": owners_wanted(found.project, at=now),
        "owners": owners_of(found.project, at=now),
        "reach": reach_of(found, at=now),
        "replaced_by": Consent.objects.filter(replaces=found).first(),
    }
    return render(request, "web/consent.html", context)


@require_POST
@login_required
@explained
def act(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """Pause, resume, approve, object, relent or unlist: one button each, in force at once."""
    found = _consent(request, consent_id)
    done = _ACTS.get(request.POST.get("act", ""))
    if done is None:
        message = "This page has no such button: go back and reload it."
        raise PermissionDenied(message)
    reason = request.POST.get("reason", "")[:2000]
    messages.success(request, done(found, account(request), reason, timezone.now()))
    return redirect("web:consent", found.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def scope(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """Another scope for the same consent, on the agreements that were accepted.

    Where wheels leave the listings with it, it is done once they were told how many.
    """
    now = timezone.now()
    found = _consent(request, consent_id)
    form = ScopeForm(
        request.POST if request.method == "POST" else None,
        initial=_scope_of(found),
        said=scope_in_file(found.project, at=now),
    )
    leaving = 0
    if request.method == "POST" and form.is_valid():
        change = {"consent": found, "user": account(request), "channels": found.channels, "at": now}
        try:
            leaving = preview_scope(**change, **form.scope)
            if request.POST.get("leaving", "0") == str(leaving):
                changed = change_scope(**change, **form.scope)
                name = found.project.name
                messages.success(request, f"The consent for {name} has its new scope.")
                return redirect("web:consent", changed.pk)
        except InvalidConsent as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
    context = {
        "consent": found,
        "form": form,
        "leaving": leaving,
        "reach": reach_of(found, at=now),
        "wanted": owners_wanted(found.project, at=now),
    }
    return render(request, "web/scope.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def revoke(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    now = timezone.now()
    found = _consent(request, consent_id)
    form = RevokeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        revocation = revoke_consent(
            consent=found,
            user=account(request),
            afterwards=form.cleaned_data["afterwards"],
            reason=form.cleaned_data["reason"],
            at=now,
        )
        messages.success(
            request,
            f"The consent for {found.project.name} is taken back."
            f" {_count(revocation.builds_cancelled, 'build')} cancelled or stopped,"
            f" {_count(revocation.files_withdrawn, 'wheel')} withdrawn.",
        )
        return redirect("web:consent", found.pk)
    state = consent_state(found, at=now)
    context = {
        "consent": found,
        "state": state,
        "is_over": state in OVER,
        "is_listing": state in LISTING,
        "is_objected": any(one.ground == Ground.OBJECTION for one in open_suspensions(found)),
        "form": form,
        "numbers": reach_of(found, at=now),
    }
    return render(request, "web/revoke.html", context, status=400 if form.errors else 200)


def _pause(found: Consent, user: User, reason: str, at: datetime) -> str:
    held = pause(consent=found, user=user, reason=reason, at=at)
    return (
        f"Paused. {_count(held.builds_cancelled, 'build')} cancelled or stopped. The wheels stay"
        " listed, and lock files still resolve. The way back: resume it here."
    )


def _resume(found: Consent, user: User, _reason: str, at: datetime) -> str:
    settled = resume(consent=found, user=user, at=at)
    if settled.state is State.LIVE:
        return "It holds again: what people asked for meanwhile is planned."
    return f"The pause is over. It {settled.state.predicate} still."


def _object(found: Consent, user: User, reason: str, at: datetime) -> str:
    held = object_to(consent=found, user=user, reason=reason, at=at)
    return (
        f"Your objection suspends it. {_count(held.builds_cancelled, 'build')} cancelled or"
        f" stopped. {what_of_wheels(held)} The way back: take the objection back here."
    )


def _relent(found: Consent, user: User, _reason: str, at: datetime) -> str:
    settled = relent(consent=found, user=user, at=at)
    return f"Your objection is taken back. The consent {settled.state.predicate}."


def _approve(found: Consent, user: User, _reason: str, at: datetime) -> str:
    settled = approve(consent=found, user=user, at=at)
    return f"Your yes is recorded. The consent {settled.state.predicate}."


def _unlist(found: Consent, user: User, reason: str, at: datetime) -> str:
    unlisting = unlist_wheels(consent=found, user=user, reason=reason, at=at)
    return (
        f"{_count(unlisting.files_withdrawn, 'wheel')} off the index now. Lock files still"
        " resolve. The way back: consent again."
    )


_ACTS: dict[str, Callable[[Consent, User, str, datetime], str]] = {
    Act.PAUSE.value: _pause,
    Act.RESUME.value: _resume,
    Act.OBJECT.value: _object,
    Act.RELENT.value: _relent,
    Act.APPROVE.value: _approve,
    Act.UNLIST.value: _unlist,
}


def _count(number: int, what: str) -> str:
    return f"1 {what} is" if number == 1 else f"{number} {what}s are"


def _thanks(given: Consent, now: datetime) -> str:
    name = given.project.name
    if consent_state(given, at=now) is State.LIVE:
        return f"Thank you. Your consent for {name} is recorded, and holds from now."
    return f"Thank you. Your consent for {name} is recorded, and waits for its other owners."


def _objection_elsewhere(user: User, waiting: Consent, now: datetime) -> PortalError | None:
    """Why a consent does not hold although enough owners may have said yes: to another is a no."""
    others = standing_objections(waiting.project).exclude(consent=waiting)
    return _obstacle(user, waiting.project, now) if others.exists() else None


def _obstacle(user: User, project: Project, now: datetime) -> PortalError | None:
    """Why no consent of theirs is taken now, whatever they would agree to."""
    try:
        verify_takes_consent(user=user, project=project, at=now)
    except PortalError as error:
        return error
    return None


def _give(
    form: ConsentForm, user: User, project: Project, seen: LicenceSeen, now: datetime
) -> Consent:
    expression = form.cleaned_data["licence_expression"]
    is_as_seen = bool(expression) and canonical_licence(expression) == seen.expression
    stated = f"Stated by {user.username}" if expression else ""
    return give_consent(
        user=user,
        project=project,
        capacity=form.cleaned_data["capacity"],
        accepted=form.accepted,
        channels=form.channels,
        licence_expression=expression,
        licence_seen_in=f"{seen.place} ({seen.confidence.value})" if is_as_seen else stated,
        at=now,
        **form.scope,
    )


def _scope_of(given: Consent) -> dict[str, Any]:
    return {
        "specifiers": given.specifiers,
        "covers_new_releases": "on" if given.covers_new_releases else "",
        "targets": given.targets,
        "asked_by": given.asked_by,
        "expires_on": given.expires_at.date() if given.expires_at else None,
        "why_wider": given.from_file.get("why_wider", ""),
    }


def _judged(expression: str) -> dict[str, Any] | None:
    """What would come of a licence, as a page shows it."""
    canonical = canonical_licence(expression) if expression else None
    if canonical is None:
        return None
    judged = judge(canonical)
    return {
        "chosen": judged.chosen,
        "is_choice": judged.is_choice,
        "label": judged.licence_class.label,
        "duties": judged.licence_class.duties,
        "refusal": judged.licence_class.refusal,
    }


def _plan(project: Project) -> dict[str, Any]:
    """What a consent for everything would mean today; nothing is run to find out."""
    covered = coverage(project=project)
    missing = [
        (row.version, [cell.target for cell in row.cells if cell.status is CellStatus.MISSING])
        for row in covered.rows
    ]
    gaps = [(version, targets) for version, targets in missing if targets]
    counts = covered.counts
    return {
        "releases_shown": gaps[:RELEASES_SHOWN],
        "left_out": len(gaps[RELEASES_SHOWN:]),
        "gaps": sum(len(targets) for _, targets in gaps),
        "releases": len(gaps),
        "served": counts[CellStatus.UPSTREAM] + counts[CellStatus.OURS],
        "targets": len(covered.targets),
    }


def _consent(request: HttpRequest, consent_id: UUID) -> Consent:
    consents = Consent.objects.select_related("project", "user", "proof", "revocation", "replaces")
    found = get_object_or_404(consents, pk=consent_id)
    user = account(request)
    if not is_administrator(user) and not parties_of(user, found, at=timezone.now()):
        message = (
            f"This consent is for the proven owners of {found.project.name}, and whom they named."
            " It is your turn: prove that the project is yours, then come back."
        )
        raise PermissionDenied(message)
    return found
