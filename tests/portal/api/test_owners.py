"""What owners settle over the API, and what is done to a consent."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from portal.accounts.scopes import Scope
from portal.consent.models import Consent
from portal.ownership.models import Proof
from portal.ownership.roles import Roles
from portal.ownership.services import start_proof
from portal.requests.services import make_request

PROJECT = "/api/v1/projects/docopt/"


@pytest.fixture
def accepted(anonymous) -> list[dict]:
    agreements = anonymous.get("/api/v1/agreements/").json()["results"]
    return [
        {
            "name": agreement["name"],
            "sha256": agreement["sha256"],
            "clauses": [clause["id"] for clause in agreement["clauses"]],
        }
        for agreement in agreements
        if agreement["needed_for"]
    ]


@pytest.fixture
def consent(proof, as_ada, accepted) -> dict:
    wish = {"capacity": "owner", "accepted": accepted, "licence_expression": "MIT OR GPL-3.0-only"}
    return as_ada.post(f"{PROJECT}consents/", wish, format="json").json()


@pytest.fixture
def as_owner(bob, docopt, development, client_of) -> APIClient:
    """Bob speaks for docopt, too."""
    start_proof(
        user=bob,
        project=docopt,
        method="attestation",
        facts={"reason": "he wrote it, too"},
        by=bob,
        at=timezone.now(),
    )
    return client_of(bob)


def act(client, consent, what, **body):
    return client.post(f"/api/v1/consents/{consent['id']}/{what}/", body, format="json")


def test_a_choice_of_licences_is_told_with_the_one_that_is_used(consent):
    assert (consent["licence_chosen"], consent["licence_class"]) == ("MIT", "permissive")
    assert (consent["state"], consent["to_read_again"]) == ("live", [])


def test_pausing_and_its_way_back(consent, as_ada, anonymous):
    paused = act(as_ada, consent, "pause", reason="holidays").json()
    assert (paused["state"], paused["is_live"]) == ("paused", False)
    shown = anonymous.get(f"/api/v1/consents/{consent['id']}/").json()["suspensions"]
    assert [one["ground"] for one in shown] == ["pause"]
    assert "reason" not in shown[0]
    assert act(as_ada, consent, "resume").json()["state"] == "live"


def test_a_co_owner_objects_and_relents(consent, as_owner, as_ada):
    assert act(as_owner, consent, "objection", reason="no").json()["state"] == "objected"
    again = act(as_owner, consent, "objection")
    assert (again.status_code, again.json()["code"]) == (409, "consent-state")
    address = f"/api/v1/consents/{consent['id']}/objection/"
    assert as_ada.delete(address).status_code == 409
    assert as_owner.delete(address).json()["state"] == "live"


def test_several_owners_have_to_agree(proof, as_owner, as_ada, accepted):
    wanted = as_owner.put(f"{PROJECT}threshold/", {"owners": 0}, format="json").json()
    assert wanted == {"wanted": 2, "owners": 2}
    wish = {"capacity": "owner", "accepted": accepted, "licence_expression": "MIT"}
    waiting = as_ada.post(f"{PROJECT}consents/", wish, format="json").json()
    assert waiting["state"] == "waiting"
    assert act(as_owner, waiting, "approval").json()["state"] == "live"


def test_another_scope_is_another_consent(consent, as_ada):
    changed = act(as_ada, consent, "scope", specifiers=">=0.6", asked_by="named").json()
    assert (changed["replaces"], changed["specifiers"]) == (consent["id"], ">=0.6")
    before = as_ada.get(f"/api/v1/consents/{consent['id']}/").json()
    assert (before["state"], before["is_live"]) == ("replaced", False)


def test_strangers_do_none_of_it(consent, as_bob, anonymous):
    for what in ("pause", "resume", "objection", "approval", "scope"):
        assert act(as_bob, consent, what).status_code == 403
        assert act(anonymous, consent, what).status_code in {401, 403}


def test_a_token_without_the_scope_does_none_of_it(consent, ada, client_of):
    assert act(client_of(ada, Scope.READ), consent, "pause").status_code == 403


def test_naming_somebody(consent, as_ada, as_bob, bob):
    path = f"{PROJECT}delegations/"
    made = as_ada.post(path, {"username": "bob", "tasks": ["pause"]}, format="json").json()
    assert (made["username"], made["by"], made["tasks"]) == ("bob", "ada", ["pause"])
    assert len(as_ada.get(path).json()["results"]) == 1
    assert as_bob.get(path).status_code == 403
    assert act(as_bob, consent, "pause").json()["state"] == "paused"
    assert as_ada.delete(f"/api/v1/delegations/{made['id']}/").status_code == 204
    assert act(as_bob, consent, "resume").status_code == 403


def test_a_no_and_its_end(proof, as_ada, as_bob, anonymous):
    assert anonymous.get(f"{PROJECT}refusal/").status_code == 404
    assert as_ada.post(f"{PROJECT}refusal/", {}, format="json").status_code == 201
    assert anonymous.get(f"{PROJECT}refusal/").json()["project"] == "docopt"
    asked = as_bob.post("/api/v1/requests/", {"project": "docopt"}, format="json")
    assert (asked.status_code, asked.json()["code"]) == (409, "refusal-stands")
    assert as_bob.delete(f"{PROJECT}refusal/").status_code == 404
    assert as_ada.delete(f"{PROJECT}refusal/").status_code == 204
    assert as_bob.post("/api/v1/requests/", {"project": "docopt"}, format="json").status_code == 201


def test_wishes_are_counted_and_drafted(docopt, bob, anonymous):
    make_request(
        user=bob,
        project_name="docopt",
        specifiers="",
        targets=["cp312-manylinux_2_36_x86_64"],
        reason="CI",
        cost="time",
        platform="macos",
        at=timezone.now(),
    )
    wishes = anonymous.get(f"{PROJECT}wishes/").json()
    assert (wishes["people"], wishes["reasons"]) == (1, ["CI"])
    assert wishes["platforms"] == [{"what": "macOS", "people": 1}]
    drafts = anonymous.get(f"{PROJECT}drafts/").json()
    assert "CPython 3.12" in drafts["issue"]["body"]
    assert "[tool.affineur]" in drafts["pull_request"]["body"]


@pytest.mark.parametrize(
    ("expression", "licence_class", "is_published"),
    [
        ("MIT", "permissive", True),
        ("LGPL-3.0-only", "weak-copyleft", True),
        ("LicenseRef-Ours", "unclear", False),
        ("BUSL-1.1", "vendor", False),
    ],
)
def test_what_a_licence_would_come_to(docopt, anonymous, expression, licence_class, is_published):
    found = anonymous.get(f"{PROJECT}licence/", {"expression": expression}).json()
    assert found["licence_class"] == licence_class
    assert (bool(found["duties"]), not found["refusal"]) == (is_published, is_published)


def test_a_licence_that_is_not_published(proof, as_ada, accepted):
    wish = {"capacity": "owner", "accepted": accepted, "licence_expression": "SSPL-1.0"}
    answer = as_ada.post(f"{PROJECT}consents/", wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "licence-refused")
    assert not Consent.objects.exists()


def test_a_link_to_pause_needs_an_address_in_the_metadata(docopt, anonymous):
    answer = anonymous.post(f"{PROJECT}pause-link/")
    assert (answer.status_code, answer.json()["code"]) == (400, "no-address")


def test_several_projects_of_an_organisation(proof, as_ada, accepted, monkeypatch):
    path = f"{PROJECT}siblings/"
    assert as_ada.get(path).json()["code"] == "no-organisation"
    snapshot = {"upstream": {"organization": "cheese", "roles": {"ada": "Owner"}}}
    Proof.objects.filter(pk=proof.pk).update(evidence=snapshot)
    roles = Roles("cheese", {"ada": "Owner"})
    monkeypatch.setattr("portal.consent.organisation.roles_upstream", lambda _name: roles)
    assert as_ada.get(path).json() == [
        {"project": "docopt", "is_proven": True, "has_consent": False}
    ]
    wish = {
        "names": ["docopt", "unknown"],
        "licences": {"docopt": "MIT"},
        "capacity": "owner",
        "accepted": accepted,
    }
    first, second = as_ada.post(path, wish, format="json").json()
    assert (first["consent"], first["problem"]) == (str(Consent.objects.get().pk), "")
    assert second["consent"] is None
    assert "unknown" in second["problem"]
