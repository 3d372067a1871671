"""What a consent reaches: the builds and the wheels that stop, or go, with it."""

from dataclasses import dataclass
from datetime import datetime

from builds.domain.permits import Channel
from builds.domain.states import LIVE, BuildState
from builds.models import Build
from builds.services.permits import covering, unrevoked
from portal.consent.listing import wheels_that_leave
from portal.consent.models import Consent


@dataclass(frozen=True, slots=True)
class Reach:
    """What stops when a consent stops."""

    wheels_listed: int
    """Wheels that leave the listings if they are not kept there."""
    builds_queued: int
    builds_running: int


def reach_of(consent: Consent, *, at: datetime) -> Reach:
    """The numbers to show before a person decides; changes nothing."""
    others = [one for one in unrevoked(consent.project) if one.origin != str(consent.pk)]
    live = Build.objects.filter(
        project=consent.project, state__in=[state.value for state in LIVE]
    ).only("version", "target", "state")
    ended = [
        build
        for build in live
        if not covering(
            others, version=build.version, target=build.target, channel=Channel.BUILD, at=at
        )
    ]
    queued = sum(build.state == BuildState.QUEUED for build in ended)
    return Reach(
        wheels_listed=wheels_that_leave(consent, at=at),
        builds_queued=queued,
        builds_running=len(ended) - queued,
    )
