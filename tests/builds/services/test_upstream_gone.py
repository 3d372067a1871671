"""What upstream takes back ends the builds of it."""

import pytest

from builds.domain.states import BuildState
from builds.models import Permit
from indexes import signals
from indexes.domain.status import ProjectStatus
from indexes.models import Project
from tests.builds.farm import queue_build

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (ProjectStatus.DELETED, BuildState.CANCELLED),
        (ProjectStatus.QUARANTINED, BuildState.CANCELLED),
        (ProjectStatus.ARCHIVED, BuildState.QUEUED),
        (ProjectStatus.ACTIVE, BuildState.QUEUED),
    ],
)
def test_a_project_that_is_taken_back_is_not_built(permit: Permit, after, state) -> None:
    build = queue_build(permit)

    signals.project_status_changed.send(
        Project, project=permit.project, before=ProjectStatus.ACTIVE, after=after
    )

    build.refresh_from_db()
    assert build.state == state


@pytest.mark.parametrize("signal", [signals.releases_removed, signals.releases_quarantined])
def test_a_release_that_is_taken_back_is_not_built(permit: Permit, signal) -> None:
    build = queue_build(permit)
    kept = queue_build(permit, version="9.9", key="other")

    signal.send(Project, project=permit.project, versions=(build.version,))

    for each in (build, kept):
        each.refresh_from_db()
    assert (build.state, kept.state) == (BuildState.CANCELLED, BuildState.QUEUED)
    assert f"{build.project} {build.version} is" in build.message
