"""The first screen: one box for a project, a requirement, or a pasted list of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe
from packaging.version import Version

from builds.domain.planning import Refusal
from builds.domain.states import BuildState
from builds.models import Build, Permit
from builds.services.plan import Preview, previews
from indexes.domain.names import InvalidProjectName, parse_project_name
from indexes.models import Project
from portal.web.lookup import find_project
from portal.web.problems import EXPECTED
from portal.web.requirements import Wish, read_pasted

LINKABLE = 1500
"""Characters of a query that still make a good address."""


@dataclass(frozen=True, slots=True)
class Found:
    """What we can say of one wish. `version` is the newest release that it allows.

    `problem` says why there is no answer; `is_unknown` that nobody has asked upstream yet.
    """

    wish: Wish
    name: str = ""
    problem: str = ""
    is_unknown: bool = False
    has_consent: bool = False
    version: str = ""
    ours: int = 0
    upstream: int = 0
    missing: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    @property
    def is_served(self) -> bool:
        return bool(self.ours or self.upstream) and not self.missing and not self.refusals


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    published = Build.objects.filter(state=BuildState.PUBLISHED.value).select_related("project")
    context = {"latest": published.order_by("-ended_at", "pk")[:8]}
    return render(request, "web/home.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def search(request: HttpRequest) -> HttpResponse:
    query = request.POST.get("q", "") or request.GET.get("q", "")
    if request.method == "POST" and 0 < len(query) <= LINKABLE:
        return redirect(f"{request.path}?{urlencode({'q': query})}")
    pasted = read_pasted(query)
    results = look_up(request, pasted.wishes)
    context = {"query": query, "pasted": pasted, "results": results}
    return render(request, "web/search.html", context)


def look_up(request: HttpRequest, wishes: Sequence[Wish]) -> list[Found]:
    """What we can say of each wish. One alone is asked for upstream when we never saw it."""
    names: dict[Wish, str] = {}
    problems: dict[Wish, str] = {}
    for wish in wishes:
        try:
            names[wish] = parse_project_name(wish.name)
        except InvalidProjectName as error:
            problems[wish] = str(error)
    if len(wishes) == 1 and names:
        try:
            find_project(request, wishes[0].name, at=timezone.now())
        except EXPECTED as error:
            problems[wishes[0]] = str(error)
    projects = {
        project.name: project for project in Project.objects.filter(name__in=names.values())
    }
    known = [wish for wish in wishes if names.get(wish) in projects]
    looked_at = previews(wishes=[(projects[names[wish]], wish.specifiers) for wish in known])
    answers = dict(zip(known, looked_at, strict=True))
    with_consent = _permitted(projects.values())
    found: list[Found] = []
    for wish in wishes:
        name = names.get(wish, "")
        if wish in problems:
            found.append(Found(wish, name=name, problem=problems[wish]))
        elif wish in answers:
            found.append(
                _found(wish, name, answers[wish], has_consent=projects[name].pk in with_consent)
            )
        else:
            found.append(Found(wish, name=name, is_unknown=True))
    return found


def _found(wish: Wish, name: str, preview: Preview, *, has_consent: bool) -> Found:
    version = _newest(preview)
    served = [each for each in preview.served if each.version == version]
    return Found(
        wish,
        name=name,
        has_consent=has_consent,
        version=version,
        ours=sum(each.is_ours for each in served),
        upstream=sum(not each.is_ours for each in served),
        missing=tuple(gap.target for gap in preview.gaps if gap.version == version),
        refusals=tuple(refusal for refusal in preview.refusals if refusal.version in {version, ""}),
    )


def _newest(preview: Preview) -> str:
    """The newest release of a preview; the planner gives each of its parts newest first."""
    parts = (preview.served, preview.gaps, preview.refusals)
    versions = [each.version for part in parts for each in part[:1]]
    return str(max((Version(version) for version in versions if version), default=""))


def _permitted(projects: Iterable[Project]) -> set[int]:
    """The keys of those that somebody's consent lets us build something of now."""
    return set(
        Permit.objects.filter(project__in=[*projects], revoked_at=None)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .values_list("project_id", flat=True)
    )
