"""Judging and publishing: once, whatever dies on the way, and only what may be published."""

import hashlib
import io
import json
import time
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import pytest
from packaging.utils import parse_wheel_filename
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from builds.domain.outcomes import Outcome
from builds.domain.states import AttemptState, BuildState
from builds.errors import SigningKeyMissing
from builds.models import Build, Permit
from builds.runner.job import Job
from builds.services import judge as judging
from builds.services.claim import claim_builds
from builds.services.judge import judge_attempt
from builds.services.permits import revoke_permits
from builds.services.provenance import verify_published
from builds.services.staging import STAGED
from builds.signals import builds_ended
from indexes.models import File
from indexes.services import clock
from indexes.storage import file_key, get_storage, staging_key
from tests.builds.farm import (
    AT,
    CP311,
    CP312,
    CP313,
    FakeCelery,
    attempt_of,
    build_wheel,
    claim_one,
    conclude,
    ended,
    queue_build,
    say,
    take,
    upload,
    wheel_report,
)
from tests.builds.runner.wheels import linked, make_wheel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("celery", "signing_key")]


@pytest.fixture
def signing_key(settings: Settings, tmp_path: Path) -> Path:
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "keys" / "provenance.pem"
    return settings.AFFINEUR_SIGNING_KEY


@pytest.fixture
def job(permit: Permit) -> Job:
    queue_build(permit)
    return claim_one()


def judge(job: Job) -> None:
    judge_attempt(attempt_id=UUID(job.attempt), at=AT)


def published_bytes(file: File) -> bytes:
    with get_storage().open(file_key(file.sha256)) as kept:
        return kept.read()


def test_a_good_wheel_is_published_under_a_build_tag(job: Job, tmp_path: Path) -> None:
    build_wheel(job, tmp_path, metadata="Requires-Python: >=3.9\n")

    judge(job)

    file = File.objects.get()
    attempt = attempt_of(job)
    assert file.filename == "demo-1.0-1affineur-py3-none-any.whl"
    assert (file.build_tag, file.requires_python) == ("1affineur", ">=3.9")
    assert str(file.build_id) == job.build
    assert (attempt.state, attempt.build.state) == (AttemptState.SUCCEEDED, BuildState.PUBLISHED)
    assert attempt.build.outcome == Outcome.BUILT
    assert attempt.build.filename == file.filename
    content = published_bytes(file)
    assert hashlib.sha256(content).hexdigest() == file.sha256
    with ZipFile(io.BytesIO(content)) as archive:
        assert b"Build: 1affineur\n" in archive.read("demo-1.0.dist-info/WHEEL")
        assert archive.read("demo-1.0.dist-info/METADATA") == bytes(file.metadata)
    assert parse_wheel_filename(file.filename)[2] == (1, "affineur")


