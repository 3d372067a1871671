"""Signing in for development, me/, tokens/."""

from datetime import timedelta

import pytest
from django.db.models import Q
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from portal.accounts.models import ApiToken
from portal.accounts.scopes import Scope
from portal.accounts.services import issue_token
from portal.api.urls import NothingHere
from portal.ownership.models import Proof


def test_signing_in_for_development_gives_a_token_that_works(db, development, anonymous):
    answer = anonymous.post("/api/v1/development/sign-in/", {"username": "ada"}, format="json")
    assert answer.status_code == 201
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    me = anonymous.get("/api/v1/me/").json()
    assert me == {
        "username": "ada",
        "is_staff": False,
        "is_for_development": True,
        "scopes": ["read", "request", "consent", "organise"],
        "projects": [],
    }


def test_outside_development_nobody_signs_in_by_name(db, anonymous):
    answer = anonymous.post("/api/v1/development/sign-in/", {"username": "ada"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (403, "development-only")
    assert not ApiToken.objects.exists()


def test_outside_development_there_is_no_such_address():
    found = resolve("/api/v1/development/sign-in/", urlconf="portal.urls")
    assert found.func.view_class is NothingHere


def test_development_sign_in_opens_nobody_elses_account(ada, development, anonymous):
    answer = anonymous.post("/api/v1/development/sign-in/", {"username": "ada"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "username-taken")


def test_me_tells_the_projects_one_speaks_for(proof, as_ada):
    assert as_ada.get("/api/v1/me/").json()["projects"] == ["docopt"]


def test_me_tells_of_nothing_that_is_only_corroborated(ada, proof, as_ada):
    Proof.objects.update(method="upstream-roles", is_for_development=False)
    assert as_ada.get("/api/v1/me/").json()["projects"] == []


def test_me_tells_what_the_token_may_do(ada, client_of):
    assert client_of(ada, Scope.READ).get("/api/v1/me/").json()["scopes"] == ["read"]


def test_a_secret_is_shown_once(as_ada):
    wish = {"name": "ci", "scopes": ["read", "request"]}
    made = as_ada.post("/api/v1/tokens/", wish, format="json")
    assert made.status_code == 201
    assert made.json()["token"].startswith("aff_")
    listed = as_ada.get("/api/v1/tokens/").json()["results"]
    assert [token["name"] for token in listed] == ["ci", "test"]
    assert all("token" not in token and "token_hash" not in token for token in listed)


def test_a_revoked_token_opens_nothing(as_ada, anonymous):
    made = as_ada.post("/api/v1/tokens/", {"name": "ci", "scopes": ["read"]}, format="json").json()
    assert as_ada.delete(f"/api/v1/tokens/{made['id']}/").status_code == 204
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {made['token']}")
    assert anonymous.get("/api/v1/me/").status_code == 401


def test_a_token_makes_none_that_may_more_than_itself(ada, client_of):
    client = client_of(ada, Scope.READ, Scope.CONSENT)
    answer = client.post("/api/v1/tokens/", {"name": "x", "scopes": ["request"]}, format="json")
    assert answer.status_code == 400
    assert "request" in answer.json()["errors"]["scopes"][0]


@pytest.mark.parametrize(
    ("wanted", "status"), [(None, 201), (timedelta(hours=1), 201), (timedelta(days=2), 400)]
)
def test_a_token_makes_none_that_outlasts_itself(ada, anonymous, wanted, status):
    now = timezone.now()
    maker, secret = issue_token(
        user=ada, name="ci", scopes=["consent"], expires_at=now + timedelta(days=1), at=now
    )
    anonymous.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    wish = {"name": "x", "scopes": ["consent"], "expires_at": wanted and now + wanted}
    answer = anonymous.post("/api/v1/tokens/", wish, format="json")
    assert answer.status_code == status
    outlasting = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=maker.expires_at))
    assert not outlasting.exists()


def test_tokens_are_made_at_a_session_too(ada):
    client = Client()
    client.force_login(ada, backend="portal.accounts.backends.AccountBackend")
    wish = {"name": "ci", "scopes": ["read"]}
    assert client.post("/api/v1/tokens/", wish, content_type="application/json").status_code == 201


def test_a_session_needs_its_csrf_token(ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada, backend="portal.accounts.backends.AccountBackend")
    wish = {"name": "ci", "scopes": ["read"]}
    assert client.post("/api/v1/tokens/", wish, content_type="application/json").status_code == 403


def test_tokens_of_others_are_not_there(ada, as_bob, client_of):
    client_of(ada)
    token = ApiToken.objects.get(user=ada)
    assert as_bob.delete(f"/api/v1/tokens/{token.pk}/").status_code == 404
    assert [one["name"] for one in as_bob.get("/api/v1/tokens/").json()["results"]] == ["test"]


def test_listing_tokens_takes_the_same_queries_however_many(
    as_ada, ada, client_of, django_assert_max_num_queries
):
    for _ in range(20):
        client_of(ada)
    with django_assert_max_num_queries(4):
        as_ada.get("/api/v1/tokens/")


@pytest.mark.parametrize(
    "wish", [{}, {"name": "x", "scopes": []}, {"name": "x", "scopes": ["all"]}]
)
def test_a_token_without_name_or_scope_is_refused(as_ada, wish):
    assert as_ada.post("/api/v1/tokens/", wish, format="json").status_code == 400
