"""The overlay of one platform, and as of a day."""

import json
from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from indexes.services.verification import withhold_unverified
from tests.indexes.conftest import NAME

# The upstream's files are of 2020, ours of 2026-03-01.
PLATFORM, DAY = "/platforms/manylinux_2_36_x86_64/simple/", "/as-of/2020-06-01/simple/"
OURS = "/as-of/2026-03-01/simple/"
PAGES = [prefix + name for prefix in (PLATFORM, DAY, OURS) for name in ("", f"{NAME}/")]
pytestmark = pytest.mark.django_db


def get_json(client, path):
    return json.loads(client.get(path, headers={"accept": JSON}).content)


def filenames(client, path):
    return [file["filename"] for file in get_json(client, path)["files"]]


@pytest.fixture
def recently(farm, ours):
    """Upstream answered today."""
    farm.now = timezone.now()
    farm.refresh()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(JSON, JSON), (HTML, HTML), (PLAIN_HTML, f"{PLAIN_HTML}; charset=utf-8")],
)
def test_a_page_comes_in_every_form(client, ours, path, accept, content_type):
    plain = client.get(path, headers={"accept": accept})
    small = client.get(path, headers={"accept": accept, "accept-encoding": "gzip"})
    assert (plain.status_code, plain["Content-Type"]) == (200, content_type)
    assert small["Content-Encoding"] == "gzip"
    assert small["ETag"] != plain["ETag"]
    again = client.get(path, headers={"accept": accept, "if-none-match": plain["ETag"]})
    assert again.status_code == 304
    assert client.get(path, headers={"accept": "image/png"}).status_code == 406
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("prefix", [PLATFORM, DAY])
def test_any_other_spelling_is_sent_to_the_normalised_one(client, prefix):
    for written in ("Python_Levenshtein/", "python-levenshtein"):
        response = client.get(prefix + written)
        assert (response.status_code, response["Location"]) == (301, f"{prefix}{NAME}/")
    assert client.get(f"{prefix}-x-/").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_a_page_costs_few_queries(client, ours, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        client.get(path)


def test_a_platform_lists_what_it_takes(client, farm, ours):
    farm.publish("cp312-cp312-manylinux_2_36_aarch64")
    assert ours.filename in filenames(client, f"{PLATFORM}{NAME}/")
    assert len(filenames(client, f"{PLATFORM}{NAME}/")) == 3
    assert len(filenames(client, f"/platforms/win_amd64/simple/{NAME}/")) == 2


def test_a_platform_has_the_projects_of_the_overlay(client, ours):
    assert get_json(client, PLATFORM) == get_json(client, "/simple/")


def test_what_is_no_platform_has_no_index(client, ours):
    assert client.get("/platforms/toaster/simple/").status_code == 404
    assert client.get(f"/platforms/any/simple/{NAME}/").status_code == 404


def test_a_project_that_we_do_not_follow_is_upstreams_to_answer(client):
    assert client.get(f"{PLATFORM}requests/").status_code == 302


def test_what_is_withheld_is_withheld_there_too(client, farm, ours):
    withhold_unverified(at=farm.now + timedelta(days=1))
    for prefix in (PLATFORM, OURS):
        response = client.get(f"{prefix}{NAME}/", headers={"accept": JSON})
        assert len(json.loads(response.content)["files"]) == 2
        assert "Affineur-Unverified-Since" in response


def test_a_day_lists_what_was_there(client, farm, ours):
    assert ours.filename not in filenames(client, f"{DAY}{NAME}/")
    assert ours.filename in filenames(client, f"{OURS}{NAME}/")
    assert client.get(f"/as-of/2019-12-31/simple/{NAME}/").status_code == 404
    assert get_json(client, "/as-of/2019-12-31/simple/")["projects"] == []
    assert get_json(client, DAY)["projects"] == [{"name": NAME}]


def test_a_day_that_is_over_is_kept_no_longer_than_a_yank_may_take(client, recently):
    shown = client.get(f"{DAY}{NAME}/")["Cache-Control"]

    assert shown == client.get(f"/simple/{NAME}/")["Cache-Control"]
    assert shown.startswith("public, max-age=60")


def test_today_may_change_and_tomorrow_is_none(client, recently):
    today = timezone.now().astimezone(UTC).date()
    later = today + timedelta(days=1)
    assert client.get(f"/as-of/{later}/simple/{NAME}/").status_code == 404
    assert client.get(f"/as-of/{later}/simple/").status_code == 404
    assert client.get(f"/as-of/{today}/simple/{NAME}/").status_code == 200


def test_a_quarantined_project_is_shown_as_such_and_not_for_ever(client, farm, ours, upstream):
    upstream.add_project(NAME, status="quarantined", reason="malware")
    farm.refresh()
    response = client.get(f"{DAY}{NAME}/", headers={"accept": JSON})
    shown = json.loads(response.content)
    assert (shown["files"], shown["project-status"]["status"]) == ([], "quarantined")
    assert response["Cache-Control"].startswith("public, max-age=60")


def test_of_what_we_do_not_follow_no_day_is_known(client, farm, upstream):
    upstream.add_sdist("alpha", "1.0")
    farm.refresh(NormalizedName("alpha"))
    assert client.get(f"{DAY}alpha/").status_code == 404
    assert client.get(f"{DAY}requests/").status_code == 404


@pytest.mark.parametrize("written", ["2024-13-01", "2024-02-30", "yesterday", "0000-00-00"])
def test_what_is_no_day_has_no_index(client, written):
    assert client.get(f"/as-of/{written}/simple/").status_code == 404


def test_the_last_day_of_all_is_yet_to_come(client):
    assert client.get("/as-of/9999-12-31/simple/demo/").status_code == 404
