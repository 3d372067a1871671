from collections.abc import Callable, Iterator
from itertools import count

import pytest
from django.core.cache import cache
from django.utils import timezone
from rest_framework.test import APIClient

from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build, LogChunk, Permit
from indexes.domain.names import parse_project_name
from indexes.models import File, Project
from indexes.services.refresh import refresh_project
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from portal.accounts.scopes import Scope
from portal.accounts.services import issue_token
from portal.ownership.models import Proof
from portal.ownership.services import start_proof

TARGETS = ["cp312-manylinux_2_36_x86_64", "cp311-manylinux_2_36_x86_64"]


@pytest.fixture(autouse=True)
def quiet_settings(settings):
    settings.AFFINEUR_TARGETS = TARGETS
    settings.ROOT_URLCONF = "tests.portal.api.development_urls"
    cache.clear()


@pytest.fixture
def upstream(settings) -> Iterator[FakeUpstream]:
    """Docopt 0.6.2, sources only, over HTTP."""
    fake = FakeUpstream()
    fake.add_sdist("docopt", "0.6.2")
    with fake.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        yield fake


@pytest.fixture
def docopt(db, upstream: FakeUpstream) -> Project:
    return refresh_project(name=parse_project_name("docopt"), at=timezone.now())


@pytest.fixture
def development(settings) -> None:
    settings.AFFINEUR_DEVELOPMENT = True


@pytest.fixture
def ada(db) -> User:
    return User.objects.create(username="ada", is_active=True)


@pytest.fixture
def bob(db) -> User:
    return User.objects.create(username="bob", is_active=True)


@pytest.fixture
def client_of() -> Callable[..., APIClient]:
    """A client with a token of a user, with every scope unless some are named."""

    def make(user: User, *scopes: Scope) -> APIClient:
        _, secret = issue_token(
            user=user,
            name="test",
            scopes=[scope.value for scope in scopes or Scope],
            expires_at=None,
            at=timezone.now(),
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return make


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def as_ada(ada, client_of) -> APIClient:
    return client_of(ada)


@pytest.fixture
def as_bob(bob, client_of) -> APIClient:
    return client_of(bob)


@pytest.fixture
def proof(ada, docopt, development) -> Proof:
    """Ada speaks for docopt."""
    return start_proof(
        user=ada,
        project=docopt,
        method="attestation",
        facts={"reason": "she wrote it"},
        by=ada,
        at=timezone.now(),
    )


@pytest.fixture
def make_build(docopt) -> Callable[..., Build]:
    """A build of docopt 0.6.2, with one attempt unless it waits; fields of both by keyword."""
    numbers = count(1)
    permit = Permit.objects.create(
        project=docopt, channels=["build", "publish"], origin="test", issued_at=timezone.now()
    )

    def make(state: BuildState = BuildState.QUEUED, **fields: object) -> Build:
        number = next(numbers)
        return Build.objects.create(
            **{
                "project": docopt,
                "version": "0.6.2",
                "target": TARGETS[0],
                "key": f"{number:064}",
                "permit": permit,
                "state": state.value,
                "sdist_filename": "docopt-0.6.2.tar.gz",
                "sdist_url": "https://upstream.example/docopt-0.6.2.tar.gz",
                "sdist_sha256": "0" * 64,
                "queued_at": timezone.now(),
                **fields,
            }
        )

    return make


@pytest.fixture
def make_attempt() -> Callable[..., Attempt]:
    def make(build: Build, *, chunks: int = 0, **fields: object) -> Attempt:
        number = build.attempts.count() + 1
        now = timezone.now()
        attempt = Attempt.objects.create(
            **{
                "build": build,
                "number": number,
                "rung": "declared",
                "state": AttemptState.FAILED.value,
                "lease_hash": f"{build.key[8:]}{number:08}",
                "heartbeat_at": now,
                "created_at": now,
                "started_at": now,
                "ended_at": now,
                **fields,
            }
        )
        LogChunk.objects.bulk_create(
            LogChunk(attempt=attempt, sequence=place, stage="build", text=f"line {place}\n")
            for place in range(chunks)
        )
        return attempt

    return make


@pytest.fixture
def make_file(docopt) -> Callable[..., File]:
    def make(build: Build, filename: str = "docopt-0.6.2-1affineur-py3-none-any.whl") -> File:
        return File.objects.create(
            project=docopt,
            version=build.version,
            filename=filename,
            build_tag="1affineur",
            sha256="a" * 64,
            size=1234,
            metadata_sha256="b" * 64,
            metadata=b"Name: docopt",
            provenance={"payload": "e30=", "payloadType": "x", "signatures": []},
            build_id=build.pk,
            published_at=timezone.now(),
        )

    return make
