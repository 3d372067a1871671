from uuid import uuid4

import pytest

from portal.accounts.scopes import Scope
from portal.ownership.models import Proof

PROOFS = "/api/v1/projects/docopt/proofs/"
ATTESTATION = {"method": "attestation", "facts": {"reason": "she wrote it"}}
CHALLENGE = {"method": "release-challenge"}


def test_in_development_the_operators_word_is_enough_and_marked(docopt, development, as_ada):
    answer = as_ada.post(PROOFS, ATTESTATION, format="json")
    assert answer.status_code == 201
    proof = answer.json()
    assert (proof["state"], proof["is_for_development"]) == ("proven", True)
    assert proof["evidence"]["reason"] == "she wrote it"


def test_outside_development_administrators_are_needed(docopt, as_ada):
    answer = as_ada.post(PROOFS, ATTESTATION, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "proof-method-closed")
    review = {"method": "staff-review", "facts": {"reason": "she wrote it", "evidence": "a link"}}
    answer = as_ada.post(PROOFS, review, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "administrator-needed")
    assert not Proof.objects.exists()


def test_a_release_challenge_says_what_to_do_and_stays_pending_when_checked(docopt, as_ada):
    proof = as_ada.post(PROOFS, CHALLENGE, format="json").json()
    assert (proof["state"], bool(proof["challenge"])) == ("pending", True)
    assert proof["instructions"]
    checked = as_ada.post(f"/api/v1/proofs/{proof['id']}/check/").json()
    assert (checked["state"], bool(checked["checked_at"])) == ("pending", True)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"method": "astrology"}, "unknown-proof-method"),
        ({"method": "attestation"}, "proof-fact-missing"),
        ({"method": "attestation", "facts": {"reason": {}}}, "invalid"),
        ({}, "invalid"),
    ],
)
def test_a_proof_that_cannot_be_begun(docopt, development, as_ada, wish, code):
    answer = as_ada.post(PROOFS, wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_person_sees_their_own_proofs_only(proof, as_ada, as_bob):
    assert [one["id"] for one in as_ada.get(PROOFS).json()["results"]] == [str(proof.pk)]
    assert as_ada.get(f"/api/v1/proofs/{proof.pk}/").json()["project"] == "docopt"
    assert as_bob.get(PROOFS).json()["results"] == []
    assert as_bob.get(f"/api/v1/proofs/{proof.pk}/").status_code == 404
    assert as_bob.post(f"/api/v1/proofs/{proof.pk}/check/").status_code == 404


def test_nobody_is_answered_with_401(docopt, anonymous):
    assert anonymous.get(PROOFS).status_code == 401
    assert anonymous.post(PROOFS, ATTESTATION, format="json").status_code == 401
    assert anonymous.post(f"/api/v1/proofs/{uuid4()}/check/").status_code == 401


def test_a_token_needs_the_scope(docopt, development, ada, client_of):
    client = client_of(ada, Scope.READ, Scope.REQUEST)
    assert client.post(PROOFS, ATTESTATION, format="json").status_code == 403
    assert client.get(PROOFS).status_code == 200


def test_proofs_are_throttled(docopt, as_ada, monkeypatch):
    from rest_framework.throttling import ScopedRateThrottle

    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"proofs": "1/hour"})
    as_ada.post(PROOFS, CHALLENGE, format="json")
    answer = as_ada.post(PROOFS, CHALLENGE, format="json")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert int(answer["Retry-After"]) > 0
    assert as_ada.get(PROOFS).status_code == 200


def test_listing_proofs_takes_the_same_queries_however_many(
    docopt, ada, as_ada, proof, django_assert_max_num_queries
):
    Proof.objects.bulk_create(
        Proof(user=ada, project=docopt, method="attestation", created_at=proof.created_at)
        for _ in range(20)
    )
    with django_assert_max_num_queries(4):
        assert len(as_ada.get(PROOFS).json()["results"]) == 21


def test_the_methods_say_what_they_need_and_whether_they_are_offered(db, anonymous):
    methods = {one["name"]: one for one in anonymous.get("/api/v1/proof-methods/").json()}
    assert methods["release-challenge"]["strength"] == "sufficient"
    assert methods["release-challenge"]["enough_with"] == [[]]
    assert methods["attested-repository"]["enough_with"] == [["upstream-roles"]]
    assert methods["consent-as-code"]["enough_with"] == []
    assert methods["upstream-roles"]["facts"][0]["name"] == "account"
    assert "development only" in methods["attestation"]["closed_because"]
    assert all(one["needs"] for one in methods.values())


def test_what_there_is_to_see_is_looked_at_at_once(docopt, as_ada):
    wish = {"method": "consent-as-code"}
    proof = as_ada.post(PROOFS, wish, format="json").json()
    assert proof["state"] == "refused"
    assert "has no [tool.affineur] table" in proof["refusal"]
    answer = as_ada.post(PROOFS, wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (429, "checked-just-now")
