"""The one letter a year that the portal may write to a project's maintainers, and never after a no.

What is sent is written down first: a process that dies in between costs the letter, and can not
send it twice.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from indexes.models import Project
from portal.consent.facts import unended_consents
from portal.consent.licences import addresses_of
from portal.consent.mail import send
from portal.consent.models import Letter
from portal.consent.pause_links import link_of, new_link, take_back
from portal.consent.refusals import wants_no_letters
from portal.errors import LetterNotSent
from portal.ledger.services import record
from portal.ownership.owners import owners_of
from portal.requests.models import Request
from portal.requests.services import demand

A_YEAR = timedelta(days=365)
ROUND = 20
"""Letters of one go."""


def write_letters(*, at: datetime) -> int:
    """Write to the projects that enough people ask for; says to how many."""
    return sum(write_letter(project=project, at=at) for project in _wanted(at=at)[:ROUND])


def write_letter(*, project: Project, at: datetime) -> bool:
    """Write to the address in the project's metadata, if that may be done now; whether it was.

    Not without an address, within a year of the last, where there is a consent or somebody who
    has proven to own the project, or after a no.
    """
    addresses = addresses_of(project)
    if not addresses or not _claim(project, at=at):
        return False
    try:
        _send(project, addresses[0], at=at)
    except LetterNotSent:
        # Nobody got it, so it was none.
        _take_back(project, at=at)
        return False
    return True


@transaction.atomic
def _take_back(project: Project, *, at: datetime) -> None:
    Letter.objects.filter(project=project, sent_at=at).delete()
    record(actor="portal", verb="letter-failed", project=project.name, facts={}, at=at)


@transaction.atomic
def _claim(project: Project, *, at: datetime) -> bool:
    """Whether this process is the one to write, now and for a year."""
    project = Project.objects.select_for_update().get(pk=project.pk)
    if wants_no_letters(project) or unended_consents(project, at=at).exists():
        return False
    if owners_of(project, at=at).exists():
        # They see it when they sign in, and chose how to hear of it.
        return False
    is_due = Letter.objects.filter(project=project, sent_at__lte=at - A_YEAR).update(sent_at=at)
    if not is_due:
        _, is_due = Letter.objects.get_or_create(project=project, defaults={"sent_at": at})
    if is_due:
        record(actor="portal", verb="letter-sent", project=project.name, facts={}, at=at)
    return bool(is_due)


def _send(project: Project, address: str, *, at: datetime) -> None:
    site = settings.AFFINEUR_PUBLIC_URL
    link = new_link(project, address, at=at)
    try:
        send(
            "letter",
            to=address,
            subject=f"People ask for wheels of {project.display_name or project.name}",
            project=project,
            demand=demand(project),
            page=f"{site}{reverse('web:project', args=[project.name])}",
            consent_page=f"{site}{reverse('web:give-consent', args=[project.name])}",
            no_link=link_of(link),
        )
    except LetterNotSent:
        take_back(link, at=at)
        raise


def _wanted(*, at: datetime) -> QuerySet[Project]:
    """Without a letter within a year, the most wanted first; none when letters are off."""
    least: int = settings.AFFINEUR_LETTER_PEOPLE
    if not least:
        return Project.objects.none()
    petitions = Request.objects.petitions()
    people = Count("requests__user", filter=Q(requests__in=petitions), distinct=True)
    due = Q(letter=None) | Q(letter__sent_at__lte=at - A_YEAR)
    asked = Project.objects.filter(due, refusals=None).annotate(people=people)
    return asked.filter(people__gte=least).order_by("-people", "pk")
