"""Organisations on pages: what members do there, and what nobody else sees."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from indexes.models import CuratedIndex, ReaderToken
from portal.organisations.models import Invitation, Organisation
from portal.organisations.services import create_organisation
from tests.portal.people import add_member, make_user
from tests.portal.web.test_every_page import words_of

ACME, TOOLS = "/organisations/acme/", "/organisations/acme/indexes/tools/"
TERMS = {"slug": "tools", "projects": "docopt, Python_Levenshtein", "min_age_days": "0"}


def client_of(user):
    client = Client()
    client.force_login(user, backend="portal.accounts.backends.AccountBackend")
    return client


@pytest.fixture
def ada(db):
    return make_user("ada")


@pytest.fixture
def acme(ada) -> Organisation:
    return create_organisation(user=ada, slug="acme", name="Acme Ltd", at=timezone.now())


@pytest.fixture
def owner(ada, acme) -> Client:
    return client_of(ada)


@pytest.fixture
def viewer(ada, acme) -> Client:
    user = make_user("viewer")
    add_member(by=ada, organisation=acme, username="viewer", role="viewer", at=timezone.now())
    return client_of(user)


@pytest.fixture
def tools(owner, docopt) -> CuratedIndex:
    owner.post(f"{ACME}indexes/", {**TERMS, "is_private": "on", "licences": "mit\n"})
    return CuratedIndex.objects.get()


def test_it_is_made_on_a_page(ada):
    client = client_of(ada)
    assert "You belong to none yet" in words_of(client.get("/organisations/"))
    made = client.post("/organisations/", {"name": "Acme Ltd", "slug": "acme"})
    assert made["Location"] == ACME
    assert "You belong to it as owner" in words_of(client.get(ACME))
    assert "Acme Ltd" in words_of(client.get("/organisations/"))


@pytest.mark.parametrize(
    ("slug", "words"), [("Acme", "cannot stand in an address"), ("acme", "already: choose another")]
)
def test_what_cannot_be_is_told_beside_the_field(owner, slug, words):
    response = owner.post("/organisations/", {"name": "Kept", "slug": slug})
    assert response.status_code == 400
    assert words in words_of(response)
    assert 'value="Kept"' in response.content.decode()


def test_who_is_invited_belongs_to_it_when_they_accept(owner, stranger):
    client = client_of(stranger)
    invited = owner.post(ACME, {"whom": "stranger", "role": "viewer"}, follow=True)
    assert "stranger is invited. It is their turn to accept" in words_of(invited)
    assert client.get(ACME).status_code == 404
    assert "You are invited to 1 organisation" in words_of(client.get("/mine/"))
    assert "acme, by ada" in words_of(client.get("/organisations/"))
    answer = f"/invitations/{Invitation.objects.get().pk}/"
    accepted = client.post(answer, {"accept": "1"}, follow=True)
    assert "to Acme Ltd now, as viewer" in words_of(accepted)
    owner.post(f"{ACME}members/stranger/", {"role": "manager"})
    assert "You belong to it as manager" in words_of(client.get(ACME))
    owner.post(f"{ACME}members/stranger/remove/")
    assert client.get(ACME).status_code == 404
    again = client.post(answer, {"accept": "1"})
    assert (again.status_code, "was answered" in words_of(again)) == (409, True)


def test_who_declines_does_not_belong_to_it(owner, stranger):
    owner.post(ACME, {"whom": "stranger", "role": "viewer"})
    answer = f"/invitations/{Invitation.objects.get().pk}/"
    declined = client_of(stranger).post(answer, follow=True)
    assert "You do not belong to Acme" in words_of(declined)
    assert not Organisation.objects.of(stranger).exists()
    assert "Invited, and not answered" not in words_of(owner.get(ACME))


def test_an_invitation_is_taken_back(owner, stranger):
    owner.post(ACME, {"whom": "stranger", "role": "viewer"})
    back = f"{ACME}invitations/{Invitation.objects.get().pk}/revoke/"
    assert "is taken back" in words_of(owner.post(back, follow=True))
    assert "You are invited" not in words_of(client_of(stranger).get("/organisations/"))


def test_nobody_is_invited_who_is_not_there(owner):
    wrong = owner.post(ACME, {"whom": "nobody", "role": "viewer"})
    assert (wrong.status_code, "there is nobody here" in words_of(wrong)) == (400, True)


def test_the_last_owner_is_told_why_they_cannot_leave(owner):
    response = owner.post(f"{ACME}members/ada/remove/")
    assert response.status_code == 409
    assert "Make somebody else an owner first" in words_of(response)


def test_who_leaves_sees_it_no_more(viewer):
    assert viewer.post(f"{ACME}members/viewer/remove/")["Location"] == "/organisations/"
    assert viewer.get(ACME).status_code == 404


def test_an_index_is_made_changed_and_deleted(owner, tools):
    assert (tools.projects, tools.licences) == (["docopt", "python-levenshtein"], ["MIT"])
    page = words_of(owner.get(TOOLS))
    assert "Private: its pages are read with a token" in page
    owner.post(TOOLS, {"projects": "docopt", "min_age_days": "7"})
    tools.refresh_from_db()
    assert (tools.projects, tools.min_age_days, tools.is_private) == (["docopt"], 7, False)
    assert "Releases wait 7 days" in words_of(owner.get(TOOLS))
    assert "an index of an organisation was changed, by" in words_of(owner.get(ACME))
    owner.post(f"{TOOLS}delete/")
    assert owner.get(TOOLS).status_code == 404


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"projects": "-x-"}, "is no project name"),
        ({"licences": "free"}, "is not one SPDX licence"),
        ({"slug": "tools"}, "has an index tools already"),
        ({"slug": "A B"}, "cannot stand in an address"),
    ],
)
def test_an_index_that_cannot_be_is_told_beside_the_field(owner, tools, changed, words):
    response = owner.post(f"{ACME}indexes/", {**TERMS, "slug": "other", **changed})
    assert response.status_code == 400
    assert words in words_of(response)
    assert CuratedIndex.objects.count() == 1


def test_what_is_left_out_is_shown_with_its_reason(viewer, tools):
    page = words_of(viewer.get(reverse("web:left-out", args=["acme", "tools", "docopt"])))
    assert "docopt-0.6.2.tar.gz" in page
    assert "Its licence is not known" in page
    other = words_of(viewer.get(reverse("web:left-out", args=["acme", "tools", "requests"])))
    assert "has no page of requests" in other


def test_a_token_is_shown_once_and_revoked(owner, acme):
    path = f"{ACME}tokens/"
    made = owner.post(path, {"name": "ci", "days": "30"})
    assert "affr_" in words_of(made)
    token = ReaderToken.objects.get()
    page = words_of(owner.get(path))
    assert page.count("affr_") == 1
    assert "live until" in page
    owner.post(f"{path}{token.pk}/revoke/")
    assert "revoked" in words_of(owner.get(path))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ACME),
        ("post", ACME),
        ("post", f"{ACME}members/ada/"),
        ("post", f"{ACME}members/ada/remove/"),
        ("get", f"{ACME}indexes/"),
        ("post", f"{ACME}indexes/"),
        ("get", TOOLS),
        ("post", TOOLS),
        ("post", f"{TOOLS}delete/"),
        ("get", f"{TOOLS}left-out/docopt/"),
        ("get", f"{ACME}tokens/"),
        ("post", f"{ACME}tokens/"),
    ],
)
def test_to_others_it_is_not_there(client, tools, stranger, method, path):
    body = {**TERMS, "whom": "stranger", "role": "owner", "name": "ci"}
    assert getattr(client_of(stranger), method)(path, body).status_code == 404
    asked = getattr(client, method)(path, body)
    assert asked["Location"].startswith(reverse("account_login"))
    assert CuratedIndex.objects.get() == tools


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", ACME),
        ("post", f"{ACME}members/ada/"),
        ("post", f"{ACME}members/ada/remove/"),
        ("get", f"{ACME}indexes/"),
        ("post", TOOLS),
        ("post", f"{TOOLS}delete/"),
        ("get", f"{ACME}tokens/"),
    ],
)
def test_a_viewer_changes_nothing_and_is_told_whose_turn_it_is(
    viewer, tools, stranger, method, path
):
    response = getattr(viewer, method)(path, {**TERMS, "whom": "stranger", "role": "viewer"})
    assert response.status_code == 403
    assert "It is its owners' turn" in words_of(response).replace("&#x27;", "'")


def test_a_viewer_is_shown_no_forms(viewer, tools):
    page = words_of(viewer.get(ACME))
    assert "Add this person" not in page
    assert "What was done here" not in page
    assert "Change it" not in words_of(viewer.get(TOOLS))


def test_pages_cost_few_queries(owner, tools, django_assert_max_num_queries):
    for path in ("/organisations/", ACME, TOOLS, f"{ACME}tokens/"):
        with django_assert_max_num_queries(12):
            owner.get(path)


def test_the_ledger_of_an_organisation_is_whole_and_its_own(
    owner, ada, acme, tools, django_assert_max_num_queries
):
    create_organisation(user=ada, slug="globex", name="Globex", at=timezone.now())
    with django_assert_max_num_queries(9):
        page = words_of(owner.get(f"{ACME}ledger/"))
    assert "an index of an organisation was made" in page
    assert "python-levenshtein" in page
    assert "globex" not in page


def test_a_member_who_may_asks_in_its_name(owner, viewer, acme, docopt):
    page = owner.get("/project/docopt/ask/").content.decode()
    assert 'name="organisation"' in page
    assert 'name="organisation"' not in viewer.get("/project/docopt/ask/").content.decode()
    target = settings.AFFINEUR_TARGETS[0]
    asked = {"targets": [target], "organisation": "acme", "send": "1"}
    owner.post("/project/docopt/ask/", asked)
    assert acme.requests.get().project == docopt
    assert "0 of 200 in progress" in words_of(owner.get(ACME))
