from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from indexes.domain.names import parse_project_name
from indexes.models import Project
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
    """docopt 0.6.2, sources only, over HTTP."""
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
