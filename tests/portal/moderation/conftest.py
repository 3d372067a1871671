from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group

from builds.domain.states import BuildState
from builds.models import Permit
from indexes.models import File, Project
from portal.accounts.models import User
from portal.moderation.apps import MODERATORS
from portal.moderation.intake import open_case
from portal.moderation.models import Case
from portal.moderation.proceedings import CaseKind
from tests.portal.people import AT, CP312, CP313, add_factor, make_user, publish
from tests.portal.web.scenes import make_build


def make_moderator(name: str) -> User:
    """Staff with a second factor, in the group that moderates."""
    user = make_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=MODERATORS))
    add_factor(user)
    return user


@pytest.fixture
def ann(db) -> User:
    return make_moderator("ann")


@pytest.fixture
def ben(db) -> User:
    return make_moderator("ben")


@pytest.fixture
def cat(db) -> User:
    return make_moderator("cat")


@pytest.fixture
def files(docopt: Project, proof) -> list[File]:
    """Two wheels of docopt, listed, whose permit is over."""
    files = [
        publish(make_build(docopt, "0.6.2", target, at=AT, state=BuildState.PUBLISHED))
        for target in (CP313, CP312)
    ]
    Permit.objects.filter(origin="scene").update(revoked_at=AT)
    return files


@pytest.fixture
def case_about(docopt: Project, stranger: User) -> Callable[..., Case]:
    """A case that the stranger reported: about a file, a consent, an account, or docopt."""

    def make(about=None, kind: CaseKind = CaseKind.ABUSE_REPORT) -> Case:
        report = open_case(
            kind=kind, project=docopt, about=about, reported_by=stranger, text="It is odd.", at=AT
        )
        return report.case

    return make
