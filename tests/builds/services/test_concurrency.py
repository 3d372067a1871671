"""Two workers at the same moment: one wins, and nothing is done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from pytest_django import Settings

from builds.domain.states import BuildState
from builds.models import Attempt, Build
from builds.services import judge as judging
from builds.services.claim import claim_builds
from builds.services.judge import judge_attempt
from builds.services.lease import show_lease
from builds.services.permits import revoke_permits
from indexes.models import File
from tests.builds.farm import (
    AT,
    CP311,
    CP312,
    CP313,
    build_wheel,
    claim_one,
    make_project,
    permit_all,
    queue_build,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("celery"),
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="the tests' SQLite lives in memory, where threads share one connection's locks",
    ),
]


@pytest.fixture(autouse=True)
def signing_key(settings: Settings, tmp_path: Path) -> None:
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "keys" / "provenance.pem"


def at_once[T](*acts: Callable[[], T]) -> list[T]:
    """What each act gives when all are begun at the same moment."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], T]) -> T:
        try:
            gate.wait()
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_workers_claim_each_build_once() -> None:
    for name in ("a", "b", "c", "d"):
        queue_build(permit_all(make_project(name)), sdist_filename=f"{name}-1.0.tar.gz")

    at_once(*[lambda: claim_builds(at=AT)] * 4)

    assert Attempt.objects.count() == Build.objects.filter(state=BuildState.CLAIMED.value).count()


def test_workers_claim_one_first_build_of_a_release() -> None:
    permit = permit_all(make_project())
    for target in (CP311, CP312, CP313):
        queue_build(permit, target)

    at_once(*[lambda: claim_builds(at=AT)] * 4)

    assert [build.target for build in Build.objects.exclude(state=BuildState.QUEUED.value)] == [
        CP313
    ]


def test_an_attempt_is_taken_once() -> None:
    queue_build(permit_all(make_project()))
    job = claim_one()

    def show() -> bool:
        return show_lease(attempt_id=UUID(job.attempt), token=job.lease, builder="b", at=AT)

    assert at_once(show, show) == [True, True]
    assert Build.objects.get().state == BuildState.RUNNING


def test_two_judges_publish_once(tmp_path: Path) -> None:
    queue_build(permit_all(make_project()))
    job = claim_one()
    build_wheel(job, tmp_path)

    def judge() -> None:
        judge_attempt(attempt_id=UUID(job.attempt), at=AT)

    at_once(judge, judge, judge)

    assert [file.filename for file in File.objects.all()] == ["demo-1.0-1affineur-py3-none-any.whl"]
    assert Build.objects.get().state == BuildState.PUBLISHED


def test_a_revocation_and_a_judge_agree_on_who_was_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_build(permit_all(make_project()))
    job = claim_one()
    build_wheel(job, tmp_path)
    gate, real = Barrier(2), judging.publish_file

    def publish_late(**published: Any) -> File:
        gate.wait()
        return real(**published)

    def revoke() -> None:
        gate.wait()
        revoke_permits(origin="consent:1", reason="no more", at=AT)

    def judge() -> None:
        judge_attempt(attempt_id=UUID(job.attempt), at=AT)

    monkeypatch.setattr(judging, "publish_file", publish_late)
    at_once(judge, revoke)

    # The judge held the build when the revocation came: it is published, and stays so.
    assert Build.objects.get().state == BuildState.PUBLISHED
    assert File.objects.count() == 1
