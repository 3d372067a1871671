"""Cancelling reaches every live build, and no other."""

from typing import Any

import pytest

from builds.domain.outcomes import Outcome
from builds.domain.states import LIVE, AttemptState, BuildState
from builds.models import Attempt, Build, Permit
from builds.services.cancel import cancel_builds
from builds.signals import builds_ended
from tests.builds.farm import AT, queue_build

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", BuildState)
def test_what_is_live_is_cancelled_and_what_has_ended_stays(
    permit: Permit, state: BuildState
) -> None:
    build = queue_build(permit, state=state.value)
    heard: list[tuple[Build, Outcome]] = []

    def hear(builds: list[Build], outcome: Outcome, **_: Any) -> None:
        heard.extend((build, outcome) for build in builds)

    builds_ended.connect(hear)
    cancelled = cancel_builds(
        builds=Build.objects.all(), reason="enough", outcome=Outcome.CANCELLED, at=AT
    )
    builds_ended.disconnect(hear)

    build.refresh_from_db()
    assert cancelled == (state in LIVE)
    assert build.state == (BuildState.CANCELLED if state in LIVE else state)
    assert heard == [(build, Outcome.CANCELLED)] * cancelled


def test_its_attempt_ends_with_it(permit: Permit) -> None:
    build = queue_build(permit, state=BuildState.RUNNING.value)
    attempt = Attempt.objects.create(
        build=build,
        number=1,
        rung="declared",
        state=AttemptState.RUNNING.value,
        lease_hash="0" * 64,
        heartbeat_at=AT,
        created_at=AT,
    )

    cancel_builds(builds=Build.objects.all(), reason="x", outcome=Outcome.PERMIT_GONE, at=AT)

    attempt.refresh_from_db()
    assert (attempt.state, attempt.outcome) == (AttemptState.CANCELLED, Outcome.PERMIT_GONE)
