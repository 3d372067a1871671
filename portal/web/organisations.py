"""Organisations: members, the indexes that they curate, and the tokens that read them."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from indexes.domain.curation import LONGEST_AGE, Rules
from indexes.domain.names import parse_project_name
from indexes.errors import IndexesError
from indexes.models import CuratedIndex
from indexes.services.curated import Terms, read_curated
from portal.errors import (
    InvalidOrganisation,
    MemberAlready,
    OrganisationTaken,
    PortalError,
    TooManyInvitations,
    UnknownMember,
)
from portal.organisations.models import Invitation, Organisation
from portal.organisations.roles import ROLES, Act, Role
from portal.organisations.services import (
    NAME_LENGTH,
    SLUG_LENGTH,
    accept_invitation,
    change_index,
    change_role,
    create_index,
    create_organisation,
    decline_invitation,
    delete_index,
    entries_of,
    indexes_of,
    invitations_to,
    invite,
    issue_reader_token,
    open_invitations,
    remove_member,
    revoke_invitation,
    revoke_reader_token,
    role_of,
    tokens_of,
    verify_may,
)
from portal.requests.quotas import usage_of
from portal.web.ledger import whole
from portal.web.people import account
from portal.web.problems import explained
from portal.web.tokens import TokenForm

SHOWN = 50
RECENT = 10
"""Of the ledger, on an organisation's own page."""
PROJECTS_SHOWN = 200


class OrganisationForm(forms.Form):
    name = forms.CharField(label="Name", max_length=NAME_LENGTH)
    slug = forms.CharField(
        label="Address",
        max_length=SLUG_LENGTH,
        help_text="Lower-case letters, digits and dashes. It is in the address of your indexes,"
        " and stays what it is.",
    )


class InvitationForm(forms.Form):
    whom = forms.CharField(
        label="Username or e-mail address",
        max_length=254,
        help_text="They belong to it once they have accepted. By e-mail, they sign in with an"
        " account that has confirmed that address.",
    )
    role = forms.ChoiceField(
        label="Role",
        choices=ROLES,
        initial=Role.VIEWER.value,
        help_text="Owners change members; managers change indexes and tokens; requesters ask for"
        " wheels in its name; viewers see its indexes.",
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES)


class TermsForm(forms.Form):
    projects = forms.CharField(
        label="Projects",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Their names, with spaces or lines between them.",
    )
    licences = forms.CharField(
        label="Licences that are allowed",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="SPDX, one a line, such as MIT. None allows any. It goes by what a release's own"
        " metadata states; where that is unclear, the release is left out.",
    )
    min_age_days = forms.IntegerField(
        label="Days that a release waits",
        min_value=0,
        max_value=LONGEST_AGE,
        initial=0,
        help_text="Files that upstream got later than that are not listed yet.",
    )
    reproducible_only = forms.BooleanField(
        label="Only wheels that came out the same when they were built again", required=False
    )
    without_superseded = forms.BooleanField(
        label="No wheels of ours that upstream's, or later ones of ours, take the place of",
        required=False,
        initial=True,
        help_text="Without this rule, locks of poetry and pdm install the very wheel that they"
        " name; installers prefer it to upstream's.",
    )
    is_private = forms.BooleanField(
        label="Private: its pages are read with a token",
        required=False,
        help_text="The files on them are at public addresses, as all of ours and upstream's are.",
    )

    def terms(self) -> Terms:
        given = self.cleaned_data
        return Terms(
            projects=given["projects"].replace(",", " ").split(),
            is_private=given["is_private"],
            rules=Rules(
                licences=tuple(filter(None, map(str.strip, given["licences"].splitlines()))),
                reproducible_only=given["reproducible_only"],
                min_age_days=given["min_age_days"],
                without_superseded=given["without_superseded"],
            ),
        )