def test_the_provenance_tells_what_went_in(job: Job, tmp_path: Path) -> None:
    build_wheel(job, tmp_path)

    judge(job)

    file = File.objects.get()
    statement = verify_published(filename=file.filename)
    definition = statement["predicate"]["buildDefinition"]
    run = statement["predicate"]["runDetails"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"] == [{"name": file.filename, "digest": {"sha256": file.sha256}}]
    assert definition["buildType"].startswith("http://testserver/")
    assert definition["externalParameters"] == {
        "project": "demo",
        "version": "1.0",
        "target": CP313,
        "rung": "declared",
    }
    assert [d["digest"]["sha256"] for d in definition["resolvedDependencies"]] == [
        "5" * 64,
        "7" * 64,
    ]
    assert run["builder"]["id"] == "http://testserver/builders/b1"
    assert run["builder"]["version"] == {"interpreter": "3.13.1"}
    assert run["metadata"]["invocationId"] == job.attempt
    assert run["byproducts"] == [{"name": "log", "digest": {"sha256": "9" * 64}}]
    assert (
        b64decode(file.provenance["payload"])
        == json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    )


def test_the_provenance_tells_of_system_packages(job: Job, tmp_path: Path) -> None:
    build_wheel(job, tmp_path)
    attempt = attempt_of(job)
    package = {
        "name": "libcurd++-dev",
        "version": "1:2.0+ds-1~deb12u1",
        "architecture": "amd64",
        "filename": "libcurd++-dev_1%3a2.0+ds-1~deb12u1_amd64.deb",
        "sha256": "8" * 64,
    }
    attempt.report["system"] = {"distribution": "debian-12", "packages": [package, "no package"]}
    attempt.save()

    judge(job)

    statement = verify_published(filename=File.objects.get().filename)
    (*_, told) = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert told == {
        "name": package["filename"],
        "uri": "pkg:deb/debian/libcurd%2B%2B-dev@1:2.0%2Bds-1~deb12u1?arch=amd64&distro=debian-12",
        "digest": {"sha256": "8" * 64},
    }


def test_judging_twice_publishes_once(job: Job, tmp_path: Path) -> None:
    build_wheel(job, tmp_path)

    judge(job)
    judge(job)

    assert File.objects.count() == 1


def test_a_repeat_of_the_work_gives_the_same_bytes(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(job, tmp_path)
    sealed: list[str] = []

    def note_and_die(**published: Any) -> None:
        sealed.append(published["sha256"])
        raise KeyboardInterrupt

    real = judging.publish_file
    monkeypatch.setattr(judging, "publish_file", note_and_die)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            judge(job)
    monkeypatch.setattr(judging, "publish_file", real)
    judge(job)

    assert sealed == [File.objects.get().sha256] * 2


STEPS = [
    "_fetch_staged",
    "read_wheel",
    "check_wheel",
    "next_build_number",
    "retag_wheel",
    "provenance_of",
    "lock_build",
    "live_permit",
    "preview",
    "publish_file",
    "_succeed",
    "_settle_siblings",
]


def dies(before: Callable[..., Any] | None) -> Callable[..., Any]:
    """A step that kills the worker; after it was done, if it is given."""

    def die(*args: Any, **kwargs: Any) -> None:
        if before is not None:
            before(*args, **kwargs)
        raise KeyboardInterrupt

    return die


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_anywhere_publishes_once_in_the_end(
    job: Job,
    permit: Permit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    *,
    is_done: bool,
) -> None:
    sibling = queue_build(permit, CP312)
    build_wheel(job, tmp_path)
    real = getattr(judging, step)

    monkeypatch.setattr(judging, step, dies(real if is_done else None))
    with pytest.raises(KeyboardInterrupt):
        judge(job)
    monkeypatch.setattr(judging, step, real)

    assert not File.objects.exists()
    assert attempt_of(job).state == AttemptState.JUDGING
    judge(job)
    sibling.refresh_from_db()
    assert [file.filename for file in File.objects.all()] == ["demo-1.0-1affineur-py3-none-any.whl"]
    assert Build.objects.get(pk=job.build).state == BuildState.PUBLISHED
    assert sibling.state == BuildState.COVERED


def test_of_two_judges_one_publishes(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(job, tmp_path)
    ends: list[Outcome] = []

    def hear(outcome: Outcome, **_: Any) -> None:
        ends.append(outcome)

    real = judging.provenance_of

    def overtaken(**kwargs: Any) -> dict[str, Any]:
        monkeypatch.setattr(judging, "provenance_of", real)
        judge(job)
        return real(**kwargs)

    monkeypatch.setattr(judging, "provenance_of", overtaken)
    builds_ended.connect(hear)
    judge(job)
    builds_ended.disconnect(hear)

    assert File.objects.count() == 1
    assert ends == [Outcome.BUILT]


def test_a_name_that_was_taken_meanwhile_is_not_taken_again(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(job, tmp_path)
    # When it is sealed; when it is to be published, and another one was; and again.
    numbers = iter([1, 2, 2, 2])

    def next_number(**_: Any) -> int:
        return next(numbers)

    monkeypatch.setattr(judging, "next_build_number", next_number)
    judge(job)

    assert File.objects.get().filename == "demo-1.0-2affineur-py3-none-any.whl"


def test_the_permit_is_asked_for_once_more_before_publishing(job: Job, tmp_path: Path) -> None:
    build_wheel(job, tmp_path)
    Permit.objects.update(channels=["build"])

    judge(job)

    attempt = attempt_of(job)
    assert not File.objects.exists()
    assert (attempt.state, attempt.build.state) == (AttemptState.CANCELLED, BuildState.CANCELLED)
    assert attempt.build.outcome == Outcome.PERMIT_GONE


def test_a_permit_that_ends_while_it_is_judged_lets_nothing_be_published(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(job, tmp_path)
    Permit.objects.update(expires_at=AT + timedelta(seconds=60))
    monkeypatch.setattr(clock, "monotonic", lambda: time.monotonic() + 61)

    judge(job)

    assert not File.objects.exists()
    assert Build.objects.get().outcome == Outcome.PERMIT_GONE


def test_a_revocation_while_it_is_judged_wins(job: Job, tmp_path: Path) -> None:
    build_wheel(job, tmp_path)

    revoke_permits(origin="consent:1", reason="no more", at=AT)
    judge(job)

    assert not File.objects.exists()
    assert Build.objects.get().state == BuildState.CANCELLED


def test_a_revocation_in_the_last_moment_wins(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(job, tmp_path)
    real = judging.provenance_of

    def revoked_meanwhile(**kwargs: Any) -> dict[str, Any]:
        revoke_permits(origin="consent:1", reason="no more", at=AT)
        return real(**kwargs)

    monkeypatch.setattr(judging, "provenance_of", revoked_meanwhile)
    judge(job)

    assert not File.objects.exists()
    assert Build.objects.get().state == BuildState.CANCELLED


def test_a_wheel_for_all_covers_the_siblings_that_wait(
    job: Job,
    permit: Permit,
    tmp_path: Path,
    celery: FakeCelery,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    siblings = [queue_build(permit, CP312), queue_build(permit, CP311)]
    other = queue_build(permit, CP312, version="2.0")
    build_wheel(job, tmp_path)

    with django_capture_on_commit_callbacks(execute=True):
        judge(job)

    for sibling in siblings:
        sibling.refresh_from_db()
        assert (sibling.state, sibling.outcome) == (BuildState.COVERED, Outcome.COVERED)
        assert str(sibling.covered_by_id) == job.build
        assert "demo-1.0-1affineur-py3-none-any.whl" in sibling.message
    other.refresh_from_db()
    assert other.state == BuildState.QUEUED
    assert "builds.claim" in celery.names()


def test_a_wheel_for_one_leaves_the_siblings_to_be_claimed(
    job: Job, permit: Permit, tmp_path: Path
) -> None:
    sibling = queue_build(permit, CP312)
    build_wheel(job, tmp_path, tag="cp313-cp313-manylinux_2_17_x86_64")

    judge(job)

    sibling.refresh_from_db()
    assert sibling.state == BuildState.QUEUED
    assert claim_one().target == CP312


def test_a_python_that_the_wheel_refuses_is_not_covered(
    job: Job, permit: Permit, tmp_path: Path
) -> None:
    sibling = queue_build(permit, CP312)
    build_wheel(job, tmp_path, metadata="Requires-Python: >=3.13\n")

    judge(job)

    sibling.refresh_from_db()
    assert sibling.state == BuildState.QUEUED


def test_what_a_sibling_came_to_serve_first_is_not_published_twice(
    permit: Permit, settings: Settings, tmp_path: Path
) -> None:
    settings.AFFINEUR_BUILDS_IN_FLIGHT = 5
    conclude(queue_build(permit, "cp310-manylinux_2_36_x86_64"))
    queue_build(permit, CP313)
    queue_build(permit, CP312)
    first, second = claim_builds(at=AT)
    for job in (first, second):
        build_wheel(job, tmp_path)

    judge(first)
    judge(second)

    late = attempt_of(second)
    assert File.objects.count() == 1
    assert (late.state, late.build.state) == (AttemptState.SUCCEEDED, BuildState.COVERED)
    assert str(late.build.covered_by_id) == first.build


@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ({"name": "other"}, Outcome.WHEEL_OTHER_PROJECT),
        ({"version": "2.0"}, Outcome.WHEEL_OTHER_PROJECT),
        ({"tag": "cp312-cp312-manylinux_2_17_x86_64"}, Outcome.WHEEL_OTHER_TARGET),
        ({"tag": "cp313-cp313-win_amd64"}, Outcome.WHEEL_OTHER_TARGET),
        ({"metadata": "Requires-Python: <3\n"}, Outcome.WHEEL_OTHER_TARGET),
        ({"metadata": "Requires-Python: often\n"}, Outcome.WHEEL_MALFORMED),
        ({"files": {"../evil.py": b""}}, Outcome.WHEEL_MALFORMED),
        (
            {
                "tag": "cp313-cp313-manylinux_2_17_x86_64",
                "files": {"demo/_speed.so": linked(runpath="/home/somebody/lib")},
            },
            Outcome.WHEEL_MALFORMED,
        ),
    ],
)
def test_a_wheel_that_is_not_what_was_asked_for_is_not_published(
    job: Job, tmp_path: Path, parts: dict[str, Any], outcome: Outcome
) -> None:
    build_wheel(job, tmp_path, **parts)

    judge(job)

    attempt = attempt_of(job)
    assert not File.objects.exists()
    assert (attempt.state, attempt.build.state) == (AttemptState.FAILED, BuildState.FAILED)
    assert attempt.build.outcome == outcome
    assert "demo" in attempt.build.message or "wheel" in attempt.build.message


@pytest.mark.parametrize(
    "lie", [{"sha256": "0" * 64}, {"size": 5}], ids=["another hash", "another size"]
)
def test_an_upload_that_is_not_what_the_builder_told_is_built_again(
    job: Job, tmp_path: Path, lie: dict[str, Any]
) -> None:
    wheel = make_wheel(tmp_path)
    take(job)
    upload(job, wheel)
    say(job, ended(Outcome.BUILT, wheel=wheel_report(wheel) | lie))

    judge(job)

    attempt = attempt_of(job)
    assert (attempt.state, attempt.outcome) == (AttemptState.FAILED, Outcome.UPLOAD_FAILED)
    assert attempt.build.state == BuildState.QUEUED


def test_an_upload_that_is_not_there_is_built_again(job: Job, tmp_path: Path) -> None:
    take(job)
    say(job, ended(Outcome.BUILT, wheel=wheel_report(make_wheel(tmp_path))))

    judge(job)

    assert attempt_of(job).outcome == Outcome.UPLOAD_FAILED
    assert Build.objects.get().state == BuildState.QUEUED


def test_a_name_with_a_path_in_it_is_refused(job: Job, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    take(job)
    upload(job, wheel)
    report = wheel_report(wheel) | {"filename": "../demo-1.0-py3-none-any.whl"}
    say(job, ended(Outcome.BUILT, wheel=report))

    judge(job)

    assert attempt_of(job).outcome == Outcome.WHEEL_MALFORMED


def test_without_a_signing_key_the_build_waits(
    job: Job, tmp_path: Path, settings: Settings
) -> None:
    settings.AFFINEUR_DEVELOPMENT = False
    build_wheel(job, tmp_path)

    with pytest.raises(SigningKeyMissing, match="openssl genpkey"):
        judge(job)
    assert attempt_of(job).state == AttemptState.JUDGING

    settings.AFFINEUR_DEVELOPMENT = True
    judge(job)
    assert Build.objects.get().state == BuildState.PUBLISHED


@pytest.mark.parametrize("parts", [{}, {"name": "other"}], ids=["published", "failed"])
def test_nothing_is_left_in_staging(
    job: Job,
    tmp_path: Path,
    parts: dict[str, str],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    build_wheel(job, tmp_path, **parts)
    key = staging_key(UUID(job.attempt), STAGED)
    assert get_storage().exists(key)

    with django_capture_on_commit_callbacks(execute=True):
        judge(job)

    assert not get_storage().exists(key)
    assert not attempt_of(job).is_staged
