import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexes.upstream.fake import FakeUpstream
from tests.data.installed import wheel_of
from tests.journeys import projects


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
def pictures() -> Path | None:
    """Where pictures go, if anybody wants them: each takes as long as the page."""
    wanted = os.environ.get("AFFINEUR_SCREENSHOTS")
    if wanted:
        Path(wanted).mkdir(parents=True, exist_ok=True)
    return Path(wanted) if wanted else None
