"""What builders call over HTTP."""

import hashlib
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.test import Client

from builds.domain.states import AttemptState
from builds.models import Attempt
from builds.runner.job import Job
from builds.services import staging
from builds.services.staging import STAGED
from indexes.storage import get_storage, staging_key
from tests.builds.farm import claim_one, make_project, permit_all, queue_build
from tests.builds.runner.wheels import make_wheel

pytestmark = pytest.mark.django_db
NAME = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def job() -> Job:
    queue_build(permit_all(make_project()))
    return claim_one()


@pytest.fixture
def builder(job: Job) -> Client:
    """A builder that holds the job's lease, and no CSRF token."""
    return Client(
        enforce_csrf_checks=True,
        headers={"Authorization": f"Bearer {job.lease}", "X-Affineur-Builder": "b7"},
    )


@pytest.fixture
def running(job: Job, builder: Client) -> Job:
    builder.post(f"/builder/attempts/{job.attempt}/lease")
    return job


def put(client: Client, job: Job, content: bytes, filename: str = NAME) -> int:
    path = f"/builder/attempts/{job.attempt}/wheel/{filename}"
    return client.put(path, content, content_type="application/octet-stream").status_code


def staged(job: Job) -> str:
    return staging_key(UUID(job.attempt), STAGED)


def test_a_live_lease_is_told_so(builder: Client, job: Job) -> None:
    answer = builder.post(f"/builder/attempts/{job.attempt}/lease")

    assert (answer.status_code, answer.json()) == (200, {"live": True})
    assert Attempt.objects.get().builder == "b7"
    assert not answer.cookies


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer guess", "Basic x"])
def test_without_its_token_a_lease_is_gone(job: Job, header: str) -> None:
    client = Client(headers={"Authorization": header})

    answer = client.post(f"/builder/attempts/{job.attempt}/lease")

    assert (answer.status_code, answer.json()) == (410, {"live": False})


def test_the_lease_of_another_attempt_is_none(builder: Client) -> None:
    assert builder.post(f"/builder/attempts/{uuid4()}/lease").status_code == 410


def test_a_lease_is_shown_by_post_alone(builder: Client, job: Job) -> None:
    assert builder.get(f"/builder/attempts/{job.attempt}/lease").status_code == 405


def test_an_upload_is_kept_for_the_judge(builder: Client, running: Job, tmp_path: Path) -> None:
    content = make_wheel(tmp_path).read_bytes()

    path = f"/builder/attempts/{running.attempt}/wheel/{NAME}"
    answer = builder.put(path, content, content_type="application/octet-stream")

    assert answer.status_code == 201
    assert answer.json() == {"sha256": hashlib.sha256(content).hexdigest()}
    with get_storage().open(staged(running)) as kept:
        assert kept.read() == content


def test_a_second_upload_takes_the_place_of_the_first(builder: Client, running: Job) -> None:
    assert put(builder, running, b"first") == 201
    assert put(builder, running, b"second") == 201

    with get_storage().open(staged(running)) as kept:
        assert kept.read() == b"second"


def test_an_upload_that_is_too_large_is_refused(
    builder: Client, running: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "MAX_WHEEL_SIZE", 10)

    assert put(builder, running, b"0123456789") == 201
    assert put(builder, running, b"0123456789a") == 422

    with get_storage().open(staged(running)) as kept:
        assert kept.read() == b"0123456789"


def test_an_upload_that_broke_off_is_refused(builder: Client, running: Job) -> None:
    broken_off = {"wsgi.input": BytesIO(b"half"), "CONTENT_LENGTH": "8"}

    answer = builder.put(f"/builder/attempts/{running.attempt}/wheel/{NAME}", **broken_off)

    assert (answer.status_code, answer.json()["code"]) == (422, "upload-refused")
    assert not get_storage().exists(staged(running))


@pytest.mark.parametrize(
    "filename",
    ["demo.txt", "demo-1.0.tar.gz", "..%2Fdemo-1.0-py3-none-any.whl", "d" * 200 + NAME, "ä" + NAME],
)
def test_only_a_wheel_is_taken(builder: Client, running: Job, filename: str) -> None:
    assert put(builder, running, b"x", filename) in {404, 422}
    assert not get_storage().exists(staged(running))


@pytest.mark.parametrize(
    "state", [AttemptState.LEASED, AttemptState.JUDGING, AttemptState.LOST, AttemptState.CANCELLED]
)
def test_only_a_running_attempt_uploads(builder: Client, running: Job, state: AttemptState) -> None:
    Attempt.objects.update(state=state.value)

    assert put(builder, running, b"x") == 410
    assert not get_storage().exists(staged(running))


def test_a_lease_that_ends_during_the_upload_leaves_nothing(
    builder: Client, running: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = get_storage()
    real = storage.put

    def put_and_lose(key: str, path: Path, *, sha256: str) -> None:
        real(key, path, sha256=sha256)
        Attempt.objects.update(state=AttemptState.CANCELLED.value)

    monkeypatch.setattr(storage, "put", put_and_lose)

    assert put(builder, running, b"x") == 410
    assert not storage.exists(staged(running))
