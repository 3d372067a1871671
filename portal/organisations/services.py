"""The only writer of organisations and memberships, and of their indexes downwards."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from indexes.models import CuratedIndex, ReaderToken
from indexes.services import curated
from indexes.services.curated import Terms
from portal import dispatch
from portal.accounts.models import User
from portal.accounts.services import may_act
from portal.errors import (
    InvalidOrganisation,
    InvalidToken,
    InvitationOver,
    LastOwner,
    MemberAlready,
    OrganisationTaken,
    RoleNeeded,
    TooManyInvitations,
    UnknownMember,
    UnknownRole,
)
from portal.ledger.effects import BY_MAIL
from portal.ledger.models import Entry
from portal.ledger.services import record
from portal.notices.services import mail_address
from portal.organisations.models import Invitation, InvitationEnd, Membership, Organisation
from portal.organisations.roles import Act, Role, roles_with

TOKEN_PREFIX = "affr_"  # noqa: S105  # the mark that secret scanners look for, no secret
SLUG_LENGTH = 40
NAME_LENGTH = 80
INVITED_FOR = timedelta(days=14)
"""How long an invitation can be answered."""
INVITATIONS_PER_HOUR = 30
"""Of one person, in all their organisations."""
_SHOWN = len(TOKEN_PREFIX) + 6
_SLUG = re.compile(r"[a-z0-9](?:-?[a-z0-9])+")


@transaction.atomic
def create_organisation(*, user: User, slug: str, name: str, at: datetime) -> Organisation:
    """A new tenant, whose owner is who made it. Raises `InvalidOrganisation`, `OrganisationTaken`.

    `slug` is in the address of its indexes: lower-case letters, digits and single dashes.
    """
    name = name.strip()
    _verify_slug(slug)
    if not name or len(name) > NAME_LENGTH or not name.isprintable():
        problem = f"it needs a name, in one line of at most {NAME_LENGTH} printable characters"
        raise InvalidOrganisation("name", problem)
    try:
        with transaction.atomic():
            organisation = Organisation.objects.create(slug=slug, name=name, created_at=at)
    except IntegrityError as error:
        raise OrganisationTaken(slug) from error
    Membership.objects.create(organisation=organisation, user=user, role=Role.OWNER, since=at)
    _record(user, "organisation-created", organisation, {"name": name}, at)
    return organisation


def role_of(user: User, organisation: Organisation) -> Role | None:
    """What the user is there; None for who does not belong to it."""
    found = Membership.objects.filter(user=user, organisation=organisation)
    role = found.values_list("role", flat=True).first()
    return None if role is None else Role(role)


def verify_may(user: User, organisation: Organisation, act: Act) -> None:
    """Raises `RoleNeeded` unless the user's role there has the act."""
    role = role_of(user, organisation)
    if role is None or act not in role.acts:
        raise RoleNeeded(organisation.slug, act.label, roles_with(act))


def may_ask_for(user: User) -> QuerySet[Organisation]:
    """Those in whose name the user may ask for wheels."""
    found = Membership.objects.filter(user=user, role__in=roles_with(Act.REQUEST))
    return Organisation.objects.filter(pk__in=found.values("organisation"))


# Members


@transaction.atomic
def change_role(
    *, by: User, organisation: Organisation, username: str, role: str, at: datetime
) -> Membership:
    """Raises `RoleNeeded`, `UnknownRole`, `UnknownMember`, and `LastOwner`."""
    organisation = _held(organisation)
    verify_may(by, organisation, Act.ADMIT)
    member = _member(organisation, username)
    before, wanted = member.role, _role(role)
    if before == wanted:
        return member
    member.role = wanted
    member.save(update_fields=["role"])
    _verify_owned(organisation)
    facts = {"member": username, "before": before, "role": wanted.value}
    _record(by, "member-role-changed", organisation, facts, at)
    return member


