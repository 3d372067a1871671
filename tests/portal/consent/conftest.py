import pytest

from indexes.models import Project
from portal.accounts.models import User
from tests.portal.people import make_user, prove


@pytest.fixture
def owner(docopt: Project, administrator: User) -> User:
    """Another proven owner of docopt."""
    user = make_user("co-owner")
    prove(user, docopt, administrator)
    return user
