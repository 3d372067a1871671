"""What an organisation uses by the requests in its name, and what it may use.

A build that several organisations asked for counts for each of them.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat

from builds.domain.states import LIVE
from builds.models import Attempt, Build
from indexes.models import File
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
    stored: int
    """Bytes of the wheels that were built for it, whatever their standing: all are kept."""
    storage: int

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
        if self.stored >= self.storage:
            return (
                f"The wheels built for {organisation} take {filesizeformat(self.stored)}, and its"
                f" quota is {filesizeformat(self.storage)}. What was published is kept, so no room"
                " comes back by itself. Your request is kept, and planned once an operator has"
                " raised the quota: it is their turn, ask them."
            )
        return ""


def usage_of(organisation: Organisation, *, at: datetime) -> Usage:
    """In three queries."""
    asked = Build.objects.filter(requests__organisation=organisation)
    month = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    attempts = Attempt.objects.filter(build__in=asked.values("pk"), created_at__gte=month)
    seconds = attempts.order_by().values_list("report__usage__cpu_seconds", flat=True)
    files = File.objects.filter(build_id__in=asked.order_by().values("pk"))
    own = organisation.builds_at_once, organisation.cpu_hours, organisation.storage_bytes
    default = (
        settings.AFFINEUR_ORGANISATION_BUILDS,
        settings.AFFINEUR_ORGANISATION_CPU_HOURS,
        settings.AFFINEUR_ORGANISATION_STORAGE,
    )
    builds_at_once, cpu_hours, storage = (
        given if mine is None else mine for mine, given in zip(own, default, strict=True)
    )
    return Usage(
        builds=asked.order_by().filter(state__in=LIVE).distinct().count(),
        builds_at_once=builds_at_once,
        cpu_hours=sum(filter(None, seconds)) / _HOUR,
        cpu_hours_a_month=cpu_hours,
        stored=files.aggregate(total=Sum("size", default=0))["total"],
        storage=storage,
    )


def over_quota(organisation: Organisation, *, at: datetime) -> str:
    """Why nothing more is planned for it now; empty while there is room."""
    return usage_of(organisation, at=at).over(organisation.slug)