@transaction.atomic
def remove_member(*, by: User, organisation: Organisation, username: str, at: datetime) -> None:
    """End a membership; anyone may end their own.

    Raises `RoleNeeded`, `UnknownMember`, `LastOwner`.

    Other invitations to them end with it. Tokens of the organisation stay: they are its own, and
    are revoked one by one.
    """
    organisation = _held(organisation)
    verify_may(by, organisation, Act.VIEW if by.username == username else Act.ADMIT)
    member = _member(organisation, username)
    member.delete()
    _verify_owned(organisation)
    _record(by, "member-removed", organisation, {"member": username, "role": member.role}, at)
    for left in organisation.invitations.open(at=at).to(member.user):
        _end(left, InvitationEnd.REVOKED, to=None, at=at)
        _record(by, "invitation-revoked", organisation, _facts_of(left), at)


def _held(organisation: Organisation) -> Organisation:
    """Its row, locked: of two owners who leave at once, one is told that they are the last."""
    return Organisation.objects.select_for_update().get(pk=organisation.pk)


def _member(organisation: Organisation, username: str) -> Membership:
    members = organisation.memberships.select_related("user")
    # PostgreSQL does not even compare with a NUL.
    named = members.filter(user__username=username) if username.isprintable() else members.none()
    member = named.first()
    if member is None:
        raise UnknownMember(organisation.slug, username)
    return member


def _verify_owned(organisation: Organisation) -> None:
    if not organisation.memberships.filter(role=Role.OWNER.value).exists():
        raise LastOwner(organisation.slug)


def _role(given: str) -> Role:
    try:
        return Role(given)
    except ValueError as error:
        raise UnknownRole(given, [role.value for role in Role]) from error


# Invitations


@transaction.atomic
def invite(
    *, by: User, organisation: Organisation, whom: str, role: str, at: datetime
) -> Invitation:
    """Ask somebody to belong to it, by username or by e-mail address, for `INVITED_FOR`.

    Who is invited already is invited anew, to this role. Raises `RoleNeeded`, `UnknownRole`,
    `UnknownMember`, `MemberAlready` and `TooManyInvitations`.
    """
    organisation = _held(organisation)
    verify_may(by, organisation, Act.ADMIT)
    # Anybody can make an organisation, and each of these is an e-mail to whomever they name.
    lately = Invitation.objects.filter(invited_by=by, created_at__gt=at - timedelta(hours=1))
    if lately.count() >= INVITATIONS_PER_HOUR:
        raise TooManyInvitations(organisation.slug, INVITATIONS_PER_HOUR)
    wanted, whom = _role(role), whom.strip()
    user = None if "@" in whom else _person(organisation, whom)
    email = _address(organisation, whom) if user is None else ""
    if user is not None and role_of(user, organisation) is not None:
        raise MemberAlready(organisation.slug, whom)
    before = organisation.invitations.filter(end="", user=user, email__iexact=email)
    instead_of = [str(pk) for pk in before.values_list("pk", flat=True)]
    before.update(end=InvitationEnd.REVOKED)
    invitation = Invitation.objects.create(
        organisation=organisation,
        user=user,
        email=email,
        role=wanted,
        invited_by=by,
        created_at=at,
        expires_at=at + INVITED_FOR,
    )
    facts = _facts_of(invitation) | {"instead_of": instead_of}
    _record(by, "member-invited", organisation, facts, at)
    transaction.on_commit(lambda: dispatch.mail_invitation(invitation.pk), robust=True)
    return invitation


def invitations_to(user: User, *, at: datetime) -> QuerySet[Invitation]:
    """What somebody is invited to and has not answered."""
    return Invitation.objects.to(user).open(at=at).select_related("organisation", "invited_by")


def open_invitations(organisation: Organisation, *, at: datetime) -> QuerySet[Invitation]:
    return organisation.invitations.open(at=at).select_related("user")


