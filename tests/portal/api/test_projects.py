"""projects/…: facts, coverage, plan; none of them runs anything or needs anybody."""

import pytest

from builds.domain.states import BuildState
from builds.models import Build
from indexes.models import Project
from portal.api.projects import ROWS_AT_ONCE

PLAN = "/api/v1/projects/docopt/plan/"


def test_an_unknown_project_is_asked_of_upstream(db, upstream, anonymous):
    project = anonymous.get("/api/v1/projects/docopt/").json()
    assert (project["name"], project["status"], project["is_consented"]) == (
        "docopt",
        "active",
        False,
    )
    assert upstream.seen == ["/simple/docopt/"]


def test_a_known_project_is_not_asked_of_upstream_again(docopt, upstream, anonymous):
    asked = len(upstream.seen)
    anonymous.get("/api/v1/projects/docopt/")
    assert len(upstream.seen) == asked


def test_a_name_is_read_as_installers_read_it(docopt, anonymous):
    assert anonymous.get("/api/v1/projects/DocOpt/").json()["name"] == "docopt"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("nothing", 404, "unknown-project"), ("-x-", 400, "invalid-project-name")],
)
@pytest.mark.usefixtures("db", "upstream")
def test_a_name_that_is_no_project_is_told_so(anonymous, name, status, code):
    answer = anonymous.get(f"/api/v1/projects/{name}/")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Project.objects.exists()


def test_upstream_that_is_away_is_told_so(db, settings, anonymous):
    settings.AFFINEUR_UPSTREAM = "http://127.0.0.1:9/simple/"
    answer = anonymous.get("/api/v1/projects/docopt/")
    assert (answer.status_code, answer.json()["code"]) == (503, "upstream-unreachable")


def test_a_plan_tells_the_gaps_and_queues_nothing(docopt, anonymous):
    plan = anonymous.get(PLAN, {"specifiers": "==0.6.2"}).json()
    assert [gap["target"] for gap in plan["gaps"]] == [
        "cp312-manylinux_2_36_x86_64",
        "cp311-manylinux_2_36_x86_64",
    ]
    assert plan["gaps"][0]["sdist"] == "docopt-0.6.2.tar.gz"
    assert not Build.objects.exists()


def test_a_plan_for_named_targets(docopt, anonymous):
    one, two = "cp310-manylinux_2_17_x86_64", "cp39-manylinux_2_17_x86_64"
    repeated = anonymous.get(PLAN, {"targets": [one, two]}).json()
    together = anonymous.get(PLAN, {"targets": f"{one},{two}"}).json()
    assert repeated == together
    assert [gap["target"] for gap in together["gaps"]] == [one, two]


def test_a_plan_tells_refusals_by_code(docopt, anonymous):
    plan = anonymous.get(PLAN, {"specifiers": "==9"}).json()
    assert [refusal["code"] for refusal in plan["refusals"]] == ["unknown-release"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"specifiers": "newest"}, "invalid-specifiers"),
        ({"targets": "amiga"}, "unknown-target"),
        ({"specifiers": "=" * 256}, "invalid"),
    ],
)
def test_a_plan_that_cannot_be_read(docopt, anonymous, query, code):
    answer = anonymous.get(PLAN, query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_coverage_is_a_matrix(docopt, anonymous, make_build):
    build = make_build(BuildState.FAILED, outcome="import-failed")
    coverage = anonymous.get("/api/v1/projects/docopt/coverage/").json()
    row = coverage["rows"][0]
    assert row["version"] == "0.6.2"
    assert [cell["status"] for cell in row["cells"]] == ["cannot", "missing"]
    assert row["cells"][0]["build"] == str(build.pk)
    assert (coverage["counts"]["cannot"], coverage["counts"]["missing"]) == (1, 1)


def test_coverage_of_many_releases_comes_in_parts(
    db, upstream, anonymous, django_assert_max_num_queries
):
    for number in range(ROWS_AT_ONCE + 5):
        upstream.add_file("many", f"many-{number}.tar.gz")
    first = anonymous.get("/api/v1/projects/many/coverage/").json()
    assert (len(first["rows"]), first["next"]) == (ROWS_AT_ONCE, ROWS_AT_ONCE)
    with django_assert_max_num_queries(4):
        rest = anonymous.get("/api/v1/projects/many/coverage/", {"after": first["next"]}).json()
    assert (len(rest["rows"]), rest["next"]) == (5, None)
    assert sum(first["counts"].values()) == 2 * (ROWS_AT_ONCE + 5)
