import pytest

from indexes.domain.names import NormalizedName
from indexes.models import Watch
from indexes.services.refresh import enrol_project, refresh_project
from tests.portal.people import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def followed(upstream):
    for name in ("docopt", "six"):
        upstream.add_sdist(name, "1.0")
        project = refresh_project(name=NormalizedName(name), at=AT, upstream=upstream)
        enrol_project(project=project, at=AT)
    Watch.objects.filter(project__name="six").update(failures=2, problem="Upstream was busy.")


def test_anyone_sees_how_fresh_our_word_is(followed, anonymous, django_assert_num_queries):
    with django_assert_num_queries(4):
        told = anonymous.get("/api/v1/status/upstream/").json()
    assert (told["followed"], told["unverified"], told["never_verified"]) == (2, 2, 0)
    assert told["backlog"]["failing"] == 1
    assert told["latency"]["yanks"] == {"changes": 0, "within": {}}


def test_anyone_sees_each_project(followed, anonymous, django_assert_num_queries):
    with django_assert_num_queries(1):
        told = anonymous.get("/api/v1/status/projects/").json()
    assert [project["name"] for project in told["results"]] == ["docopt", "six"]
    assert told["results"][1]["problem"] == "Upstream was busy."
    assert told["results"][0]["verified_at"] == AT.isoformat().replace("+00:00", "Z")


def test_a_project_that_has_no_place_yet_is_told(followed, anonymous):
    Watch.objects.all().delete()
    told = anonymous.get("/api/v1/status/projects/").json()["results"]
    assert [(project["due_at"], project["failures"]) for project in told] == [(None, 0)] * 2
