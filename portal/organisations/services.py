"""The only writer of organisations and memberships, and of their indexes downwards."""

import re
import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from indexes.models import CuratedIndex, ReaderToken
from indexes.services import curated
from indexes.services.curated import Terms
from portal.accounts.models import User
from portal.accounts.services import may_act
from portal.errors import (
    InvalidOrganisation,
    InvalidToken,
    LastOwner,
    MemberAlready,
    OrganisationTaken,
    RoleNeeded,
    UnknownMember,
    UnknownRole,
)
from portal.ledger.models import Entry
from portal.ledger.services import record
from portal.organisations.models import Membership, Organisation
from portal.organisations.roles import Act, Role

TOKEN_PREFIX = "affr_"  # noqa: S105  # the mark that secret scanners look for, no secret
SLUG_LENGTH = 40
NAME_LENGTH = 80
_SHOWN = len(TOKEN_PREFIX) + 6
_SLUG = re.compile(r"[a-z0-9](?:-?[a-z0-9])+")


@transaction.atomic
def create_organisation(*, user: User, slug: str, name: str, at: datetime) -> Organisation:
    """A new tenant, whose owner is who made it. Raises `InvalidOrganisation`, `OrganisationTaken`.

    `slug` is in the address of its indexes: lower-case letters, digits and single dashes.
    """
    name = name.strip()
    _verify_slug(slug)
    if not name or len(name) > NAME_LENGTH:
        raise InvalidOrganisation("name", f"it needs a name of at most {NAME_LENGTH} characters")
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
        roles = [each.value for each in Role if act in each.acts]
        raise RoleNeeded(organisation.slug, act.label, roles)


# Members


@transaction.atomic
def add_member(
    *, by: User, organisation: Organisation, username: str, role: str, at: datetime
) -> Membership:
    """Raises `RoleNeeded`, `UnknownRole`, `UnknownMember` and `MemberAlready`."""
    organisation = _held(organisation)
    verify_may(by, organisation, Act.ADMIT)
    user = User.objects.filter(username=username).first()
    if user is None or not may_act(user):
        raise UnknownMember(organisation.slug, username)
    member, is_new = Membership.objects.get_or_create(
        organisation=organisation, user=user, defaults={"role": _role(role), "since": at}
    )
    if not is_new:
        raise MemberAlready(organisation.slug, username)
    _record(by, "member-added", organisation, {"member": username, "role": member.role}, at)
    return member


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

    Tokens of the organisation stay: they are its own, and are revoked one by one.
    """
    organisation = _held(organisation)
    verify_may(by, organisation, Act.VIEW if by.username == username else Act.ADMIT)
    member = _member(organisation, username)
    member.delete()
    _verify_owned(organisation)
    _record(by, "member-removed", organisation, {"member": username, "role": member.role}, at)


def _held(organisation: Organisation) -> Organisation:
    """Its row, locked: of two owners who leave at once, one is told that they are the last."""
    return Organisation.objects.select_for_update().get(pk=organisation.pk)


def _member(organisation: Organisation, username: str) -> Membership:
    members = organisation.memberships.select_related("user")
    member = members.filter(user__username=username).first()
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
    facts = {"token": str(token.pk), "name": name}
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