@transaction.atomic
def accept_invitation(*, user: User, invitation: Invitation, at: datetime) -> Membership:
    """Belong to it. Raises `InvitationOver`, `MemberAlready`."""
    organisation = _held(invitation.organisation)
    _end(invitation, InvitationEnd.ACCEPTED, to=user, at=at)
    member, is_new = Membership.objects.get_or_create(
        organisation=organisation, user=user, defaults={"role": invitation.role, "since": at}
    )
    if not is_new:
        raise MemberAlready(organisation.slug, user.username)
    facts = {"invitation": str(invitation.pk), "member": user.username, "role": member.role}
    _record(user, "member-added", organisation, facts, at)
    return member


@transaction.atomic
def decline_invitation(*, user: User, invitation: Invitation, at: datetime) -> None:
    """Raises `InvitationOver`."""
    _end(invitation, InvitationEnd.DECLINED, to=user, at=at)
    facts = _facts_of(invitation)
    _record(user, "invitation-declined", invitation.organisation, facts, at)


@transaction.atomic
def revoke_invitation(*, by: User, invitation: Invitation, at: datetime) -> None:
    """Raises `RoleNeeded`, `InvitationOver`."""
    verify_may(by, invitation.organisation, Act.ADMIT)
    _end(invitation, InvitationEnd.REVOKED, to=None, at=at)
    _record(by, "invitation-revoked", invitation.organisation, _facts_of(invitation), at)


def mail_invitation(*, invitation_id: UUID, at: datetime) -> None:
    """Tell who is invited where there is an address; raises `OSError` when mail is not taken."""
    found = Invitation.objects.open(at=at).select_related("organisation", "user", "invited_by")
    invitation = found.filter(pk=invitation_id).first()
    if invitation is None:
        return
    address = invitation.email or (mail_address(invitation.user) if invitation.user else "")
    if address:
        link = f"{settings.AFFINEUR_PUBLIC_URL}{reverse('web:organisations')}"
        context = {"invitation": invitation, "link": link}
        send_mail(
            subject=f"You are invited to {invitation.organisation.name}",
            message=render_to_string("organisations/invitation.txt", context),
            from_email=None,
            recipient_list=[address],
        )


