from datetime import timedelta
from uuid import uuid4

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from builds.models import Build, Permit
from portal.accounts.scopes import Scope
from portal.consent.agreements import current_agreements
from portal.consent.models import Consent, Revocation

CONSENTS = "/api/v1/projects/docopt/consents/"


@pytest.fixture
def wish(anonymous) -> dict:
    """Every clause of every agreement, as a client reads and accepts them."""
    agreements = anonymous.get("/api/v1/agreements/").json()["results"]
    return {
        "capacity": "maintainer",
        "accepted": [
            {
                "name": agreement["name"],
                "sha256": agreement["sha256"],
                "clauses": [clause["id"] for clause in agreement["clauses"]],
            }
            for agreement in agreements
        ],
        "licence_expression": "MIT",
        "licence_seen_in": "LICENSE-MIT",
    }


@pytest.fixture
def consent(proof, as_ada, wish) -> dict:
    answer = as_ada.post(CONSENTS, wish, format="json")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_what_was_accepted_can_be_read_by_its_hash(anonymous, wish):
    accepted = wish["accepted"][0]
    text = anonymous.get(f"/api/v1/agreements/{accepted['sha256']}/").json()
    assert text["name"] == accepted["name"]
    assert text["text"].startswith("# ")


def test_a_consent_issues_permits_and_is_told_in_full(consent):
    assert (consent["is_live"], consent["is_mine"]) == (True, True)
    assert (consent["proven_by"], consent["is_for_development"]) == ("attestation", True)
    assert consent["channels"] == ["build", "publish"]
    assert {one["name"]: one["version"] for one in consent["agreements"]} == {
        one.name: one.version for one in current_agreements()
    }
    assert Permit.objects.filter(origin=consent["id"], revoked_at=None).count() == 1


def test_without_a_proof_there_is_no_consent(docopt, as_bob, wish):
    answer = as_bob.post(CONSENTS, wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "proof-needed")
    assert not Consent.objects.exists()


def test_a_clause_left_open_is_named(proof, as_ada, wish):
    left = wish["accepted"][0]["clauses"].pop()
    answer = as_ada.post(CONSENTS, wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "agreement-not-accepted")
    assert answer.json()["facts"]["missing"] == [left]


def test_another_text_than_todays_is_told_so(proof, as_ada, wish):
    wish["accepted"][0]["sha256"] = "0" * 64
    answer = as_ada.post(CONSENTS, wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "agreement-changed")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"licence_expression": "do what you want"}, "licence-needed"),
        ({"capacity": "fan"}, "invalid"),
        ({"channels": []}, "invalid"),
        ({"accepted": []}, "invalid"),
        ({"specifiers": "newest"}, "invalid-specifiers"),
        ({"targets": ["amiga"]}, "unknown-target"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "invalid-consent"),
    ],
)
def test_a_consent_that_cannot_be(proof, as_ada, wish, change, code):
    answer = as_ada.post(CONSENTS, wish | change, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Consent.objects.exists()


def test_the_facts_of_consents_are_public_and_the_person_is_not(consent, anonymous):
    listed = anonymous.get(CONSENTS).json()["results"]
    assert listed == [consent | {"is_mine": False}]
    assert anonymous.get(f"/api/v1/consents/{consent['id']}/").json() == listed[0]
    assert "ada" not in str(listed)


def test_a_project_tells_that_it_is_consented(consent, anonymous):
    assert anonymous.get("/api/v1/projects/docopt/").json()["is_consented"] is True


def test_an_expired_consent_is_not_live(consent, anonymous):
    QuerySet(Consent).filter(pk=consent["id"]).update(expires_at=timezone.now() - timedelta(days=1))
    assert anonymous.get(CONSENTS).json()["results"][0]["is_live"] is False


def test_a_consent_made_for_development_is_not_live_in_production(consent, anonymous, settings):
    settings.AFFINEUR_DEVELOPMENT = False
    assert anonymous.get(CONSENTS).json()["results"][0]["is_live"] is False


def test_taking_it_back_is_told_in_numbers_before(consent, as_ada):
    as_ada.post("/api/v1/requests/", {"project": "docopt"}, format="json")
    preview = as_ada.get(f"/api/v1/consents/{consent['id']}/revocation/").json()
    assert preview == {"wheels_listed": 0, "builds_queued": 2, "builds_running": 0}
    assert not Revocation.objects.exists()


def test_taking_it_back_ends_permits_and_builds(consent, as_ada):
    as_ada.post("/api/v1/requests/", {"project": "docopt"}, format="json")
    wish = {"afterwards": "withdraw", "reason": "moved on"}
    answer = as_ada.post(f"/api/v1/consents/{consent['id']}/revocation/", wish, format="json")
    assert answer.status_code == 201
    assert answer.json()["is_live"] is False
    assert answer.json()["revocation"]["afterwards"] == "withdraw"
    assert not Permit.objects.filter(revoked_at=None).exists()
    assert set(Build.objects.values_list("state", flat=True)) == {"cancelled"}
    again = as_ada.post(f"/api/v1/consents/{consent['id']}/revocation/", wish, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "consent-ended")


def test_what_a_revocation_kept_listed_is_taken_off_once(consent, as_ada, as_bob):
    path = f"/api/v1/consents/{consent['id']}/"
    early = as_ada.post(f"{path}unlisting/", format="json")
    assert (early.status_code, early.json()["code"]) == (409, "nothing-kept")
    as_ada.post(f"{path}revocation/", {"afterwards": "keep"}, format="json")
    assert as_bob.post(f"{path}unlisting/", format="json").json()["code"] == "not-your-consent"
    assert as_ada.get(path).json()["revocation"]["unlisted_at"] is None
    answer = as_ada.post(f"{path}unlisting/", {"reason": "old"}, format="json")
    assert answer.status_code == 201
    assert answer.json()["revocation"]["unlisted_at"] is not None


def test_only_owners_take_a_consent_back(consent, as_bob):
    wish = {"afterwards": "keep"}
    answer = as_bob.post(f"/api/v1/consents/{consent['id']}/revocation/", wish, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "not-your-consent")


def test_what_becomes_of_the_wheels_must_be_said(consent, as_ada):
    answer = as_ada.post(f"/api/v1/consents/{consent['id']}/revocation/", {}, format="json")
    assert set(answer.json()["errors"]) == {"afterwards"}


def test_acting_needs_a_person(docopt, anonymous):
    assert anonymous.post(CONSENTS, {}, format="json").status_code == 401
    revocation = f"/api/v1/consents/{uuid4()}/revocation/"
    assert anonymous.post(revocation, {}, format="json").status_code == 401


def test_a_token_needs_the_scope(consent, ada, client_of):
    client = client_of(ada, Scope.READ, Scope.REQUEST)
    revocation = f"/api/v1/consents/{consent['id']}/revocation/"
    assert client.post(CONSENTS, {}, format="json").status_code == 403
    assert client.post(revocation, {"afterwards": "keep"}, format="json").status_code == 403


def test_listing_consents_takes_the_same_queries_however_many(
    proof, consent, anonymous, django_assert_max_num_queries
):
    first = Consent.objects.get()
    Consent.objects.bulk_create(
        Consent(
            user=proof.user,
            project=proof.project,
            capacity="owner",
            proof=proof,
            agreements=first.agreements,
            channels=["build"],
            given_at=first.given_at,
        )
        for _ in range(20)
    )
    with django_assert_max_num_queries(4):
        assert len(anonymous.get(CONSENTS).json()["results"]) == 21
