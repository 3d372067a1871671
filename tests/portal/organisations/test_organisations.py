"""Tenants: who may do what in one, and that everybody else sees nothing of it."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress

from indexes.domain.curation import Rules
from indexes.models import CuratedIndex, ReaderToken
from indexes.services.curated import CredentialsNeeded, Terms, find_readable
from portal.audit.verify import database_mismatches
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
from portal.ledger.services import verify_chain
from portal.organisations.models import Organisation
from portal.organisations.roles import Act, Role
from portal.organisations.services import (
    INVITATIONS_PER_HOUR,
    INVITED_FOR,
    accept_invitation,
    change_index,
    change_role,
    create_index,
    create_organisation,
    delete_index,
    entries_of,
    invitations_to,
    invite,
    issue_reader_token,
    mail_invitation,
    remove_member,
    revoke_invitation,
    revoke_reader_token,
    role_of,
)
from tests.portal.people import AT, LATER, add_member, make_user

pytestmark = pytest.mark.django_db
TERMS = Terms(["docopt"], is_private=True)


@pytest.fixture
def ada():
    return make_user("ada")


@pytest.fixture
def acme(ada):
    return create_organisation(user=ada, slug="acme", name="Acme Ltd", at=AT)


@pytest.fixture
def members(ada, acme):
    """One of each role, by role."""
    others = {role: make_user(role.value) for role in Role if role is not Role.OWNER}
    for role, user in others.items():
        add_member(by=ada, organisation=acme, username=user.username, role=role.value, at=AT)
    return {Role.OWNER: ada, **others}


def acts_of(user, acme):
    """What the user tried and was let do."""
    tried = {
        Act.ADMIT: lambda: invite(
            by=user, organisation=acme, whom=make_user("new").username, role="viewer", at=LATER
        ),
        Act.CURATE: lambda: create_index(
            by=user, organisation=acme, slug="tools", terms=TERMS, at=LATER
        ),
    }
    done = set()
    for act, attempt in tried.items():
        try:
            attempt()
        except RoleNeeded:
            continue
        done.add(act)
    return done


@pytest.mark.parametrize("role", Role)
def test_each_role_has_its_acts_and_no_other(acme, members, role):
    assert acts_of(members[role], acme) == role.acts & {Act.ADMIT, Act.CURATE}


def test_who_does_not_belong_to_it_may_do_nothing_there(acme, stranger):
    assert acts_of(stranger, acme) == set()
    assert role_of(stranger, acme) is None
    assert not Organisation.objects.of(stranger).exists()


@pytest.mark.parametrize("slug", ["", "a", "Acme", "-acme", "acme-", "a--b", "a_b", "a" * 41, "ä1"])
def test_what_cannot_stand_in_an_address_is_no_organisation(ada, slug):
    with pytest.raises(InvalidOrganisation):
        create_organisation(user=ada, slug=slug, name="Acme", at=AT)


def test_a_name_is_taken_once_and_needed(ada, acme):
    with pytest.raises(OrganisationTaken):
        create_organisation(user=ada, slug="acme", name="Other", at=AT)
    for name in (" ", "a" * 81, "Acme\nBcc: all@mail.example", "\u202eemcA"):
        with pytest.raises(InvalidOrganisation):
            create_organisation(user=ada, slug="other", name=name, at=AT)


def test_members_are_found_and_added_once(ada, acme, stranger):
    arguments = {"by": ada, "organisation": acme, "at": AT}
    for whom in ("nobody", "no@address", ""):
        with pytest.raises(UnknownMember):
            invite(whom=whom, role="viewer", **arguments)
    with pytest.raises(UnknownRole):
        invite(whom="stranger", role="king", **arguments)
    add_member(username="stranger", role="viewer", **arguments)
    with pytest.raises(MemberAlready):
        invite(whom="stranger", role="manager", **arguments)


def asked(ada, acme, whom, at=AT, role="viewer"):
    return invite(by=ada, organisation=acme, whom=whom, role=role, at=at)


def test_an_invitation_runs_out(ada, acme, stranger):
    invitation = asked(ada, acme, "stranger")
    late = AT + INVITED_FOR
    assert not invitations_to(stranger, at=late).exists()
    with pytest.raises(InvitationOver):
        accept_invitation(user=stranger, invitation=invitation, at=late)
    assert role_of(stranger, acme) is None


@pytest.mark.parametrize("left", [True, False])
def test_an_invitation_ends_with_the_power_to_give_it(ada, acme, members, stranger, *, left):
    change_role(by=ada, organisation=acme, username="manager", role="owner", at=AT)
    invitation = asked(members[Role.MANAGER], acme, "stranger", role="owner")
    if left:
        remove_member(by=ada, organisation=acme, username="manager", at=AT)
    else:
        change_role(by=ada, organisation=acme, username="manager", role="viewer", at=AT)
    assert not invitations_to(stranger, at=AT).exists()
    with pytest.raises(InvitationOver, match="no owner there any more"):
        accept_invitation(user=stranger, invitation=invitation, at=AT)
    assert role_of(stranger, acme) is None


def test_who_was_removed_does_not_come_back_by_another_invitation(ada, acme, members):
    viewer = members[Role.VIEWER]
    EmailAddress.objects.create(user=viewer, email="v@mail.example", verified=True)
    invitation = asked(ada, acme, "v@mail.example", role="owner")
    remove_member(by=ada, organisation=acme, username="viewer", at=AT)
    with pytest.raises(InvitationOver):
        accept_invitation(user=viewer, invitation=invitation, at=AT)
    assert list(database_mismatches()) == []


def test_nobody_mails_the_world_in_the_name_of_an_organisation(ada, acme):
    for number in range(INVITATIONS_PER_HOUR):
        asked(ada, acme, f"{number}@mail.example")
    with pytest.raises(TooManyInvitations, match="Try again in an hour"):
        asked(ada, acme, "0@mail.example")
    assert asked(ada, acme, "0@mail.example", at=AT + timedelta(hours=1))


def test_who_is_invited_again_has_one_invitation_to_the_newer_role(ada, acme, stranger):
    first = asked(ada, acme, "stranger")
    second = asked(ada, acme, "stranger", role="manager")
    assert list(invitations_to(stranger, at=AT)) == [second]
    with pytest.raises(InvitationOver):
        accept_invitation(user=stranger, invitation=first, at=AT)
    accept_invitation(user=stranger, invitation=second, at=AT)
    assert role_of(stranger, acme) is Role.MANAGER


def test_an_address_is_answered_for_by_who_confirmed_it(ada, acme, stranger):
    invitation = asked(ada, acme, "Stranger@Mail.example")
    EmailAddress.objects.create(user=stranger, email="stranger@mail.example", verified=False)
    with pytest.raises(InvitationOver):
        accept_invitation(user=stranger, invitation=invitation, at=AT)
    EmailAddress.objects.update(verified=True)
    accept_invitation(user=stranger, invitation=invitation, at=AT)
    assert role_of(stranger, acme) is Role.VIEWER
    assert "mail.example" not in str([entry.facts for entry in entries_of(acme)]).lower()


def test_an_invitation_is_for_nobody_else(ada, acme, stranger):
    make_user("other")
    invitation = asked(ada, acme, "other")
    with pytest.raises(InvitationOver):
        accept_invitation(user=stranger, invitation=invitation, at=AT)
    with pytest.raises(RoleNeeded):
        revoke_invitation(by=stranger, invitation=invitation, at=AT)


@pytest.mark.parametrize(
    ("whom", "recipients"),
    [("stranger", ["s@mail.example"]), ("new@mail.example", ["new@mail.example"]), ("mute", [])],
)
def test_it_is_mailed_where_there_is_an_address(acme, stranger, mailoutbox, whom, recipients):
    make_user("mute")
    EmailAddress.objects.create(user=stranger, email="s@mail.example", verified=True)
    invitation = asked(acme.members.get(), acme, whom)
    mail_invitation(invitation_id=invitation.pk, at=AT)
    assert [address for mail in mailoutbox for address in mail.to] == recipients
    assert all("ada invites you to Acme Ltd (acme), as viewer" in mail.body for mail in mailoutbox)


def test_what_is_over_is_not_mailed(ada, acme, mailoutbox):
    invitation = asked(ada, acme, "new@mail.example")
    revoke_invitation(by=ada, invitation=invitation, at=AT)
    mail_invitation(invitation_id=invitation.pk, at=AT)
    assert mailoutbox == []


def test_an_organisation_keeps_an_owner(ada, acme, members):
    with pytest.raises(LastOwner):
        remove_member(by=ada, organisation=acme, username="ada", at=AT)
    with pytest.raises(LastOwner):
        change_role(by=ada, organisation=acme, username="ada", role="viewer", at=AT)
    assert role_of(ada, acme) is Role.OWNER
    change_role(by=ada, organisation=acme, username="manager", role="owner", at=AT)
    remove_member(by=ada, organisation=acme, username="ada", at=AT)
    assert role_of(ada, acme) is None


def test_members_leave_by_themselves_and_are_removed_by_owners_only(acme, members):
    viewer, manager = members[Role.VIEWER], members[Role.MANAGER]
    with pytest.raises(RoleNeeded):
        remove_member(by=manager, organisation=acme, username="viewer", at=AT)
    with pytest.raises(RoleNeeded):
        change_role(by=viewer, organisation=acme, username="viewer", role="owner", at=AT)
    remove_member(by=viewer, organisation=acme, username="viewer", at=AT)
    assert role_of(viewer, acme) is None


def test_an_index_goes_down_as_plain_facts(ada, acme):
    rules = Rules(licences=("mit",), min_age_days=7, reproducible_only=True)
    create_index(
        by=ada, organisation=acme, slug="tools", terms=Terms(["Doc_Opt"], rules=rules), at=AT
    )
    index = CuratedIndex.objects.get()
    assert (index.tenant, index.slug, index.projects) == ("acme", "tools", ["doc-opt"])
    assert index.rules == Rules(licences=("MIT",), min_age_days=7, reproducible_only=True)


def test_a_token_reads_until_it_is_revoked_and_only_here(ada, acme, stranger):
    create_index(by=ada, organisation=acme, slug="tools", terms=TERMS, at=AT)
    token, secret = issue_reader_token(by=ada, organisation=acme, name="ci", expires_at=None, at=AT)
    wanted = {"tenant": "acme", "slug": "tools", "secret": secret, "at": LATER}
    assert find_readable(**wanted).slug == "tools"
    other = create_organisation(user=stranger, slug="globex", name="Globex", at=AT)
    revoke_reader_token(by=stranger, organisation=other, token_id=token.pk, at=LATER)
    assert find_readable(**wanted).slug == "tools"
    revoke_reader_token(by=ada, organisation=acme, token_id=token.pk, at=LATER)
    with pytest.raises(CredentialsNeeded):
        find_readable(**wanted)


@pytest.mark.parametrize(
    "terms", [{"name": " "}, {"name": "x" * 81}, {"name": "ci", "expires_at": AT - timedelta(1)}]
)
def test_a_token_that_cannot_be_is_not_made(ada, acme, terms):
    with pytest.raises(InvalidToken):
        issue_reader_token(by=ada, organisation=acme, at=AT, **{"expires_at": None, **terms})
    assert not ReaderToken.objects.exists()


def test_every_act_is_in_the_ledger_of_the_organisation_and_of_no_other(
    ada, acme, members, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        index = create_index(by=ada, organisation=acme, slug="tools", terms=TERMS, at=AT)
        change_index(by=ada, organisation=acme, index=index, terms=TERMS, at=LATER)
        delete_index(by=ada, organisation=acme, index=index, at=LATER)
        token, secret = issue_reader_token(
            by=ada, organisation=acme, name="ci", expires_at=None, at=AT
        )
        revoke_reader_token(by=ada, organisation=acme, token_id=token.pk, at=LATER)
        revoke_reader_token(by=ada, organisation=acme, token_id=token.pk, at=LATER)
        change_role(by=ada, organisation=acme, username="viewer", role="manager", at=LATER)
        remove_member(by=ada, organisation=acme, username="viewer", at=LATER)
    create_organisation(user=ada, slug="globex", name="Globex", at=AT)
    entries = list(entries_of(acme))
    assert [entry.verb for entry in reversed(entries)] == [
        "organisation-created",
        *["member-invited", "member-added"] * 3,
        "index-created",
        "index-changed",
        "index-deleted",
        "reader-token-issued",
        "reader-token-revoked",
        "member-role-changed",
        "member-removed",
    ]
    assert secret not in str([entry.facts for entry in entries])
    assert verify_chain() is None
