"""From a wish to builds in the queue."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from builds.apps import check_toolchain
from builds.domain.keys import FARM_FAULT_REST
from builds.domain.outcomes import Outcome
from builds.domain.planning import InvalidSpecifiers
from builds.domain.states import BuildState
from builds.domain.targets import UnknownTarget
from builds.models import Attempt, Build
from builds.services.coverage import coverage
from builds.services.permits import issue_permit, revoke_permits
from builds.services.plan import preview, previews, request_builds
from builds.signals import builds_queued
from indexes.domain.files import FileKind
from indexes.domain.status import ProjectStatus, Standing
from indexes.models import File, UpstreamFile
from tests.builds.farm import AT, CP311, CP312, CP313, make_project, permit_all

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(days=1)


def upstream_file(project, filename, version, **fields):
    kind = FileKind.WHEEL if filename.endswith(".whl") else FileKind.SDIST
    values = {
        "kind": kind.value,
        "url": f"https://upstream.example/files/{filename}",
        "sha256": filename.encode().hex().ljust(64, "0")[-64:],
        "size": 1234,
        "uploaded_at": AT - timedelta(days=900),
    }
    return UpstreamFile.objects.create(
        project=project, filename=filename, version=version, **values | fields
    )


def file_of_ours(build, filename, **fields):
    return File.objects.create(
        project=build.project,
        version=build.version,
        filename=filename,
        build_tag="1affineur",
        sha256="c" * 64,
        size=10,
        metadata_sha256="d" * 64,
        metadata=b"",
        provenance={},
        build_id=build.pk,
        published_at=AT,
        **fields,
    )


def request(project, specifiers="==1.0", targets=(CP313,), at=AT, priority=0):
    return request_builds(
        project=project, specifiers=specifiers, targets=targets, at=at, priority=priority
    )


def end(build, state, outcome="", at=AT):
    Build.objects.filter(pk=build.pk).update(
        state=state.value, outcome=outcome, message="what happened", ended_at=at
    )


@pytest.fixture
def queued():
    """The builds that the floor above hears of."""
    heard = []

    def on_queued(builds, **_):
        heard.extend(build.pk for build in builds)

    builds_queued.connect(on_queued)
    yield heard
    builds_queued.disconnect(on_queued)


# Without leave nothing runs


def test_without_a_permit_nothing_is_queued(project, celery, queued):
    planned = request(project, targets=(CP313, CP312))
    assert not planned.builds
    assert [gap.target for gap in planned.uncovered] == [CP313, CP312]
    assert not Build.objects.exists()
    assert not queued
    assert not celery.sent


@pytest.mark.parametrize(
    "fields",
    [
        {"channels": ["publish"]},
        {"specifiers": "<1"},
        {"targets": [CP311]},
        {"expires_at": AT},
        {"at": LATER},
    ],
)
def test_a_permit_for_something_else_is_none(project, fields):
    values = {
        "specifiers": "",
        "targets": [],
        "channels": ["build"],
        "origin": "consent:1",
        "expires_at": None,
        "at": AT - timedelta(days=1),
    }
    issue_permit(project=project, **values | fields)
    planned = request(project)
    assert not planned.builds
    assert len(planned.uncovered) == 1
    assert not Build.objects.exists()


def test_a_revoked_permit_is_none(permit):
    revoke_permits(origin="consent:1", reason="no", at=AT)
    assert len(request(permit.project).uncovered) == 1
    assert not Build.objects.exists()


def test_only_what_is_covered_is_queued(project):
    issue_permit(
        project=project,
        specifiers="",
        targets=[CP312],
        channels=["build"],
        origin="consent:1",
        expires_at=None,
        at=AT,
    )
    planned = request(project, targets=(CP313, CP312))
    assert [build.target for build in planned.builds] == [CP312]
    assert [gap.target for gap in planned.uncovered] == [CP313]


# With leave


def test_a_gap_is_queued_with_all_that_a_build_needs(permit, queued):
    sdist = UpstreamFile.objects.get()
    (build,) = request(permit.project).builds
    assert (build.version, build.target, build.state) == ("1.0", CP313, BuildState.QUEUED)
    assert (build.permit, build.queued_at) == (permit, AT)
    assert (build.sdist_filename, build.sdist_url) == (sdist.filename, sdist.url)
    assert (build.sdist_sha256, build.sdist_size) == (sdist.sha256, sdist.size)
    assert build.sdist_uploaded_at == sdist.uploaded_at
    assert len(build.key) == 64
    assert queued == [build.pk]


def test_workers_are_woken_once_the_builds_are_there(
    permit, celery, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        request(permit.project, targets=(CP313, CP312))
        assert not celery.sent
    assert celery.names() == ["builds.claim"]


def test_nobody_is_woken_for_nothing(permit, celery, django_capture_on_commit_callbacks):
    upstream_file(permit.project, "demo-1.0-py3-none-any.whl", "1.0")
    with django_capture_on_commit_callbacks(execute=True):
        planned = request(permit.project)
    assert [served.filename for served in planned.served] == ["demo-1.0-py3-none-any.whl"]
    assert not planned.builds
    assert not celery.sent


def test_the_deployments_targets_are_meant_when_none_is_named(permit, settings):
    settings.AFFINEUR_TARGETS = [CP312, CP311]
    assert [build.target for build in request(permit.project, targets=()).builds] == [CP312, CP311]


def test_the_tar_is_preferred_to_the_zip(permit):
    upstream_file(permit.project, "demo-1.1.zip", "1.1")
    upstream_file(permit.project, "demo-1.1.tar.gz", "1.1")
    (build,) = request(permit.project, "==1.1").builds
    assert build.sdist_filename == "demo-1.1.tar.gz"


def test_newer_releases_go_first(permit):
    upstream_file(permit.project, "demo-1.1.tar.gz", "1.1")
    newer, older = request(permit.project, ">=1").builds
    assert (newer.version, older.version) == ("1.1", "1.0")
    assert newer.priority > older.priority


@pytest.mark.parametrize(
    ("specifiers", "targets", "error"),
    [("latest", (CP313,), InvalidSpecifiers), ("", ("cp313",), UnknownTarget)],
)
def test_what_cannot_be_read_is_an_error(permit, specifiers, targets, error):
    with pytest.raises(error):
        request(permit.project, specifiers, targets)
    assert not Build.objects.exists()


def test_refusals_are_told_beside_what_is_queued(permit):
    upstream_file(permit.project, "demo-1.1.tar.gz", "1.1", requires_python=">=3.13")
    planned = request(permit.project, "==1.1", (CP313, CP311))
    assert [build.target for build in planned.builds] == [CP313]
    assert [(r.code.value, r.target) for r in planned.refusals] == [("requires-python", CP311)]


# Equal requests share one build


def test_an_equal_request_is_given_the_same_build(permit, queued):
    (first,) = request(permit.project).builds
    (second,) = request(permit.project, at=LATER).builds
    assert first == second
    assert second.queued_at == AT
    assert Build.objects.count() == 1
    assert queued == [first.pk]


def test_an_overlapping_request_adds_only_what_is_new(permit, queued):
    (first,) = request(permit.project).builds
    both = request(permit.project, targets=(CP313, CP312)).builds
    assert both[0] == first
    assert [build.target for build in both] == [CP313, CP312]
    assert queued == [build.pk for build in both]


def test_who_asks_more_urgently_moves_the_build_forward(permit, queued):
    (patient,) = request(permit.project).builds
    (urgent,) = request(permit.project, priority=1).builds
    assert urgent == patient
    assert urgent.priority > patient.priority
    (later,) = request(permit.project, priority=0).builds
    assert later.priority == urgent.priority
    assert len(queued) == 1


@pytest.mark.parametrize("state", [BuildState.CLAIMED, BuildState.RUNNING, BuildState.JUDGING])
def test_what_is_under_way_is_the_answer(permit, state, queued):
    (build,) = request(permit.project).builds
    Build.objects.update(state=state.value)
    (again,) = request(permit.project, priority=5).builds
    assert (again, again.state, again.priority) == (build, state, build.priority)
    assert len(queued) == 1


def test_a_live_build_from_other_sources_is_the_answer(permit):
    (build,) = request(permit.project).builds
    UpstreamFile.objects.update(sha256="6" * 64)
    assert request(permit.project).builds == (build,)
    assert Build.objects.count() == 1


def test_a_row_that_came_in_between_is_the_same_work(permit, monkeypatch):
    create = Build.objects.bulk_create

    def late(builds, **options):
        first = Build.objects.get_or_create(
            key=builds[0].key,
            defaults={
                "project": permit.project,
                "version": "1.0",
                "target": CP313,
                "permit": permit,
                "queued_at": AT,
            },
        )[0]
        arrived.append(first)
        return create(builds, **options)

    arrived = []
    monkeypatch.setattr(Build.objects, "bulk_create", late)
    planned = request(permit.project, targets=(CP313, CP312))
    assert planned.builds[0] == arrived[0]
    assert Build.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_equal_requests_at_the_same_time_share_one_build(permit):
    if connection.vendor == "sqlite":
        pytest.skip("the tests' SQLite is in memory, where a second connection sees nothing")
    start = threading.Barrier(4)
    given = []

    def ask():
        start.wait(timeout=10)
        try:
            given.append(request(permit.project, targets=(CP313, CP312, CP311)).builds)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(given) == 4
    assert len({tuple(build.pk for build in builds) for builds in given}) == 1
    assert Build.objects.count() == 3


# What has ended


def test_a_projects_failure_stands(permit, queued):
    (build,) = request(permit.project).builds
    end(build, BuildState.FAILED, Outcome.BUILD_FAILED.value)
    (again,) = request(permit.project, at=LATER).builds
    assert (again, again.state) == (build, BuildState.FAILED)
    assert len(queued) == 1


def test_other_sources_are_other_work(permit):
    (build,) = request(permit.project).builds
    end(build, BuildState.FAILED, Outcome.BUILD_FAILED.value)
    UpstreamFile.objects.update(sha256="6" * 64)
    (other,) = request(permit.project, at=LATER).builds
    assert other != build
    assert other.state == BuildState.QUEUED


def test_a_fault_of_ours_is_tried_again_after_a_rest(permit, queued):
    (build,) = request(permit.project).builds
    end(build, BuildState.FAILED, Outcome.BUILDER_LOST.value)
    resting = AT + FARM_FAULT_REST / 2
    assert request(permit.project, at=resting).builds[0].state == BuildState.FAILED
    rested = AT + FARM_FAULT_REST
    assert request(permit.project, at=rested).builds[0].state == BuildState.QUEUED
    assert queued == [build.pk, build.pk]


@pytest.mark.parametrize("state", [BuildState.CANCELLED, BuildState.COVERED])
def test_a_gap_that_is_back_is_queued_again_as_new(permit, state, queued):
    (build,) = request(permit.project).builds
    Build.objects.update(not_before=LATER)
    end(build, state, Outcome.PERMIT_GONE.value)
    UpstreamFile.objects.update(url="https://upstream.example/moved/demo-1.0.tar.gz")
    (again,) = request(permit.project, at=LATER).builds
    assert again == build
    assert (again.state, again.outcome, again.message) == (BuildState.QUEUED, "", "")
    assert (again.queued_at, again.ended_at, again.not_before) == (LATER, None, None)
    assert again.sdist_url == "https://upstream.example/moved/demo-1.0.tar.gz"
    assert queued == [build.pk, build.pk]


def test_what_was_cancelled_for_want_of_a_permit_waits_for_another(permit):
    (build,) = request(permit.project).builds
    revoke_permits(origin="consent:1", reason="no", at=AT)
    assert len(request(permit.project).uncovered) == 1
    build.refresh_from_db()
    assert build.state == BuildState.CANCELLED
    new = permit_all(permit.project)
    (again,) = request(permit.project).builds
    assert (again, again.state, again.permit) == (build, BuildState.QUEUED, new)


def test_what_was_published_is_served(permit):
    (build,) = request(permit.project).builds
    end(build, BuildState.PUBLISHED)
    wheel = file_of_ours(build, "demo-1.0-1affineur-py3-none-any.whl")
    planned = request(permit.project, targets=(CP313, CP311))
    assert not planned.builds
    assert {(s.target, s.filename, s.is_ours) for s in planned.served} == {
        (CP313, wheel.filename, True),
        (CP311, wheel.filename, True),
    }


def test_what_was_withdrawn_is_not_built_again(permit):
    (build,) = request(permit.project).builds
    end(build, BuildState.PUBLISHED)
    file_of_ours(
        build,
        "demo-1.0-1affineur-py3-none-any.whl",
        standing=Standing.WITHDRAWN.value,
        standing_reason="the maintainer asked",
    )
    planned = request(permit.project)
    assert not planned.builds
    assert [refusal.code.value for refusal in planned.refusals] == ["withdrawn"]


def test_a_quarantined_project_is_refused(permit):
    permit.project.status = ProjectStatus.QUARANTINED.value
    permit.project.save()
    planned = request(permit.project)
    assert [refusal.code.value for refusal in planned.refusals] == ["quarantined"]
    assert not Build.objects.exists()


def test_the_projects_row_is_read_anew(permit):
    """A caller may hold it from before upstream was asked."""
    stale = permit.project
    type(stale).objects.update(status=ProjectStatus.QUARANTINED.value)
    assert [refusal.code.value for refusal in request(stale).refusals] == ["quarantined"]


# Previews


def test_a_preview_says_what_a_request_would_come_to_and_does_nothing(project, queued):
    upstream_file(project, "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", "1.0")
    seen = preview(project=project, specifiers="==1.0", targets=[CP313, CP312])
    assert [gap.target for gap in seen.gaps] == [CP313]
    assert [served.target for served in seen.served] == [CP312]
    assert not seen.refusals
    assert not Build.objects.exists()
    assert not Attempt.objects.exists()
    assert not queued


def test_previews_of_several_projects_stay_apart(project, django_assert_num_queries):
    other = make_project("other", "2.0")
    with django_assert_num_queries(2):
        first, second, third = previews(
            wishes=[(project, ""), (other, ""), (project, "==9")], targets=[CP313]
        )
    assert [gap.version for gap in first.gaps] == ["1.0"]
    assert [gap.version for gap in second.gaps] == ["2.0"]
    assert [refusal.code.value for refusal in third.refusals] == ["unknown-release"]


# Bounds


@pytest.fixture
def large(permit):
    for minor in range(1, 31):
        upstream_file(permit.project, f"demo-2.{minor}.tar.gz", f"2.{minor}")
    return permit.project


def test_a_large_request_takes_no_more_queries_than_a_small_one(large, django_assert_num_queries):
    # A savepoint opened and closed, the project, its files, ours, permits, its recipe, sources,
    # builds, rows made, builds again; consents whose licence asks for the sources; the ledger.
    with django_assert_num_queries(13):
        assert len(request(large, "==2.1", (CP313,)).builds) == 1
    with django_assert_num_queries(13):
        assert len(request(large, ">=2.2", (CP313, CP312, CP311)).builds) == 29 * 3


def test_a_preview_is_two_queries(large, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert len(preview(project=large, specifiers=">=0", targets=[CP313]).gaps) == 31


def test_a_coverage_is_three_queries(large, django_assert_num_queries):
    request(large, ">=0", (CP313, CP312))
    with django_assert_num_queries(3):
        matrix = coverage(project=large, targets=[CP313, CP312, CP311])
    assert len(matrix.rows) == 31
    assert [cell.status.value for cell in matrix.rows[0].cells] == [
        "in-progress",
        "in-progress",
        "missing",
    ]


def test_a_coverage_names_the_build_of_a_wheel_of_ours(permit, settings):
    settings.AFFINEUR_TARGETS = [CP313]
    (build,) = request(permit.project).builds
    wheel = "demo-1.0-1affineur-py3-none-any.whl"
    Build.objects.update(state=BuildState.PUBLISHED.value, filename=wheel)
    file_of_ours(build, wheel)
    ((cell,),) = (row.cells for row in coverage(project=permit.project).rows)
    assert (cell.status.value, cell.filename, cell.build) == ("ours", wheel, build.pk)


def test_a_farm_that_changes_its_toolchain_tries_again_what_failed(project, settings):
    permit_all(project)
    (first,) = request(project).builds
    end(first, BuildState.FAILED, Outcome.BUILD_FAILED.value)
    assert [build.pk for build in request(project).builds] == [first.pk]

    settings.AFFINEUR_TOOLCHAIN = "portable"
    (again,) = request(project).builds

    assert (again.pk != first.pk, again.state) == (True, BuildState.QUEUED)


def test_what_is_proven_not_to_work_stays_so_with_another_toolchain(project, settings):
    permit_all(project)
    (first,) = request(project).builds
    end(first, BuildState.FAILED, Outcome.NOT_SUPPORTED.value)

    settings.AFFINEUR_TOOLCHAIN = "portable"

    assert [build.pk for build in request(project).builds] == [first.pk]


@pytest.mark.parametrize(("toolchain", "ids"), [("portable", []), ("gcc", ["builds.E001"])])
def test_a_toolchain_that_no_builder_has_is_an_error_of_the_deployment(settings, toolchain, ids):
    settings.AFFINEUR_TOOLCHAIN = toolchain

    assert [message.id for message in check_toolchain()] == ids
