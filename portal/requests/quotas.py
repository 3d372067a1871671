"""What an organisation uses by the requests in its name, and what it may use.

A build that several organisations asked for counts for each of them.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from builds.domain.states import LIVE
from builds.models import Attempt, Build
from portal.organisations.models import Organisation

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one organisation, and its quotas."""

    builds: int
    """In progress now."""
    builds_at_once: int
    cpu_hours: float
    """Of this calendar month (UTC)."""
    cpu_hours_a_month: int

    def over(self, organisation: str) -> str:
        """Why nothing more is planned for it, and until when; empty while there is room."""
        if self.builds >= self.builds_at_once:
            return (
                f"{organisation} is at its quota of builds in progress: {self.builds} of"
                f" {self.builds_at_once}. Your request is kept, and planned when enough of them"
                " have ended. It is the farm's turn; an operator can raise the quota."
            )
        if self.cpu_hours >= self.cpu_hours_a_month:
            return (
                f"{organisation} has used {self.cpu_hours:.1f} CPU-hours this month, and its quota"
                f" is {self.cpu_hours_a_month}. Your request is kept, and planned when the next"
                " month begins (UTC), or once an operator has raised the quota: it is their turn."
            )
        return ""


def usage_of(organisation: Organisation, *, at: datetime) -> Usage:
    """In two queries."""
    asked = Build.objects.filter(requests__organisation=organisation)
    month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    attempts = Attempt.objects.filter(build__in=asked.values("pk"), created_at__gte=month)
    seconds = attempts.order_by().values_list("report__usage__cpu_seconds", flat=True)
    own = organisation.builds_at_once, organisation.cpu_hours
    default = settings.AFFINEUR_ORGANISATION_BUILDS, settings.AFFINEUR_ORGANISATION_CPU_HOURS
    builds_at_once, cpu_hours = (
        given if mine is None else mine for mine, given in zip(own, default, strict=True)
    )
    return Usage(
        builds=asked.order_by().filter(state__in=LIVE).distinct().count(),
        builds_at_once=builds_at_once,
        cpu_hours=sum(filter(None, seconds)) / _HOUR,
        cpu_hours_a_month=cpu_hours,
    )


def over_quota(organisation: Organisation, *, at: datetime) -> str:
    """Why nothing more is planned for it now; empty while there is room."""
    return usage_of(organisation, at=at).over(organisation.slug)
