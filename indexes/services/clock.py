"""The time, where an act takes long, and where the clock was wrong.

What a clock that was ahead leaves in rows is times that are yet to come: upstream would not be
asked before them, and no answer would be followed.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic

from indexes.domain.schedule import LEASE_SECONDS
from indexes.models import Page, Project, Watch, WatchState

log = logging.getLogger(__name__)

SKEW_SECONDS = 300.0
"""By which clocks of several hosts may differ."""


def since(began: float, at: datetime) -> datetime:
    """The time now, when it was `at` at the monotonic second `began`."""
    return at + timedelta(seconds=monotonic() - began)


def is_ahead(time: datetime | None, *, at: datetime) -> bool:
    """Whether something cannot have been done at that time yet."""
    return time is not None and time > at + timedelta(seconds=SKEW_SECONDS)


def mend_times(*, state: WatchState, at: datetime) -> None:
    """Have every project asked for now, and date back to now what is dated later.

    The caller holds the state's row, and saves it.
    """
    log.warning("The clock was ahead, until %s: every project is asked for anew.", state.kept_at)
    state.filled_at, state.kept_at = at, None
    state.strain, state.strained_at, state.resumes_at = 0, None, None
    state.root_due_at = state.changelog_due_at = None
    lease = timedelta(seconds=LEASE_SECONDS)
    Watch.objects.filter(due_at__gt=at).update(due_at=at)
    Watch.objects.filter(claimed_until__gt=at + lease).update(claimed_until=None)
    Watch.objects.filter(swept_at__gt=at).update(swept_at=None)
    Watch.objects.filter(awaited_at__gt=at).update(awaited_at=None, awaited_serial=None)
    for field in ("verified_at", "changed_at", "doubted_at"):
        Project.objects.filter(**{f"{field}__gt": at}).update(**{field: at})
    Page.objects.filter(rendered_at__gt=at).update(rendered_at=at)
