"""Leave to build: given, asked for, taken back."""

from datetime import timedelta

import pytest

from builds.domain.outcomes import Outcome
from builds.domain.planning import InvalidSpecifiers
from builds.domain.states import LIVE, BuildState
from builds.domain.targets import UnknownTarget
from builds.models import Build, Permit
from builds.services.permits import (
    Revoked,
    UnknownChannel,
    issue_permit,
    live_permit,
    revoke_permits,
)
from builds.signals import permit_issued, permits_revoked
from tests.builds.farm import AT, CP312, CP313, conclude, make_project, queue_build

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(days=1)


def issue(project, **fields):
    values = {
        "specifiers": "",
        "targets": [],
        "channels": ["build", "publish"],
        "origin": "consent:1",
        "expires_at": None,
    }
    return issue_permit(project=project, at=AT, **values | fields)


def find(project, *, version="1.0", target=CP313, channel="build", at=AT):
    return live_permit(project=project, version=version, target=target, channel=channel, at=at)


@pytest.fixture
def heard():
    """What the floor above hears: [(signal, permit, reason)]."""
    said = []

    def on_issued(permit, **_):
        said.append(("issued", permit.pk, ""))

    def on_revoked(permits, reason, **_):
        said.extend(("revoked", permit.pk, reason) for permit in permits)

    permit_issued.connect(on_issued)
    permits_revoked.connect(on_revoked)
    yield said
    permit_issued.disconnect(on_issued)
    permits_revoked.disconnect(on_revoked)


def test_a_permit_is_kept_as_it_was_given(project, heard):
    permit = issue(project, specifiers=">=1", targets=[CP312, CP313, CP312], expires_at=LATER)
    permit.refresh_from_db()
    assert permit.project == project
    assert permit.specifiers == ">=1"
    assert permit.targets == [CP312, CP313]
    assert permit.channels == ["build", "publish"]
    assert (permit.origin, permit.issued_at, permit.expires_at) == ("consent:1", AT, LATER)
    assert heard == [("issued", permit.pk, "")]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"specifiers": "all"}, InvalidSpecifiers),
        ({"targets": ["everything"]}, UnknownTarget),
        ({"channels": ["build", "sell"]}, UnknownChannel),
    ],
)
def test_a_permit_that_cannot_be_read_is_not_issued(project, heard, fields, error):
    with pytest.raises(error):
        issue(project, **fields)
    assert not Permit.objects.exists()
    assert not heard


def test_a_permit_is_found_for_what_it_covers(project):
    permit = issue(project, specifiers="<2", targets=[CP313], channels=["build"], expires_at=LATER)
    assert find(project) == permit
    assert find(project, version="2.0") is None
    assert find(project, target=CP312) is None
    assert find(project, channel="publish") is None
    assert find(project, at=LATER) is None
    assert find(make_project("other")) is None


def test_of_several_permits_the_oldest_that_covers_is_found(project):
    narrow = issue(project, specifiers="==0.1")
    wide = issue(project)
    issue(project)
    assert find(project) in set(Permit.objects.exclude(pk=narrow.pk))
    assert find(project, version="0.1").issued_at == wide.issued_at


def test_the_search_is_one_query(project, django_assert_num_queries):
    for _ in range(5):
        issue(project, specifiers="==0.1")
    with django_assert_num_queries(1):
        assert find(project) is None


def test_a_revocation_takes_back_what_its_origin_gave(project, heard):
    permit = issue(project)
    kept = issue(project, origin="consent:2", specifiers="==9")
    heard.clear()
    assert revoke_permits(origin="consent:1", reason="changed my mind", at=LATER) == Revoked(1, 0)
    permit.refresh_from_db()
    kept.refresh_from_db()
    assert (permit.revoked_at, kept.revoked_at) == (LATER, None)
    assert find(project, at=LATER) is None
    assert heard == [("revoked", permit.pk, "changed my mind")]


def test_a_second_revocation_finds_nothing_to_take_back(project, heard):
    permit = issue(project)
    revoke_permits(origin="consent:1", reason="no", at=AT)
    heard.clear()
    assert revoke_permits(origin="consent:1", reason="no", at=LATER) == Revoked(0, 0)
    permit.refresh_from_db()
    assert permit.revoked_at == AT
    assert not heard


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_revocation_cancels_what_lives_under_it(permit, state):
    build = queue_build(permit, state=state.value)
    assert revoke_permits(origin="consent:1", reason="enough", at=LATER) == Revoked(1, 1)
    build.refresh_from_db()
    assert (build.state, build.outcome) == (BuildState.CANCELLED, Outcome.PERMIT_GONE)
    assert build.message == "enough"


def test_what_has_ended_stays_as_it_ended(permit):
    build = conclude(queue_build(permit))
    assert revoke_permits(origin="consent:1", reason="enough", at=LATER).cancelled == 0
    build.refresh_from_db()
    assert build.state == BuildState.FAILED


def test_what_another_permit_covers_goes_on_under_that_one(project, permit):
    other = issue(project, origin="consent:2", targets=[CP312], channels=["build"])
    kept, ended = queue_build(permit, target=CP312), queue_build(permit, target=CP313)
    assert revoke_permits(origin="consent:1", reason="enough", at=LATER) == Revoked(1, 1)
    kept.refresh_from_db()
    ended.refresh_from_db()
    assert (kept.state, kept.permit) == (BuildState.QUEUED, other)
    assert ended.state == BuildState.CANCELLED


def test_a_permit_to_publish_alone_keeps_no_build_alive(project, permit):
    issue(project, origin="consent:2", channels=["publish"])
    queue_build(permit)
    assert revoke_permits(origin="consent:1", reason="enough", at=LATER).cancelled == 1


def test_builds_of_other_projects_are_left_alone(permit):
    other = issue(make_project("other"), origin="consent:2")
    build = queue_build(other)
    revoke_permits(origin="consent:1", reason="enough", at=LATER)
    assert Build.objects.get(pk=build.pk).state == BuildState.QUEUED
    assert permit.project != build.project