def _person(organisation: Organisation, username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None or not may_act(user):
        raise UnknownMember(organisation.slug, username)
    return user


def _address(organisation: Organisation, given: str) -> str:
    try:
        validate_email(given)
    except ValidationError as error:
        raise UnknownMember(organisation.slug, given) from error
    return given


def _end(invitation: Invitation, end: InvitationEnd, *, to: User | None, at: datetime) -> None:
    """Of several answers at once, one is the first; `to` is whose it has to be, if anybody's."""
    invitations = Invitation.objects.open(at=at)
    if to is not None:
        invitations = invitations.to(to)
    if not Invitation.objects.filter(pk__in=invitations.filter(pk=invitation.pk), end="").update(
        end=end
    ):
        raise InvitationOver(invitation.organisation.slug)


def _facts_of(invitation: Invitation) -> dict[str, Any]:
    """An address is nobody's name here, and the ledger forgets nothing: it is not in it."""
    invited = invitation.user.username if invitation.user else BY_MAIL
    return {"invitation": str(invitation.pk), "member": invited, "role": invitation.role}


# Indexes


def indexes_of(organisation: Organisation) -> QuerySet[CuratedIndex]:
    return CuratedIndex.objects.filter(tenant=organisation.slug)


@transaction.atomic
def create_index(
    *, by: User, organisation: Organisation, slug: str, terms: Terms, at: datetime
) -> CuratedIndex:
    """Raises `RoleNeeded`, `InvalidOrganisation` for its name, and what the index floor raises."""
    verify_may(by, organisation, Act.CURATE)
    _verify_slug(slug)
    index = curated.create_index(tenant=organisation.slug, slug=slug, terms=terms, at=at)
    _record(by, "index-created", organisation, _facts(index), at)
    return index


@transaction.atomic
def change_index(
    *, by: User, organisation: Organisation, index: CuratedIndex, terms: Terms, at: datetime
) -> CuratedIndex:
    """Raises `RoleNeeded`, and what the index floor raises."""
    verify_may(by, organisation, Act.CURATE)
    index = curated.change_index(index=index, terms=terms, at=at)
    _record(by, "index-changed", organisation, _facts(index), at)
    return index


@transaction.atomic
def delete_index(
    *, by: User, organisation: Organisation, index: CuratedIndex, at: datetime
) -> None:
    """Raises `RoleNeeded`."""
    verify_may(by, organisation, Act.CURATE)
    curated.delete_index(index=index)
    _record(by, "index-deleted", organisation, {"index": index.slug}, at)


def _facts(index: CuratedIndex) -> dict[str, Any]:
    return {
        "index": index.slug,
        "is_private": index.is_private,
        "projects": index.projects,
        "licences": index.licences,
        "reproducible_only": index.reproducible_only,
        "min_age_days": index.min_age_days,
        "without_superseded": index.without_superseded,
    }


# Tokens


def tokens_of(organisation: Organisation) -> QuerySet[ReaderToken]:
    return ReaderToken.objects.filter(tenant=organisation.slug)


@transaction.atomic
def issue_reader_token(
    *,
    by: User,
    organisation: Organisation,
    name: str,
    expires_at: datetime | None,
    at: datetime,
) -> tuple[ReaderToken, str]:
    """A token that reads every index of the organisation, and its secret: shown once.

    Raises `RoleNeeded`, `InvalidToken`.
    """
    verify_may(by, organisation, Act.CURATE)
    name = name.strip()
    if not name or len(name) > NAME_LENGTH:
        raise InvalidToken(f"it needs a name of at most {NAME_LENGTH} characters")
    if expires_at is not None and expires_at <= at:
        raise InvalidToken("it would expire before it could be used; choose a later time")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = curated.add_reader_token(
        tenant=organisation.slug,
        name=name,
        prefix=secret[:_SHOWN],
        secret=secret,
        expires_at=expires_at,
        at=at,
    )
    facts = {
        "token": str(token.pk),
        "name": name,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    _record(by, "reader-token-issued", organisation, facts, at)
    return token, secret


@transaction.atomic
def revoke_reader_token(
    *, by: User, organisation: Organisation, token_id: UUID, at: datetime
) -> None:
    """End it at once; a second time changes nothing. Raises `RoleNeeded`."""
    verify_may(by, organisation, Act.CURATE)
    if curated.revoke_reader_token(token_id=token_id, tenant=organisation.slug, at=at):
        _record(by, "reader-token-revoked", organisation, {"token": str(token_id)}, at)


# Quotas


@transaction.atomic
def set_quotas(
    *,
    by: User,
    organisation: Organisation,
    builds_at_once: int | None,
    cpu_hours: int | None,
    storage_bytes: int | None = None,
    at: datetime,
) -> None:
    """What it may use; None is what the deployment gives everybody. For staff, in the admin."""
    quotas = {
        "builds_at_once": builds_at_once,
        "cpu_hours": cpu_hours,
        "storage_bytes": storage_bytes,
    }
    Organisation.objects.filter(pk=organisation.pk).update(**quotas)
    _record(by, "quotas-set", organisation, quotas, at)


# The record


def entries_of(organisation: Organisation) -> QuerySet[Entry]:
    """What was done in an organisation, newest first."""
    # Such an act is on no project, which is what the index of the ledger goes by.
    return Entry.objects.filter(project="", facts__organisation=organisation.slug).order_by("-pk")


def _record(
    by: User, verb: str, organisation: Organisation, facts: dict[str, Any], at: datetime
) -> None:
    record(
        actor=by.username,
        verb=verb,
        project="",
        facts={"organisation": organisation.slug, **facts},
        at=at,
    )


def _verify_slug(slug: str) -> None:
    if len(slug) > SLUG_LENGTH or not _SLUG.fullmatch(slug):
        raise InvalidOrganisation(
            "slug",
            f"{slug[:SLUG_LENGTH]!r} cannot stand in an address: write 2 to {SLUG_LENGTH}"
            " lower-case letters and digits, with single dashes between them",
        )
