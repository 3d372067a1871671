"""What operators see of failures that are alike, and do about them."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from builds.domain.states import AttemptState, BuildState
from builds.models import Build, LearntRule, Replay
from portal.accounts.models import User
from portal.requests.clusters import clusters
from tests.portal.people import make_administrator
from tests.portal.web.scenes import TARGETS, Farm, make_attempt, make_build
from tests.portal.web.test_every_page import words_of

CAUSE = "build/build-failed: RuntimeError: the frobnicator 'frob.h' is not installed"
EVIDENCE = "RuntimeError: the frobnicator 'frob.h' is not installed"
RULE = {
    "code": "frobnicator-missing",
    "pattern": "the frobnicator '{name}' is not installed",
    "stage": "build",
    "turn": "farm",
    "explanation": "The build needs {name}, which is not on the builder.",
    "remedy": "system",
    "argument": "{name}",
}


def fail(farm: Farm, version: str, target: str = TARGETS[0], **fields: object) -> Build:
    at = timezone.now()
    build = make_build(
        farm.project,
        version,
        target,
        at=at,
        state=BuildState.FAILED,
        outcome="build-failed",
        cause=CAUSE,
        ended_at=at,
        **fields,
    )
    make_attempt(
        build,
        at=at,
        state=AttemptState.FAILED,
        stages=["fetch", "inspect", "resolve", "build"],
        outcome="build-failed",
        evidence=EVIDENCE,
        report={"diagnosis": {"code": "unknown", "turn": "project"}},
    )
    return build


@pytest.fixture
def staff(db) -> Client:
    client = Client()
    client.force_login(make_administrator(), backend="portal.accounts.backends.AccountBackend")
    return client


@pytest.fixture
def path() -> str:
    return f"{reverse('web:failure')}?cause={CAUSE}"


@pytest.mark.parametrize("page", ["failures", "failure"])
def test_they_are_for_operators_alone(client: Client, owner_client: Client, farm: Farm, page: str):
    path = reverse(f"web:{page}")
    assert client.get(path).headers["Location"].startswith(reverse("account_login"))
    response = owner_client.get(path)
    assert response.status_code == 403
    assert "signed in with a second factor" in words_of(response)
    assert owner_client.post(reverse("web:retire-rule", args=["x"])).status_code == 403


def test_staff_without_a_second_factor_sees_none(client: Client, farm: Farm):
    user = User.objects.create(username="half", is_staff=True)
    client.force_login(user, backend="portal.accounts.backends.AccountBackend")
    assert client.get(reverse("web:failures"))["Location"] == reverse("mfa_index")


def test_causes_are_ranked_by_the_releases_and_requests_behind_them(staff: Client, farm: Farm):
    first = fail(farm, "0.20.0")
    fail(farm, "0.20.0", TARGETS[1])
    fail(farm, "0.19.0")
    farm.asked.builds.add(first)

    frob, *_ = clusters()

    assert (frob.cause, frob.releases, frob.projects, frob.wishes) == (CAUSE, 2, 1, 1)
    assert frob.demand == 4
    page = words_of(staff.get(reverse("web:failures")))
    assert "2 releases of 1 project, 1 request" in page


def test_a_failure_that_was_built_another_way_is_none(farm: Farm):
    fail(farm, "0.20.0")
    at = timezone.now()
    again = make_build(farm.project, "0.19.0", TARGETS[0], at=at, state=BuildState.PUBLISHED)
    Build.objects.filter(pk=again.pk).update(version="0.20.0")
    assert CAUSE not in {cluster.cause for cluster in clusters()}


def test_many_causes_take_no_more_queries(staff: Client, farm: Farm, django_assert_max_num_queries):
    versions = [f"0.{minor}.{patch}" for minor in range(18, 22) for patch in range(3)]
    for number, version in enumerate(versions):
        Build.objects.filter(pk=fail(farm, version).pk).update(cause=f"cause {number % 6}")
    with django_assert_max_num_queries(7):
        staff.get(reverse("web:failures"))
    with django_assert_max_num_queries(7):
        staff.get(f"{reverse('web:failure')}?cause=cause 1")


def test_a_cause_shows_its_evidence_its_builds_and_their_recipes(
    staff: Client, farm: Farm, path: str
):
    fail(farm, "0.20.0")
    page = words_of(staff.get(path))
    assert "RuntimeError: the frobnicator" in page
    assert "python-levenshtein 0.20.0" in page
    assert reverse("web:recipe", args=[farm.project.name]) in page
    assert staff.get(f"{reverse('web:failure')}?cause=nothing").status_code == 404


def test_a_rule_is_previewed_and_nothing_kept(staff: Client, farm: Farm, path: str):
    build = fail(farm, "0.20.0")
    page = words_of(staff.post(path, RULE | {"preview": "1"}))
    assert "1 build of 1 release and 1 project would run again" in page
    assert not LearntRule.objects.exists()
    build.refresh_from_db()
    assert build.state == BuildState.FAILED


def test_one_click_adds_a_rule_and_replays(staff: Client, farm: Farm, path: str):
    build, other = fail(farm, "0.20.0"), farm.failed
    response = staff.post(path, RULE | {"add": "1"}, follow=True)

    page = words_of(response)
    assert "Replay for rule frobnicator-missing" in page
    assert "python-levenshtein 0.20.0" in page
    build.refresh_from_db()
    other.refresh_from_db()
    assert (build.state, other.state) == (BuildState.QUEUED, BuildState.FAILED)
    assert Replay.objects.get().by == "root"
    listed = words_of(staff.get(reverse("web:failures")))
    assert "frobnicator-missing" in listed


def test_what_is_no_rule_says_which_field_is_wrong(staff: Client, farm: Farm, path: str):
    fail(farm, "0.20.0")
    response = staff.post(path, RULE | {"pattern": "{any}", "add": "1"})
    assert response.status_code == 400
    assert "This is no rule: pattern" in words_of(response)
    assert not LearntRule.objects.exists()


def test_a_rule_is_retired(staff: Client, farm: Farm, path: str):
    fail(farm, "0.20.0")
    staff.post(path, RULE | {"add": "1"})
    retire = reverse("web:retire-rule", args=["frobnicator-missing"])
    assert "no longer" in words_of(staff.post(retire, follow=True))
    assert staff.post(retire).status_code == 404
