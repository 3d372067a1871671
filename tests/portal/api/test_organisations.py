import pytest
from django.utils import timezone

from indexes.models import CuratedIndex
from portal.accounts.scopes import Scope
from portal.organisations.services import create_organisation
from tests.portal.people import add_member

ROOT = "/api/v1/organisations/"
ACME = f"{ROOT}acme/"
INDEX = {"slug": "tools", "projects": ["docopt"], "is_private": True}


@pytest.fixture
def acme(ada):
    return create_organisation(user=ada, slug="acme", name="Acme", at=timezone.now())


@pytest.fixture
def tools(as_ada, acme):
    as_ada.post(f"{ACME}indexes/", INDEX, format="json")


@pytest.fixture
def bob_views(ada, bob, acme):
    add_member(by=ada, organisation=acme, username="bob", role="viewer", at=timezone.now())
    return bob


def test_who_makes_it_owns_it(as_ada):
    made = as_ada.post(ROOT, {"slug": "acme", "name": "Acme"}, format="json")
    assert (made.status_code, made.json()["slug"]) == (201, "acme")
    assert as_ada.get(ACME).json()["role"] == "owner"
    assert [each["slug"] for each in as_ada.get(ROOT).json()["results"]] == ["acme"]
    again = as_ada.post(ROOT, {"slug": "acme", "name": "Acme"}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "organisation-taken")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ACME),
        ("get", f"{ACME}members/"),
        ("post", f"{ACME}invitations/"),
        ("put", f"{ACME}members/ada/"),
        ("delete", f"{ACME}members/ada/"),
        ("get", f"{ACME}indexes/"),
        ("post", f"{ACME}indexes/"),
        ("get", f"{ACME}indexes/tools/"),
        ("put", f"{ACME}indexes/tools/"),
        ("delete", f"{ACME}indexes/tools/"),
        ("get", f"{ACME}indexes/tools/left-out/?project=docopt"),
        ("get", f"{ACME}tokens/"),
        ("post", f"{ACME}tokens/"),
        ("delete", f"{ACME}tokens/00000000-0000-0000-0000-000000000000/"),
    ],
)
def test_to_others_an_organisation_is_not_there(tools, as_bob, anonymous, method, path):
    body = {"whom": "bob", "role": "viewer", "name": "ci", **INDEX}
    given = {} if method == "get" else {"data": body, "format": "json"}
    assert getattr(as_bob, method)(path, **given).status_code == 404
    assert getattr(anonymous, method)(path, **given).status_code == 401
    assert CuratedIndex.objects.get().slug == "tools"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", f"{ACME}invitations/"),
        ("put", f"{ACME}members/ada/"),
        ("delete", f"{ACME}members/ada/"),
        ("post", f"{ACME}indexes/"),
        ("put", f"{ACME}indexes/tools/"),
        ("delete", f"{ACME}indexes/tools/"),
        ("get", f"{ACME}tokens/"),
        ("post", f"{ACME}tokens/"),
    ],
)
def test_a_viewer_reads_and_changes_nothing(as_ada, as_bob, bob_views, method, path):
    as_ada.post(f"{ACME}indexes/", INDEX, format="json")
    body = {"whom": "ada", "role": "viewer", "name": "ci", **INDEX}
    response = getattr(as_bob, method)(path, body, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "role-needed")
    assert as_bob.get(f"{ACME}indexes/tools/").json()["projects"] == ["docopt"]


def test_an_invitation_is_declined_or_taken_back(as_ada, as_bob, acme):
    wish = {"whom": "bob", "role": "viewer"}
    first = as_ada.post(f"{ACME}invitations/", wish, format="json").json()
    assert as_bob.delete(f"/api/v1/invitations/{first['id']}/").status_code == 204
    second = as_ada.post(f"{ACME}invitations/", wish, format="json").json()
    assert as_ada.delete(f"{ACME}invitations/{second['id']}/").status_code == 204
    late = as_bob.post(f"/api/v1/invitations/{second['id']}/")
    assert (late.status_code, late.json()["code"]) == (409, "invitation-over")
    assert as_ada.get(f"{ACME}invitations/").json()["results"] == []


