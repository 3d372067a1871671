"""Pausing without an account: a signed link, sent to the address in the project's metadata.

Who reads the mail of that address pauses all consents of the project, and nobody writes to it
again; to end the pause takes a proof. A moderator hears of it (`pause_requested`).
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.urls import reverse

from indexes.models import Project
from portal.consent.licences import addresses_of
from portal.consent.mail import send
from portal.consent.models import PauseLink
from portal.consent.signals import pause_requested
from portal.consent.suspension import pause_for_metadata
from portal.errors import LetterNotSent, LinkInvalid, LinkSentJustNow, NoAddress
from portal.ledger.services import record

EVERY = timedelta(days=1)
LASTS = timedelta(days=7)
MOST_A_DAY = 100
"""Of all projects together: nobody makes us a burden to strangers."""
IN_LETTERS = timedelta(days=365)
"""A link in a letter lasts until the next one could be sent."""

_SIGNER = Signer(salt="portal.consent.pause")


def send_pause_link(*, project: Project, at: datetime) -> None:
    """Send a link to the first address of the newest release; to whom is told to nobody.

    Raises `NoAddress`, `LinkSentJustNow`, `LetterNotSent`.
    """
    addresses = addresses_of(project)
    if not addresses:
        raise NoAddress(project.name)
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=project.pk)
        latest = PauseLink.objects.filter(project=project, sent_at__gt=at - EVERY).first()
        if latest:
            raise LinkSentJustNow(project.name, latest.sent_at + EVERY)
        if PauseLink.objects.filter(sent_at__gt=at - EVERY).count() >= MOST_A_DAY:
            raise LetterNotSent(project.name)
        link = new_link(project, addresses[0], at=at)
    try:
        send(
            "pause_link",
            to=link.address,
            subject=f"Pause what is built of {project.display_name or project.name}",
            project=project,
            link=link_of(link),
            days=LASTS.days,
        )
    except LetterNotSent:
        take_back(link, at=at)
        raise


@transaction.atomic
def new_link(project: Project, address: str, *, at: datetime) -> PauseLink:
    """One to be sent to that address, which the ledger does not name."""
    link = PauseLink.objects.create(project=project, address=address, sent_at=at)
    facts = {"link": str(link.pk)}
    record(actor="portal", verb="pause-link-sent", project=project.name, facts=facts, at=at)
    return link


def link_of(link: PauseLink) -> str:
    token = _SIGNER.sign(str(link.pk))
    return f"{settings.AFFINEUR_PUBLIC_URL}{reverse('web:pause-by-link', args=[token])}"


def read_link(token: str, *, at: datetime) -> PauseLink:
    """The link that a token stands for; raises `LinkInvalid`."""
    try:
        pk = UUID(_SIGNER.unsign(token))
    except (BadSignature, ValueError) as error:
        raise LinkInvalid from error
    link = PauseLink.objects.select_related("project").filter(pk=pk).first()
    if link is None or link.sent_at <= at - _lasts(link):
        raise LinkInvalid
    return link


@transaction.atomic
def pause_by_link(*, token: str, at: datetime) -> int:
    """Pause all consents of the link's project; says how many. A second time pauses what is new.

    Raises `LinkInvalid`.
    """
    link = read_link(token, at=at)
    paused = pause_for_metadata(project=link.project, at=at)
    is_first = PauseLink.objects.filter(pk=link.pk, used_at=None).update(used_at=at)
    if is_first:
        record(
            actor="portal",
            verb="pause-requested",
            project=link.project.name,
            facts={"link": str(link.pk), "paused": paused},
            at=at,
        )
        pause_requested.send(
            PauseLink, project=link.project, address=link.address, paused=paused, at=at
        )
    return paused


@transaction.atomic
def take_back(link: PauseLink, *, at: datetime) -> None:
    """It could not be sent, so nobody has it."""
    facts = {"link": str(link.pk)}
    project = link.project.name
    link.delete()
    record(actor="portal", verb="pause-link-failed", project=project, facts=facts, at=at)


def _lasts(link: PauseLink) -> timedelta:
    """Longer for the one that a letter had."""
    letter = getattr(link.project, "letter", None)
    return IN_LETTERS if letter and letter.sent_at == link.sent_at else LASTS
