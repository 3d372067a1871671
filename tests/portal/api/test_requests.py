from uuid import uuid4

import pytest
from django.utils import timezone

from builds.models import Build
from portal.accounts.scopes import Scope
from portal.organisations.services import create_organisation
from portal.requests.models import Request
from tests.portal.people import add_member

REQUESTS = "/api/v1/requests/"
WISH = {"project": "docopt", "specifiers": "==0.6.2", "reason": "for work"}


@pytest.fixture
def permitted(make_build) -> None:
    """Docopt has a permit (of `make_build`)."""


def test_without_a_permit_it_is_a_petition_and_nothing_runs(docopt, as_ada):
    answer = as_ada.post(REQUESTS, WISH, format="json")
    assert answer.status_code == 201
    request = answer.json()
    assert (request["is_petition"], request["state"]) == (True, "waiting-for-consent")
    assert (request["turn"], len(request["uncovered"])) == ("project", 2)
    assert request["builds"] == []
    assert not Build.objects.exists()


def test_demand_is_counted_for_the_project(docopt, as_ada, as_bob, anonymous):
    as_ada.post(REQUESTS, WISH, format="json")
    as_bob.post(REQUESTS, WISH, format="json")
    demand = anonymous.get("/api/v1/projects/docopt/").json()["demand"]
    assert demand == {"petitions": 2, "people": 2, "specifiers": {"==0.6.2": 2}}


def test_with_a_permit_builds_are_queued_and_told(docopt, permitted, as_ada):
    request = as_ada.post(REQUESTS, WISH, format="json").json()
    assert (request["is_petition"], request["state"]) == (False, "in-progress")
    assert {build["state"] for build in request["builds"]} == {"queued"}
    assert as_ada.get(f"{REQUESTS}{request['id']}/").json()["builds"] == request["builds"]


def test_the_same_wish_of_two_people_is_the_same_builds(docopt, permitted, as_ada, as_bob):
    first = as_ada.post(REQUESTS, WISH, format="json").json()
    second = as_bob.post(REQUESTS, WISH, format="json").json()
    assert first["id"] != second["id"]
    assert [build["id"] for build in first["builds"]] == [b["id"] for b in second["builds"]]


def test_what_cannot_be_is_told_by_code(docopt, as_ada):
    request = as_ada.post(REQUESTS, WISH | {"specifiers": "==9"}, format="json").json()
    assert [refusal["code"] for refusal in request["refusals"]] == ["unknown-release"]
    assert (request["state"], request["turn"]) == ("refused", "user")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"project": "nothing"}, 404, "unknown-project"),
        ({"project": "-"}, 400, "invalid-project-name"),
        ({"specifiers": "newest"}, 400, "invalid-specifiers"),
        ({"targets": ["amiga"]}, 400, "unknown-target"),
        ({"targets": ["x"] * 65}, 400, "invalid"),
        ({"project": ""}, 400, "invalid"),
    ],
)
@pytest.mark.usefixtures("upstream")
def test_a_request_that_cannot_be(as_ada, change, status, code):
    answer = as_ada.post(REQUESTS, WISH | change, format="json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Request.objects.exists()


def test_a_person_sees_their_own_requests_only(docopt, as_ada, as_bob):
    request = as_ada.post(REQUESTS, WISH, format="json").json()
    assert [one["id"] for one in as_ada.get(REQUESTS).json()["results"]] == [request["id"]]
    assert as_bob.get(REQUESTS).json()["results"] == []
    assert as_bob.get(f"{REQUESTS}{request['id']}/").status_code == 404


def test_nobody_is_answered_with_401(db, anonymous):
    assert anonymous.get(REQUESTS).status_code == 401
    assert anonymous.post(REQUESTS, WISH, format="json").status_code == 401
    assert anonymous.get(f"{REQUESTS}{uuid4()}/").status_code == 401


def test_a_token_needs_the_scope(docopt, ada, client_of):
    assert client_of(ada, Scope.READ).post(REQUESTS, WISH, format="json").status_code == 403
    assert client_of(ada, Scope.REQUEST).get(REQUESTS).status_code == 403
    assert client_of(ada, Scope.REQUEST).post(REQUESTS, WISH, format="json").status_code == 201


def test_listing_requests_takes_the_same_queries_however_many(
    docopt, permitted, as_ada, django_assert_max_num_queries
):
    for minor in range(10):
        as_ada.post(REQUESTS, WISH | {"specifiers": f">=0.{minor}"}, format="json")
    with django_assert_max_num_queries(5):
        assert len(as_ada.get(REQUESTS).json()["results"]) == 10


def test_a_request_takes_the_same_queries_however_many_builds(
    docopt, permitted, as_ada, make_attempt, django_assert_max_num_queries
):
    targets = [f"cp3{minor}-manylinux_2_36_x86_64" for minor in range(7, 15)]
    made = as_ada.post(REQUESTS, WISH | {"targets": targets}, format="json").json()
    for build in Build.objects.all():
        make_attempt(build)
    with django_assert_max_num_queries(7):
        shown = as_ada.get(f"{REQUESTS}{made['id']}/").json()
    assert [build["attempts_made"] for build in shown["builds"]] == [1] * 8


@pytest.mark.parametrize(("role", "status"), [("requester", 201), ("viewer", 403), ("", 404)])
def test_it_is_made_in_the_name_of_an_organisation(ada, as_bob, docopt, role, status):
    at = timezone.now()
    acme = create_organisation(user=ada, slug="acme", name="Acme", at=at)
    if role:
        add_member(by=ada, organisation=acme, username="bob", role=role, at=at)
    wish = {"project": "docopt", "organisation": "acme"}
    answer = as_bob.post("/api/v1/requests/", wish, format="json")
    assert answer.status_code == status
    made = [each["organisation"] for each in as_bob.get("/api/v1/requests/").json()["results"]]
    assert made == (["acme"] if status == 201 else [])
