"""What upstream could not be checked for is not offered, and we say so."""

import json
from datetime import timedelta

import pytest

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON
from indexes.models import Page, Project
from indexes.services import verification
from indexes.services.pages import WHEELS_ROOT, overlay_path, stale_pages, wheels_path
from indexes.services.refresh import refresh_project
from indexes.services.verification import upstream_status, withhold_unverified
from indexes.tasks import withhold_unverified as task
from tests.indexes.conftest import NAME
from tests.indexes.services.test_refresh import listed, page

LATE = timedelta(hours=6, seconds=1)
UPSTREAMS = ["python_levenshtein-0.12.1.tar.gz", "python_levenshtein-0.12.2.tar.gz"]


@pytest.fixture
def withheld(farm, ours):
    withhold_unverified(at=farm.now + LATE)
    farm.now += LATE
    return ours


def test_within_the_set_time_nothing_is_withheld(farm, ours):
    assert withhold_unverified(at=farm.now + timedelta(hours=6)) == 0
    assert ours.filename in listed(overlay_path(NAME))


def test_the_time_is_a_setting(farm, ours, settings):
    settings.AFFINEUR_UNVERIFIED_SECONDS = 60
    assert withhold_unverified(at=farm.now + timedelta(seconds=61)) == 1


def test_our_files_leave_the_pages_and_upstreams_stay(withheld):
    assert list(listed(overlay_path(NAME))) == UPSTREAMS
    assert page(wheels_path(NAME)) is None
    assert page(WHEELS_ROOT)["projects"] == []
    assert stale_pages(project=Project.objects.get()) == []


def test_the_page_says_why(withheld):
    status = page(overlay_path(NAME))["project-status"]
    assert status["status"] == "active"
    assert status["reason"].startswith("Upstream could not be checked since 2026-03-01T13:00:00")
    html = Page.objects.get(path=overlay_path(NAME), media_type=HTML)
    assert b"pypi:project-status-reason" in bytes(html.body)


def test_upstreams_own_reason_is_kept(farm, ours, upstream):
    upstream.add_project(NAME, status="archived", reason="finished")
    farm.refresh()
    withhold_unverified(at=farm.now + LATE)
    status = page(overlay_path(NAME))["project-status"]
    assert status["status"] == "archived"
    assert status["reason"].startswith("finished Upstream could not be checked since")


def test_clients_are_told_in_a_header(client, withheld):
    since = "2026-03-01T13:00:00.000000Z"
    overlay = client.get(overlay_path(NAME), headers={"accept": JSON})
    assert overlay["Affineur-Unverified-Since"] == since
    again = client.get(
        overlay_path(NAME), headers={"accept": JSON, "if-none-match": overlay["ETag"]}
    )
    assert (again.status_code, again["Affineur-Unverified-Since"]) == (304, since)
    wheels = client.get(wheels_path(NAME))
    assert (wheels.status_code, wheels["Affineur-Unverified-Since"]) == (404, since)


def test_what_a_lock_file_names_stays_downloadable(client, withheld):
    assert client.get(f"/files/{withheld.sha256}/{withheld.filename}").status_code == 200


def test_an_unchanged_answer_lists_them_again(client, farm, withheld, heard):
    farm.refresh()
    assert withheld.filename in listed(overlay_path(NAME))
    assert withheld.filename in listed(wheels_path(NAME))
    assert page(WHEELS_ROOT)["projects"] == [{"name": NAME}]
    assert "Affineur-Unverified-Since" not in client.get(overlay_path(NAME))
    assert [name for name, _ in heard] == ["project_verified"]


def test_a_changed_answer_lists_what_it_says(farm, withheld, upstream):
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    assert listed(overlay_path(NAME))[withheld.filename]["yanked"] == "broken"


def test_a_refused_answer_verifies_nothing(farm, withheld, upstream):
    upstream.override(NAME, b"nonsense")
    with pytest.raises(Exception, match="not one of the simple API"):
        farm.refresh()
    assert list(listed(overlay_path(NAME))) == UPSTREAMS


def test_a_file_published_meanwhile_waits(farm, withheld):
    other = farm.publish("cp311-cp311-manylinux_2_36_x86_64")
    assert list(listed(overlay_path(NAME))) == UPSTREAMS
    farm.refresh()
    assert {withheld.filename, other.filename} <= listed(overlay_path(NAME)).keys()


def test_it_is_announced_once(farm, ours, heard):
    assert withhold_unverified(at=farm.now + LATE) == 1
    assert withhold_unverified(at=farm.now + LATE) == 0
    assert [name for name, _ in heard] == ["project_unverified"]


def test_a_project_without_files_of_ours_says_nothing(farm, project):
    assert withhold_unverified(at=farm.now + LATE) == 0


def test_an_answer_during_the_round_counts(farm, ours, upstream, monkeypatch):
    withhold = verification._withhold  # noqa: SLF001 - what happens between choosing and locking

    def answered_meanwhile(chosen, since, at):
        refresh_project(name=NAME, at=at, upstream=upstream)
        return withhold(chosen, since, at)

    monkeypatch.setattr(verification, "_withhold", answered_meanwhile)
    assert withhold_unverified(at=farm.now + LATE) == 0
    assert ours.filename in listed(overlay_path(NAME))


def test_a_round_is_bounded_and_the_longest_unverified_go_first(farm, upstream):
    for name in ("alpha", "beta", "gamma"):
        upstream.add_sdist(name, "1.0")
        farm.enrol(NormalizedName(name))
        farm.publish(name=name, version="1.0")
    assert withhold_unverified(at=farm.now + LATE, limit=2) == 2
    assert [found["name"] for found in page(WHEELS_ROOT)["projects"]] == ["gamma"]
    assert withhold_unverified(at=farm.now + LATE, limit=2) == 1
    assert page(WHEELS_ROOT)["projects"] == []


def test_the_scheduled_task_does_it(ours):
    task()  # The clock of this machine is long after the last verification.
    assert list(listed(overlay_path(NAME))) == UPSTREAMS


def test_status_of_an_empty_site(db, farm):
    status = upstream_status(at=farm.now)
    assert (status.followed, status.unverified, status.oldest_seconds) == (0, 0, None)


def test_status_counts_ages(farm, upstream, django_assert_num_queries):
    for name in ("alpha", "beta", "gamma"):
        upstream.add_sdist(name, "1.0")
        farm.enrol(NormalizedName(name))
    farm.publish(name="alpha", version="1.0")
    Project.objects.filter(name="gamma").update(verified_at=None)
    at = farm.now + timedelta(hours=4, minutes=50)  # alpha was asked 6:50 before, beta 5:50
    withhold_unverified(at=at)
    with django_assert_num_queries(4):
        status = upstream_status(at=at)
    assert (status.followed, status.never_verified, status.unverified) == (3, 1, 2)
    assert (status.withheld, status.oldest_seconds) == (1, 24_600)
    assert status.ages == {300: 0, 900: 0, 3_600: 0, 21_600: 1, 86_400: 2}


def test_status_is_public_json(client, ours, django_assert_num_queries):
    with django_assert_num_queries(4):
        response = client.get("/status/upstream.json")
    told = json.loads(response.content)
    assert told["followed"] == 1
    assert told["backlog"] == {
        "due": 1,
        "overdue": 1,
        "failing": 0,
        "stretch": 1.0,
        "resumes_at": None,
    }
    assert told["latency"]["yanks"] == {"changes": 0, "within": {}}
    assert response["Cache-Control"] == "public, max-age=15"