class IndexForm(TermsForm):
    slug = forms.CharField(
        label="Name",
        max_length=SLUG_LENGTH,
        help_text="Lower-case letters, digits and dashes. It is in its address, and stays.",
    )
    field_order = ["slug"]


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def index(request: HttpRequest) -> HttpResponse:
    """Those of who is signed in, and the form of a new one."""
    user = account(request)
    form = OrganisationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = create_organisation(user=user, at=timezone.now(), **form.cleaned_data)
        except InvalidOrganisation as error:
            form.add_error(error.field, str(error))
        except OrganisationTaken as error:
            form.add_error("slug", str(error))
        else:
            return redirect("web:organisation", made.slug)
    context = {
        "invitations": invitations_to(user, at=timezone.now()),
        "memberships": user.memberships.select_related("organisation"),
        "form": form,
    }
    return render(request, "web/organisations.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """Its members and indexes; the form invites somebody."""
    organisation = _mine(request, slug)
    now = timezone.now()
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = invite(
                by=account(request), organisation=organisation, at=now, **form.cleaned_data
            )
        except (UnknownMember, MemberAlready, TooManyInvitations) as error:
            form.add_error("whom", str(error))
        else:
            messages.success(request, f"{made.invited} is invited. It is their turn to accept.")
            return redirect("web:organisation", slug)
    context = _common(request, organisation) | {
        "form": form,
        "roles": ROLES,
        "usage": usage_of(organisation, at=now),
        "members": organisation.memberships.select_related("user"),
        "indexes": indexes_of(organisation),
    }
    if context["may_admit"]:
        context["invitations"] = open_invitations(organisation, at=now)
    if context["may_curate"]:
        context["entries"] = entries_of(organisation)[:RECENT]
    return render(request, "web/organisation.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
@explained
def revoke_invited(request: HttpRequest, slug: str, invitation_id: UUID) -> HttpResponse:
    found = get_object_or_404(_mine(request, slug).invitations, pk=invitation_id)
    revoke_invitation(by=account(request), invitation=found, at=timezone.now())
    messages.success(request, f"The invitation of {found.invited} is taken back.")
    return redirect("web:organisation", slug)


@require_POST
@login_required
@explained
def answer(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """An invitation of one's own: accepted with `accept`, declined without."""
    user, now = account(request), timezone.now()
    found = get_object_or_404(Invitation.objects.to(user), pk=invitation_id)
    if "accept" not in request.POST:
        decline_invitation(user=user, invitation=found, at=now)
        messages.success(request, f"You declined. You do not belong to {found.organisation.name}.")
        return redirect("web:organisations")
    accept_invitation(user=user, invitation=found, at=now)
    messages.success(request, f"You belong to {found.organisation.name} now, as {found.role}.")
    return redirect("web:organisation", found.organisation.slug)


@require_safe
@login_required
@never_cache
@explained
def audit(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything that was done in it, newest first."""
    organisation = _mine(request, slug)
    verify_may(account(request), organisation, Act.CURATE)
    page = Paginator(entries_of(organisation), SHOWN).get_page(request.GET.get("page"))
    context = {
        "organisation": organisation,
        "page": page,
        "lines": [whole(entry) for entry in page],
    }
    return render(request, "web/organisation_ledger.html", context)


@require_POST
@login_required
@explained
def change_member(request: HttpRequest, slug: str, username: str) -> HttpResponse:
    organisation = _mine(request, slug)
    form = RoleForm(request.POST)
    if form.is_valid():
        change_role(
            by=account(request),
            organisation=organisation,
            username=username,
            role=form.cleaned_data["role"],
            at=timezone.now(),
        )
        messages.success(request, f"{username} is {form.cleaned_data['role']} now.")
    return redirect("web:organisation", slug)


@require_POST
@login_required
@explained
def drop_member(request: HttpRequest, slug: str, username: str) -> HttpResponse:
    user, organisation = account(request), _mine(request, slug)
    remove_member(by=user, organisation=organisation, username=username, at=timezone.now())
    messages.success(request, f"{username} does not belong to {organisation.name} any more.")
    if username == user.username:
        return redirect("web:organisations")
    return redirect("web:organisation", slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def new_index(request: HttpRequest, slug: str) -> HttpResponse:
    organisation = _mine(request, slug)
    verify_may(account(request), organisation, Act.CURATE)
    form = IndexForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = create_index(
                by=account(request),
                organisation=organisation,
                slug=form.cleaned_data["slug"],
                terms=form.terms(),
                at=timezone.now(),
            )
        except (IndexesError, InvalidOrganisation) as error:
            form.add_error(_field_of(error), str(error))
        else:
            return redirect("web:curated-index", slug, made.slug)
    context = _common(request, organisation) | {"form": form}
    return render(request, "web/new_index.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def show_index(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """What it lists; the form changes that."""
    organisation = _mine(request, slug)
    found = _index(organisation, name)
    form = TermsForm(request.POST if request.method == "POST" else None, initial=_initial(found))
    if request.method == "POST" and form.is_valid():
        try:
            change_index(
                by=account(request),
                organisation=organisation,
                index=found,
                terms=form.terms(),
                at=timezone.now(),
            )
        except IndexesError as error:
            form.add_error(_field_of(error), str(error))
        else:
            messages.success(request, f"{found} lists by its new rules from now on.")
            return redirect("web:curated-index", slug, name)
    context = _common(request, organisation) | {
        "form": form,
        "index": found,
        "projects": found.projects[:PROJECTS_SHOWN],
        "more": max(0, len(found.projects) - PROJECTS_SHOWN),
    }
    return render(request, "web/curated_index.html", context, status=400 if form.errors else 200)


@require_safe
@login_required
@never_cache
@explained
def left_out(request: HttpRequest, slug: str, name: str, project: str) -> HttpResponse:
    """What the rules of an index leave out of one of its projects, and why."""
    organisation = _mine(request, slug)
    found = _index(organisation, name)
    wanted = parse_project_name(project)
    context = {
        "organisation": organisation,
        "index": found,
        "project": wanted,
        "curated": read_curated(index=found, name=wanted, at=timezone.now()),
    }
    return render(request, "web/left_out.html", context)


@require_POST
@login_required
@explained
def drop_index(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    organisation = _mine(request, slug)
    found = _index(organisation, name)
    delete_index(by=account(request), organisation=organisation, index=found, at=timezone.now())
    messages.success(request, f"{found} is no index any more.")
    return redirect("web:organisation", slug)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@explained
def tokens(request: HttpRequest, slug: str) -> HttpResponse:
    user, organisation = account(request), _mine(request, slug)
    verify_may(user, organisation, Act.CURATE)
    form = TokenForm(request.POST if request.method == "POST" else None)
    now, secret = timezone.now(), ""
    if request.method == "POST" and form.is_valid():
        _, secret = issue_reader_token(
            by=user,
            organisation=organisation,
            name=form.cleaned_data["name"],
            expires_at=form.ends_at(now),
            at=now,
        )
        form = TokenForm()
    context = {
        "organisation": organisation,
        "form": form,
        "secret": secret,
        "tokens": tokens_of(organisation)[:SHOWN],
        "now": now,
    }
    return render(request, "web/reader_tokens.html", context, status=400 if form.errors else 200)


@require_POST
@login_required
@explained
def revoke(request: HttpRequest, slug: str, token_id: UUID) -> HttpResponse:
    organisation = _mine(request, slug)
    token = get_object_or_404(tokens_of(organisation), pk=token_id)
    revoke_reader_token(
        by=account(request), organisation=organisation, token_id=token.pk, at=timezone.now()
    )
    messages.success(request, f"The token {token.name} is revoked. Nothing can use it any more.")
    return redirect("web:reader-tokens", slug)


def _mine(request: HttpRequest, slug: str) -> Organisation:
    """To who does not belong to it an organisation is not there."""
    return get_object_or_404(Organisation.objects.of(account(request)), slug=slug)


def _index(organisation: Organisation, name: str) -> CuratedIndex:
    return get_object_or_404(indexes_of(organisation), slug=name)


def _common(request: HttpRequest, organisation: Organisation) -> dict[str, Any]:
    role = role_of(account(request), organisation)
    return {
        "organisation": organisation,
        "role": role,
        "may_admit": role is not None and Act.ADMIT in role.acts,
        "may_curate": role is not None and Act.CURATE in role.acts,
    }


def _initial(found: CuratedIndex) -> dict[str, Any]:
    return {
        "projects": "\n".join(found.projects),
        "licences": "\n".join(found.licences),
        "min_age_days": found.min_age_days,
        "reproducible_only": found.reproducible_only,
        "without_superseded": found.without_superseded,
        "is_private": found.is_private,
    }


def _field_of(error: IndexesError | PortalError) -> str | None:
    """The field that an error is about; None where it is about the whole."""
    return {
        "index-name-taken": "slug",
        "invalid-organisation": "slug",
        "invalid-project-name": "projects",
        "not-one-licence": "licences",
    }.get(error.code)
