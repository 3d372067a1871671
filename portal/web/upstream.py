"""How fresh our word on upstream is, for anyone to see."""

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from indexes.domain.latency import PERCENTILES
from indexes.models import Project
from indexes.services.verification import upstream_status
from portal.web.text import without_controls

PER_PAGE = 50
LONGEST_QUERY = 100


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """In all, and of each project: those not verified for longest first."""
    now = timezone.now()
    query = without_controls(request.GET.get("q", "")).strip().lower()[:LONGEST_QUERY]
    projects = Project.objects.enrolled().select_related("watch")
    if query:
        projects = projects.filter(name__contains=query)
    oldest_first = projects.order_by(F("verified_at").asc(nulls_first=True), "pk")
    status = upstream_status(at=now)
    yanks, others = status.latency.yanks.within, status.latency.others.within
    context = {
        "status": status,
        "within": [(each, yanks.get(each), others.get(each)) for each in PERCENTILES],
        "page": Paginator(oldest_first, PER_PAGE).get_page(request.GET.get("page")),
        "query": query,
        "upstream": settings.AFFINEUR_UPSTREAM,
    }
    return render(request, "web/upstream.html", context)
