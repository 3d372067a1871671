from collections.abc import Iterator

import pytest
from django.core.cache import cache

from indexes.models import Project
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from portal.ownership.models import Proof
from tests.portal.people import know, make_administrator, make_user, prove


@pytest.fixture
def upstream(settings) -> Iterator[FakeUpstream]:
    """The upstream of the settings: it serves docopt 0.6.1 and 0.6.2 as sdists."""
    fake = FakeUpstream()
    fake.add_sdist("docopt", "0.6.1")
    fake.add_sdist("docopt", "0.6.2")
    with fake.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        yield fake
    cache.clear()


@pytest.fixture
def docopt(db, upstream: FakeUpstream) -> Project:
    return know("docopt")


@pytest.fixture
def administrator(db) -> User:
    return make_administrator()


@pytest.fixture
def maintainer(db) -> User:
    return make_user("maintainer")


@pytest.fixture
def stranger(db) -> User:
    return make_user("stranger")


@pytest.fixture
def proof(maintainer: User, docopt: Project, administrator: User) -> Proof:
    """That the maintainer may speak for docopt."""
    return prove(maintainer, docopt, administrator)
