import pytest
from django.test import Client
from django.utils import timezone

from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from tests.portal.web.scenes import Farm, busy_farm


@pytest.fixture
def farm(db, upstream: FakeUpstream, maintainer: User, stranger: User) -> Farm:
    return busy_farm(owner=maintainer, stranger=stranger, at=timezone.now())


@pytest.fixture
def owner_client(farm: Farm) -> Client:
    """Signed in as the owner of the farm's project."""
    client = Client()
    client.force_login(farm.owner, backend="portal.accounts.backends.AccountBackend")
    return client
