from base64 import b64encode
from urllib.parse import urlsplit

import pytest
from django.urls import resolve

from builds.domain.states import AttemptState, BuildState

BUILDS = "/api/v1/builds/"
FAILED = {
    "outcome": "import-failed",
    "message": "It does not import.",
    "evidence": "undefined symbol: PyUnicode_AS_UNICODE",
    "stage": "smoke",
}


def test_a_failed_build_says_what_happened_and_whose_turn_it_is(
    make_build, make_attempt, anonymous
):
    build = make_build(BuildState.FAILED, outcome="import-failed", message="It does not import.")
    make_attempt(build, **FAILED)
    shown = anonymous.get(f"{BUILDS}{build.pk}/").json()
    assert (shown["project"], shown["state"], shown["turn"]) == ("docopt", "failed", "project")
    assert (shown["stage"], shown["evidence"]) == ("smoke", FAILED["evidence"])
    assert shown["attempts"][0]["outcome"] == "import-failed"
    assert (shown["sdist_filename"], shown["attempts_made"]) == ("docopt-0.6.2.tar.gz", 1)


def test_the_newest_attempt_counts(make_build, make_attempt, anonymous):
    build = make_build(BuildState.RUNNING)
    make_attempt(build, state=AttemptState.LOST.value, stage="build")
    make_attempt(build, state=AttemptState.RUNNING.value, stage="fetch", ended_at=None)
    shown = anonymous.get(f"{BUILDS}{build.pk}/").json()
    assert (shown["stage"], [one["number"] for one in shown["attempts"]]) == ("fetch", [1, 2])


def test_a_waiting_build_has_nothing_to_tell_yet(make_build, anonymous):
    build = make_build()
    shown = anonymous.get(f"{BUILDS}{build.pk}/").json()
    assert (shown["stage"], shown["turn"], shown["started_at"]) == ("", "", None)
    assert shown["attempts"] == []


def test_a_covered_build_names_the_wheel_that_serves(make_build, anonymous):
    wheel = make_build(BuildState.PUBLISHED, filename="docopt-0.6.2-1affineur-py3-none-any.whl")
    covered = make_build(BuildState.COVERED, target="cp311-x", covered_by=wheel)
    assert anonymous.get(f"{BUILDS}{covered.pk}/").json()["served_by"] == wheel.filename
    assert anonymous.get(f"{BUILDS}{wheel.pk}/").json()["served_by"] == wheel.filename


def test_builds_are_listed_by_project_and_state(make_build, anonymous):
    queued = make_build()
    make_build(BuildState.FAILED, target="cp311-x")
    listed = anonymous.get(BUILDS, {"project": "DocOpt", "state": "queued"}).json()["results"]
    assert [one["id"] for one in listed] == [str(queued.pk)]
    assert anonymous.get(BUILDS, {"project": "other"}).json()["results"] == []


def test_lists_come_in_pages(make_build, anonymous):
    for number in range(5):
        make_build(target=f"cp3{number}-x")
    page = anonymous.get(BUILDS, {"page_size": 2}).json()
    seen = page["results"]
    page = anonymous.get(page["next"]).json()
    seen += page["results"]
    page = anonymous.get(page["next"]).json()
    seen += page["results"]
    assert (len({one["id"] for one in seen}), page["next"]) == (5, None)


def test_listing_builds_takes_the_same_queries_however_many(
    make_build, make_attempt, anonymous, django_assert_max_num_queries
):
    for number in range(20):
        build = make_build(BuildState.FAILED, target=f"cp3{number}-x")
        make_attempt(build, **FAILED)
    with django_assert_max_num_queries(2):
        assert len(anonymous.get(BUILDS).json()["results"]) == 20


def test_a_build_is_nothing_to_write_to(make_build, as_ada):
    build = make_build()
    assert as_ada.delete(f"{BUILDS}{build.pk}/").status_code in {403, 405}
    assert as_ada.post(BUILDS, {}, format="json").status_code in {403, 405}