def test_members_come_change_and_go(as_ada, as_bob, bob, acme):
    wish = {"whom": "bob", "role": "viewer"}
    assert as_ada.post(f"{ACME}invitations/", wish, format="json").status_code == 201
    assert as_bob.get(ACME).status_code == 404
    (invited,) = as_bob.get("/api/v1/invitations/").json()["results"]
    assert (invited["organisation"], invited["invited"]) == ("acme", "bob")
    assert as_bob.post(f"/api/v1/invitations/{invited['id']}/").json()["role"] == "viewer"
    changed = as_ada.put(f"{ACME}members/bob/", {"role": "manager"}, format="json")
    assert changed.json()["role"] == "manager"
    shown = as_ada.get(f"{ACME}members/").json()["results"]
    assert [(each["username"], each["role"]) for each in shown] == [
        ("ada", "owner"),
        ("bob", "manager"),
    ]
    assert as_ada.delete(f"{ACME}members/bob/").status_code == 204
    assert as_ada.delete(f"{ACME}members/ada/").json()["code"] == "last-owner"


def test_an_index_is_made_changed_and_deleted(as_ada, acme, docopt):
    made = as_ada.post(f"{ACME}indexes/", INDEX, format="json").json()
    assert made["url"] == "http://testserver/o/acme/tools/simple/"
    wish = {"projects": ["docopt"], "licences": ["mit"]}
    changed = as_ada.put(f"{ACME}indexes/tools/", wish, format="json").json()
    assert (changed["licences"], changed["is_private"]) == (["MIT"], False)
    wrong = as_ada.put(
        f"{ACME}indexes/tools/", {"projects": ["docopt"], "licences": ["free"]}, format="json"
    )
    assert (wrong.status_code, wrong.json()["code"]) == (400, "not-one-licence")
    assert as_ada.delete(f"{ACME}indexes/tools/").status_code == 204
    assert as_ada.get(f"{ACME}indexes/").json()["results"] == []


def test_what_the_rules_leave_out_is_told_to_members(as_ada, as_bob, bob_views, docopt):
    wish = {**INDEX, "licences": ["MIT"]}
    as_ada.post(f"{ACME}indexes/", wish, format="json")
    told = as_bob.get(f"{ACME}indexes/tools/left-out/?project=docopt").json()
    assert told == {
        "project": "docopt",
        "is_known": True,
        "listed": [],
        "left_out": [
            {"filename": "docopt-0.6.2.tar.gz", "ground": "licence-unknown", "detail": ""}
        ],
    }
    unknown = as_bob.get(f"{ACME}indexes/tools/left-out/?project=requests").json()
    assert unknown["is_known"] is False


def test_a_token_is_shown_once_and_reads_the_index(as_ada, anonymous, acme, docopt):
    as_ada.post(f"{ACME}indexes/", INDEX, format="json")
    made = as_ada.post(f"{ACME}tokens/", {"name": "ci"}, format="json").json()
    listed = as_ada.get(f"{ACME}tokens/").json()["results"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert "token" not in listed[0]
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert anonymous.get("/o/acme/tools/simple/").status_code == 200
    assert as_ada.delete(f"{ACME}tokens/{made['id']}/").status_code == 204
    assert anonymous.get("/o/acme/tools/simple/").status_code == 401


def test_a_readers_token_is_none_of_the_api(as_ada, anonymous, acme):
    made = as_ada.post(f"{ACME}tokens/", {"name": "ci"}, format="json").json()
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert anonymous.get(ACME).status_code == 401


def test_a_token_of_the_api_needs_the_scope_to_act(ada, acme, client_of):
    reading = client_of(ada, Scope.READ)
    assert reading.get(f"{ACME}indexes/").status_code == 200
    assert reading.post(f"{ACME}indexes/", INDEX, format="json").status_code == 403


def test_its_ledger_is_for_owners_and_managers(as_ada, as_bob, bob_views):
    create_organisation(user=bob_views, slug="globex", name="Globex", at=timezone.now())
    entries = as_ada.get(f"{ACME}ledger/").json()["results"]
    assert [entry["verb"] for entry in entries] == [
        "member-added",
        "member-invited",
        "organisation-created",
    ]
    assert {entry["facts"]["organisation"] for entry in entries} == {"acme"}
    assert as_bob.get(f"{ACME}ledger/").json()["code"] == "role-needed"
