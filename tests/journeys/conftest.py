import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser

from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from tests.data.installed import wheel_of
from tests.journeys import projects
from tests.journeys.persons import Person, chromium
from tests.portal.people import make_user
from tests.portal.web.scenes import Farm, busy_farm

type Arrive = Callable[..., Person]


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """An upstream on loopback that has setuptools and the projects of the journeys."""
    fake = FakeUpstream()
    fake.add_file("setuptools", *wheel_of("setuptools"))
    uploaded = datetime(2024, 5, 1, tzinfo=UTC)
    for name, files in (
        ("cheddar", projects.PURE),
        ("gouda", projects.EXTENSION),
        ("parmesan", projects.SLOW),
    ):
        fake.add_sdist(name, "1.0", files=files, uploaded_at=uploaded)
    with fake.serve():
        yield fake


@pytest.fixture
def farm(transactional_db, settings) -> Iterator[Farm]:  # the server's threads see the rows
    """A farm at work, whose upstream answers."""
    with FakeUpstream().serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        owner, stranger = make_user("maintainer"), make_user("stranger")
        yield busy_farm(owner=owner, stranger=stranger, at=timezone.now())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def pictures() -> Path | None:
    """Where pictures go, if anybody wants them: each takes as long as the page."""
    wanted = os.environ.get("AFFINEUR_SCREENSHOTS")
    if wanted:
        Path(wanted).mkdir(parents=True, exist_ok=True)
    return Path(wanted) if wanted else None


@pytest.fixture
def arrive(
    transactional_db, live_server, browser: Browser, pictures: Path | None
) -> Iterator[Arrive]:
    """Lets people come, signed in or not. None of the pages they look at may have a fault."""
    people: list[Person] = []

    def come(name: str = "", user: User | None = None) -> Person:
        person = Person(browser, live_server.url, pictures, name)
        people.append(person)
        if user:
            person.is_signed_in_as(user)
        return person

    yield come
    for person in people:
        person.context.close()
    assert [fault for person in people for fault in person.found] == []
