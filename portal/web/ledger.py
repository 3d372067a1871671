"""The ledger and the register of consents, as pages and feeds, and what a person may take home."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.syndication.views import Feed
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from indexes.domain.names import parse_project_name
from portal.accounts.services import is_administrator
from portal.audit.export import Encoder, export_of
from portal.audit.register import consents_ever_given, registered
from portal.ledger.models import Checkpoint, Entry
from portal.ledger.services import entries_of, public_entries
from portal.ledger.verbs import actor_in_words, public_actor, public_facts, words_of
from portal.ownership.services import has_proof
from portal.web.lookup import find_project
from portal.web.people import account, signed_in
from portal.web.problems import explained
from portal.web.text import lines_of, without_controls

PER_PAGE = 100
IN_FEED = 50


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as a page shows it, whole or redacted."""

    entry: Entry
    words: str
    actor: str
    facts: list[tuple[str, str]]


@require_safe
@explained
def of_project(request: HttpRequest, name: str) -> HttpResponse:
    """Every act on the project: whole for its proven owners, redacted for everybody else."""
    project = find_project(request, name, at=timezone.now())
    user = signed_in(request)
    is_whole = user is not None and (
        is_administrator(user)
        or has_proof(user=user, project=project, at=timezone.now()) is not None
    )
    page = Paginator(entries_of(project.name), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "page": page,
        "lines": [whole(entry) if is_whole else _redacted(entry) for entry in page],
        "is_whole": is_whole,
    }
    return render(request, "web/ledger.html", context)


@require_safe
def of_all(request: HttpRequest) -> HttpResponse:
    page = Paginator(public_entries(), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [_redacted(entry) for entry in page],
        "checkpoint": Checkpoint.objects.first(),
    }
    return render(request, "web/ledger_of_all.html", context)


@require_safe
@explained
def register(request: HttpRequest, name: str = "") -> HttpResponse:
    """Every consent that was given, of one project or of all."""
    project = parse_project_name(name) if name else ""
    consents = consents_ever_given(project=project)
    page = Paginator(consents, PER_PAGE).get_page(request.GET.get("page"))
    now = timezone.now()
    context = {
        "project": project,
        "page": page,
        "registered": [registered(consent, at=now) for consent in page],
    }
    return render(request, "web/register.html", context)


@require_safe
@login_required
@never_cache
def export(request: HttpRequest) -> HttpResponse:
    """All that is recorded about the person, as a file."""
    user, now = account(request), timezone.now()
    text = json.dumps(export_of(user, at=now), cls=Encoder, indent=2, ensure_ascii=False)
    name = f"affineur-export-{now:%Y-%m-%d}.json"
    return HttpResponse(
        text,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class LedgerFeed(Feed):  # type: ignore[type-arg]  # takes none at run time
    """The newest public entries, of one project (its name) or of all (empty), in Atom."""

    feed_type = Atom1Feed
    author_name = "Affineur"

    def get_object(self, _request: HttpRequest, name: str = "") -> str:
        return parse_project_name(name) if name else ""

    def title(self, project: str) -> str:
        return f"Ledger of {project}" if project else "Ledger of all projects"

    def subtitle(self, project: str) -> str:
        return f"What is done to {project or 'every project'}, without the names of people."

    def link(self, project: str) -> str:
        return _page_of(project)

    def items(self, project: str) -> list[Entry]:
        return list(public_entries(project=project)[:IN_FEED])

    def item_title(self, entry: Entry) -> str:
        return f"{entry.project}: {words_of(entry.verb)}"

    def item_description(self, entry: Entry) -> str:
        # Upstream may say anything; control characters have no form in XML.
        facts = lines_of(public_facts(entry.verb, entry.facts))
        told = (f"{what}: {without_controls(which)}" for what, which in facts)
        return "; ".join([f"By {public_actor(entry.actor)}", *told])

    def item_link(self, entry: Entry) -> str:
        return _page_of(entry.project)

    def item_guid(self, entry: Entry) -> str:
        return f"affineur:ledger:{entry.pk}"

    def item_updateddate(self, entry: Entry) -> datetime:
        return entry.at

    def item_author_name(self, entry: Entry) -> str:
        return public_actor(entry.actor)


feed = require_safe(explained(LedgerFeed()))


def _page_of(project: str) -> str:
    return reverse("web:ledger", args=[project]) if project else reverse("web:ledger-of-all")


def whole(entry: Entry) -> Line:
    return _line(entry, entry.actor, entry.facts)


def _redacted(entry: Entry) -> Line:
    return _line(entry, public_actor(entry.actor), public_facts(entry.verb, entry.facts))


def _line(entry: Entry, actor: str, facts: dict[str, Any]) -> Line:
    return Line(entry, words_of(entry.verb), actor_in_words(actor), list(lines_of(facts)))