def test_a_log_is_read_on_from_where_one_was(make_build, make_attempt, anonymous):
    build = make_build(BuildState.RUNNING)
    make_attempt(build, chunks=3, state=AttemptState.RUNNING.value, ended_at=None)
    log = anonymous.get(f"{BUILDS}{build.pk}/log/").json()
    assert [chunk["text"] for chunk in log["chunks"]] == ["line 0\n", "line 1\n", "line 2\n"]
    assert (log["next"], log["ended"], log["attempt"]) == (2, False, 1)
    on = anonymous.get(f"{BUILDS}{build.pk}/log/", {"after": 1}).json()
    assert [chunk["sequence"] for chunk in on["chunks"]] == [2]
    nothing = anonymous.get(f"{BUILDS}{build.pk}/log/", {"after": 2}).json()
    assert (nothing["chunks"], nothing["next"]) == ([], 2)


def test_a_long_log_ends_after_its_last_part(make_build, make_attempt, anonymous):
    build = make_build(BuildState.FAILED)
    make_attempt(build, chunks=600)
    first = anonymous.get(f"{BUILDS}{build.pk}/log/").json()
    assert (len(first["chunks"]), first["ended"]) == (500, False)
    rest = anonymous.get(f"{BUILDS}{build.pk}/log/", {"after": first["next"]}).json()
    assert (len(rest["chunks"]), rest["ended"]) == (100, True)


def test_the_log_of_an_earlier_attempt(make_build, make_attempt, anonymous):
    build = make_build(BuildState.FAILED)
    make_attempt(build, chunks=2)
    make_attempt(build, chunks=1)
    log = anonymous.get(f"{BUILDS}{build.pk}/log/", {"attempt": 1}).json()
    assert (log["attempt"], len(log["chunks"])) == (1, 2)
    assert anonymous.get(f"{BUILDS}{build.pk}/log/", {"attempt": 3}).status_code == 404


@pytest.mark.parametrize(
    ("state", "ended"), [(BuildState.QUEUED, False), (BuildState.CANCELLED, True)]
)
def test_the_log_of_a_build_that_never_ran(make_build, anonymous, state, ended):
    build = make_build(state)
    log = anonymous.get(f"{BUILDS}{build.pk}/log/").json()
    assert log == {"attempt": None, "chunks": [], "next": -1, "ended": ended}


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": "-2"}, {"attempt": "0"}])
def test_a_place_in_a_log_that_cannot_be(make_build, anonymous, query):
    build = make_build()
    assert anonymous.get(f"{BUILDS}{build.pk}/log/", query).status_code == 400


def test_what_a_program_reads_a_person_can_look_at(make_build, anonymous, as_ada):
    build = make_build(BuildState.FAILED)
    request = as_ada.post("/api/v1/requests/", {"project": "docopt"}, format="json").json()
    shown = anonymous.get(f"{BUILDS}{build.pk}/").json()
    project = anonymous.get("/api/v1/projects/docopt/").json()
    pages = [shown["page_url"], project["page_url"], request["page_url"]]
    assert all(page.startswith("http://testserver/") for page in pages)
    found = [resolve(urlsplit(page).path).view_name for page in pages]
    assert found == ["web:build", "web:project", "web:request"]


@pytest.mark.parametrize("position", [b"p=garbage", b"p=2026-13-45", b"o=x", b"p=%00", b"\xff"])
def test_a_cursor_may_be_anything(make_build, anonymous, position):
    make_build()
    answer = anonymous.get(BUILDS, {"cursor": b64encode(position).decode()})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("path", ["/api/v1/files/{}/", f"/files/{'a' * 64}/{{}}"])
@pytest.mark.parametrize("name", ["a%00", "a%0A", "%1B.whl"])
def test_a_filename_with_controls_is_not_even_looked_for(
    db, anonymous, django_assert_num_queries, path, name
):
    with django_assert_num_queries(0):
        assert anonymous.get(path.format(name)).status_code == 404
