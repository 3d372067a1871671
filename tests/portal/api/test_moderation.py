"""Reports, decisions and the queue, for programs."""

import pytest
from django.utils import timezone

from portal.accounts.models import User
from portal.accounts.scopes import Scope
from portal.moderation import services
from portal.moderation.models import Case, Report
from tests.portal.moderation.conftest import make_moderator

WISH = {"kind": "suspicious-content", "text": "It phones home."}


@pytest.fixture
def ann(db) -> User:
    """A moderator."""
    return make_moderator("ann")


def test_anybody_reports_a_file_and_looks_by_its_url(anonymous, make_build, make_file, client):
    file = make_file(make_build())
    sent = anonymous.post("/api/v1/reports/", WISH | {"file": file.filename}, format="json")
    assert sent.status_code == 201
    assert (sent.data["state"], sent.data["about"]) == ("open", file.filename)
    assert client.get(sent.data["url"].removeprefix("http://testserver")).status_code == 200
    assert anonymous.get("/api/v1/reports/").data["results"] == []
    assert anonymous.get(f"/api/v1/reports/{sent.data['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("about", "status"),
    [
        ({}, 400),
        ({"project": "docopt", "file": "x.whl"}, 400),
        ({"file": "nothing.whl"}, 404),
        ({"consent": "00000000-0000-4000-8000-000000000000"}, 404),
        ({"project": "docopt", "kind": "quota"}, 400),
        ({"project": "docopt", "text": ""}, 400),
    ],
)
def test_a_report_names_one_thing_that_is_there(anonymous, docopt, about, status):
    sent = anonymous.post("/api/v1/reports/", WISH | about, format="json")
    assert sent.status_code == status
    assert not Report.objects.exists()


def test_people_see_their_own_reports_only(as_ada, as_bob, docopt):
    mine = as_ada.post("/api/v1/reports/", WISH | {"project": "docopt"}, format="json").data
    assert [each["id"] for each in as_ada.get("/api/v1/reports/").data["results"]] == [mine["id"]]
    assert as_bob.get("/api/v1/reports/").data["results"] == []
    assert as_bob.get(f"/api/v1/reports/{mine['id']}/").status_code == 404


def test_a_token_that_may_only_read_reports_nothing(ada, client_of, docopt):
    reader = client_of(ada, Scope.READ)
    sent = reader.post("/api/v1/reports/", WISH | {"project": "docopt"}, format="json")
    assert sent.status_code == 403


def test_reports_are_bounded(anonymous, docopt, settings):
    settings.AFFINEUR_REPORTS_OF_VISITORS_PER_HOUR = 0
    sent = anonymous.post("/api/v1/reports/", WISH | {"project": "docopt"}, format="json")
    assert (sent.status_code, sent.data["code"]) == (429, "too-many-reports")


def test_who_was_told_reads_the_decision_and_appeals_once(as_ada, as_bob, docopt, ann):
    as_ada.post("/api/v1/reports/", WISH | {"project": "docopt"}, format="json")
    case, now = Case.objects.get(), timezone.now()
    services.decide(case=case, by=ann, action="dismiss", reason="It is fine.", at=now)
    made = services.carry_out(case=case, by=ann, at=now)
    path = f"/api/v1/decisions/{made.pk}/"
    assert as_bob.get(path).status_code == 404
    assert as_bob.post(f"{path}appeal/", {"text": "x"}, format="json").status_code == 404
    assert as_ada.get(path).data["reason"] == "It is fine."
    assert as_ada.get(f"{path}appeal/").status_code == 404
    assert as_ada.post(f"{path}appeal/", {"text": "It is not."}, format="json").status_code == 201
    again = as_ada.post(f"{path}appeal/", {"text": "It is not."}, format="json")
    assert (again.status_code, again.data["code"]) == (409, "appealed-already")
    assert as_ada.get(f"{path}appeal/").data["is_granted"] is None
    assert len(as_ada.get("/api/v1/decisions/").data["results"]) == 1


def test_the_queue_is_for_moderators(as_ada, anonymous, client_of, ann, docopt):
    as_ada.post("/api/v1/reports/", WISH | {"project": "docopt"}, format="json")
    assert anonymous.get("/api/v1/cases/").status_code == 401
    assert as_ada.get("/api/v1/cases/").status_code == 403
    rows = client_of(ann).get("/api/v1/cases/").data["results"]
    assert [(row["about"], row["state"], row["assignee"]) for row in rows] == [
        ("docopt", "open", None)
    ]
