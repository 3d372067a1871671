"""From the queue into builders' hands."""

from datetime import timedelta

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from builds.domain.leases import lease_hash
from builds.domain.limits import Limits
from builds.domain.outcomes import Outcome
from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build, Permit
from builds.runner.job import Distribution, Job
from builds.services.claim import claim_builds
from builds.services.permits import revoke_permits
from indexes.domain.files import FileKind
from indexes.models import File, UpstreamFile
from tests.builds.farm import (
    AT,
    CP311,
    CP312,
    CP313,
    FakeCelery,
    claim_one,
    conclude,
    make_project,
    permit_all,
    queue_build,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def room(settings: Settings) -> None:
    settings.AFFINEUR_BUILDS_IN_FLIGHT = 10


def test_a_job_holds_what_a_builder_needs(permit: Permit) -> None:
    build = queue_build(permit)

    job = claim_one()

    assert (job.build, job.project, job.version, job.target) == (
        str(build.pk),
        "demo",
        "1.0",
        CP313,
    )
    assert job.way.rung == "declared"
    assert (job.sdist.filename, job.sdist.sha256, job.sdist.size) == (
        "demo-1.0.tar.gz",
        "5" * 64,
        1234,
    )
    assert job.upstream == "https://upstream.example/simple/"
    assert job.control_url == f"http://testserver/builder/attempts/{job.attempt}"
    assert job.upload_url == f"{job.control_url}/wheel"
    assert job.limits == Limits()
    assert Job.from_json(job.to_json()) == job


def test_a_job_names_wheels_that_tell_what_a_good_one_holds(permit: Permit) -> None:
    queue_build(permit)
    names = {
        "demo-1.0-cp39-cp39-manylinux_2_17_x86_64.whl": {},
        "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl": {"is_yanked": True},
        "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl": {"sha256": ""},
        "demo-1.0-cp310-cp310-manylinux_2_17_x86_64.whl": {"size": 1 << 40},
        "demo-1.0-cp312-cp312-win_amd64.whl": {},
        "demo-0.9-cp312-cp312-manylinux_2_17_x86_64.whl": {},
        "demo-0.8-cp312-cp312-manylinux_2_17_x86_64.whl": {},
    }
    for name, facts in names.items():
        UpstreamFile.objects.create(
            **{
                "project": permit.project,
                "filename": name,
                "version": name.split("-")[1],
                "kind": FileKind.WHEEL.value,
                "url": f"https://upstream.example/files/{name}",
                "sha256": "6" * 64,
                "size": 1000,
            }
            | facts
        )

    job = claim_one()

    first, second = job.siblings
    assert first == Distribution(
        "demo-1.0-cp39-cp39-manylinux_2_17_x86_64.whl",
        "https://upstream.example/files/demo-1.0-cp39-cp39-manylinux_2_17_x86_64.whl",
        "6" * 64,
        1000,
    )
    assert second.filename == "demo-0.9-cp312-cp312-manylinux_2_17_x86_64.whl"


def test_a_wheel_of_ours_tells_as_well_as_upstreams(permit: Permit) -> None:
    build = conclude(queue_build(permit, CP311), BuildState.PUBLISHED)
    name = "demo-1.0-1a-cp311-cp311-manylinux_2_36_x86_64.whl"
    File.objects.create(
        project=permit.project,
        version="1.0",
        filename=name,
        build_tag="1a",
        sha256="8" * 64,
        size=1000,
        metadata_sha256="9" * 64,
        metadata=b"",
        provenance={},
        build_id=build.pk,
        published_at=AT,
    )
    queue_build(permit)

    (sibling,) = claim_one().siblings

    assert sibling == Distribution(
        name, f"http://testserver/files/{'8' * 64}/{name}", "8" * 64, 1000
    )


def test_only_the_hash_of_a_lease_is_kept(permit: Permit) -> None:
    queue_build(permit)

    job = claim_one()

    attempt = Attempt.objects.get(pk=job.attempt)
    assert attempt.lease_hash == lease_hash(job.lease)
    assert attempt.state == AttemptState.LEASED
    assert attempt.build.state == BuildState.CLAIMED


def test_a_job_is_sent_after_commit(
    permit: Permit,
    celery: FakeCelery,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    queue_build(permit)

    with django_capture_on_commit_callbacks(execute=True):
        job = claim_one()
        assert celery.sent == []

    assert celery.sent == [("builder.run", {"job": job.to_json()})]


def test_no_more_builds_are_in_flight_than_there_is_room_for(
    permit: Permit, settings: Settings
) -> None:
    settings.AFFINEUR_BUILDS_IN_FLIGHT = 2
    conclude(queue_build(permit, CP311))
    for version in ("1.1", "1.2", "1.3"):
        queue_build(permit, version=version)

    first, second = claim_builds(at=AT), claim_builds(at=AT)

    assert (len(first), len(second)) == (2, 0)


def test_the_higher_priority_goes_first_and_then_the_older(
    permit: Permit, settings: Settings
) -> None:
    settings.AFFINEUR_BUILDS_IN_FLIGHT = 3
    queue_build(permit, version="2", queued_at=AT + timedelta(seconds=1))
    queue_build(permit, version="1", queued_at=AT)
    queue_build(permit, version="3", queued_at=AT + timedelta(seconds=2), priority=5)

    assert [job.version for job in claim_builds(at=AT)] == ["3", "1", "2"]


def test_a_retry_waits_for_its_time(permit: Permit) -> None:
    queue_build(permit, not_before=AT + timedelta(seconds=30))

    assert claim_builds(at=AT) == []
    assert len(claim_builds(at=AT + timedelta(seconds=30))) == 1


def test_the_newest_interpreter_of_a_release_goes_alone(permit: Permit) -> None:
    for target in (CP311, CP313, CP312):
        queue_build(permit, target)

    assert [job.target for job in claim_builds(at=AT)] == [CP313]
    assert claim_builds(at=AT) == []


@pytest.mark.parametrize("state", [BuildState.FAILED, BuildState.PUBLISHED])
def test_the_others_go_together_once_one_of_the_release_has_ended(
    permit: Permit, state: BuildState
) -> None:
    conclude(queue_build(permit, CP313), state)
    for target in (CP311, CP312):
        queue_build(permit, target)

    assert {job.target for job in claim_builds(at=AT)} == {CP311, CP312}


def test_a_cancelled_build_tells_nothing_of_its_release(permit: Permit) -> None:
    conclude(queue_build(permit, CP313), BuildState.CANCELLED)
    for target in (CP311, CP312):
        queue_build(permit, target)

    assert [job.target for job in claim_builds(at=AT)] == [CP312]


def test_releases_do_not_wait_for_each_other(permit: Permit) -> None:
    other = permit_all(make_project("other"))
    for version in ("1.0", "2.0"):
        queue_build(permit, version=version)
    queue_build(other)

    assert len(claim_builds(at=AT)) == 3


def test_what_lost_its_permit_is_cancelled_and_not_claimed(permit: Permit) -> None:
    build = queue_build(permit)
    Permit.objects.update(revoked_at=AT)

    assert claim_builds(at=AT) == []

    build.refresh_from_db()
    assert (build.state, build.outcome) == (BuildState.CANCELLED, Outcome.PERMIT_GONE)
    assert "consent" in build.message
    assert not Attempt.objects.exists()


def test_an_expired_permit_is_no_permit(permit: Permit) -> None:
    build = queue_build(permit)
    Permit.objects.update(expires_at=AT)

    assert claim_builds(at=AT) == []

    build.refresh_from_db()
    assert build.outcome == Outcome.PERMIT_GONE


def test_a_build_goes_on_under_the_permit_that_still_covers_it(permit: Permit) -> None:
    queue_build(permit)
    other = permit_all(permit.project)
    other.origin = "consent:2"
    other.save()
    revoke_permits(origin="consent:1", reason="no more", at=AT)

    claim_one()

    assert Build.objects.get().permit == other


def test_a_build_is_claimed_once(permit: Permit) -> None:
    queue_build(permit)

    assert len(claim_builds(at=AT)) == 1
    assert claim_builds(at=AT) == []
