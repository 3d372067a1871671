"""Pages to read: about, the agreements, and how the farm is doing."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from builds.domain.states import BuildState
from builds.models import Build
from builds.services.builders import builders_seen, stops_in_force
from indexes.domain.status import Standing
from indexes.models import File, Project
from portal.consent.agreements import all_agreements
from portal.web.addresses import overlay_url, wheels_url
from portal.web.text import rendered_markdown

STALE_AFTER = timedelta(hours=1)
"""Upstream is asked about every enrolled project each few minutes; an hour is too long."""


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    context = {"overlay": overlay_url(), "wheels": wheels_url()}
    return render(request, "web/about.html", context)


@require_safe
def agreements(request: HttpRequest) -> HttpResponse:
    return render(request, "web/agreements.html", {"agreements": all_agreements()})


@require_safe
def agreement(request: HttpRequest, name: str, version: str) -> HttpResponse:
    for known in all_agreements():
        if (known.name, str(known.version)) == (name, version):
            context = {"agreement": known, "html": rendered_markdown(known.text)}
            return render(request, "web/agreement.html", context)
    message = f"There is no version {version} of an agreement {name}."
    raise Http404(message)


@require_safe
@never_cache
def status(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    counted = dict(
        Build.objects.order_by().values_list("state").annotate(count=Count("pk")).iterator()
    )
    followed = Project.objects.filter(is_enrolled=True).aggregate(
        count=Count("pk"), oldest=Min("verified_at"), newest=Max("verified_at")
    )
    oldest = followed["oldest"]
    context = {
        "queue": [(state, counted.get(state.value, 0)) for state in BuildState],
        "waiting_since": Build.objects.filter(state=BuildState.QUEUED.value).aggregate(
            at=Min("queued_at")
        )["at"],
        "builders": builders_seen(at=now),
        "stops": stops_in_force(),
        "now": now,
        "followed": followed,
        "is_upstream_stale": oldest is not None and now - oldest > STALE_AFTER,
        "upstream": settings.AFFINEUR_UPSTREAM,
        "files": File.objects.filter(standing=Standing.LISTED.value).aggregate(
            count=Count("pk"), size=Sum("size", default=0)
        ),
    }
    return render(request, "web/status.html", context)
