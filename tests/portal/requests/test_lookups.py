"""Upstream is not asked for unknown names as often as somebody likes."""

from datetime import timedelta
from itertools import product

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from indexes.models import Project
from indexes.upstream import ProjectNotUpstream
from portal.errors import TooManyLookups
from portal.requests.lookups import find_project
from tests.portal.people import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(settings, upstream, monkeypatch):
    settings.AFFINEUR_LOOKUPS_PER_MINUTE = 2
    # A test that begins at the end of a minute must not end in the next one's budget.
    monkeypatch.setattr(timezone, "now", lambda: AT)
    return upstream


def test_visitors_share_a_budget(two):
    for name in ("nothing", "docopt"):
        Client().get(f"/project/{name}/")
    asked = len(two.seen)

    answer = Client().get("/project/another/")
    search = Client().get("/search/", {"q": "another"})
    api = APIClient().get("/api/v1/projects/another/")

    assert (answer.status_code, api.status_code) == (429, 429)
    assert "sign in" in answer.text
    assert "sign in" in search.text
    assert api.json()["code"] == "too-many-lookups"
    assert len(two.seen) == asked


def test_what_is_known_costs_nothing(two):
    for _ in range(4):
        assert Client().get("/project/docopt/").status_code == 200
    assert len(two.seen) == 1


def test_the_budget_is_of_one_minute_and_of_one_person(two, maintainer, stranger):
    for name, by in product(("nothing", "nought"), (None, maintainer)):
        with pytest.raises(ProjectNotUpstream):
            find_project(name=name, by=by, at=AT)

    with pytest.raises(TooManyLookups):
        find_project(name="docopt", by=maintainer, at=AT)
    assert find_project(name="docopt", by=stranger, at=AT).name == "docopt"
    Project.objects.all().delete()
    assert find_project(name="docopt", by=None, at=AT + timedelta(minutes=1)).name == "docopt"
