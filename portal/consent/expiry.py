"""The end of consents by their date: told in time, and seen to at once."""

from datetime import datetime, timedelta

from django.db import transaction

from builds.services.permits import revoke_permits
from indexes.models import Project
from portal.consent.listing import settle_listing, wheels_that_leave
from portal.consent.models import Consent, Expiry, Reminder
from portal.consent.telling import tell
from portal.requests.services import replan_project

WITHIN = timedelta(days=30)


def remind_of_expiry(*, at: datetime) -> int:
    """Tell of consents that end within a month, each once; says of how many."""
    ending = Consent.objects.filter(
        expires_at__gt=at,
        expires_at__lte=at + WITHIN,
        revocation=None,
        replaced_by=None,
        reminder=None,
    ).select_related("project", "user")
    return sum(_remind(consent, at=at) for consent in ending.order_by("expires_at", "pk"))


def end_expired(*, at: datetime) -> int:
    """Have consents whose date has come end: builds stop and wheels leave the listings.

    Each once; says how many.
    """
    over = Consent.objects.filter(
        expires_at__lte=at, revocation=None, replaced_by=None, expiry=None
    ).select_related("project", "user")
    return sum(_end(consent, at=at) for consent in over.order_by("expires_at", "pk"))


@transaction.atomic
def _remind(consent: Consent, *, at: datetime) -> bool:
    _, is_new = Reminder.objects.get_or_create(consent=consent, defaults={"sent_at": at})
    if is_new:
        wheels = wheels_that_leave(consent, at=at)
        tell(
            "consent-expiring",
            project=consent.project,
            actor=None,
            people=[consent.user],
            text=f"The consent for {consent.project} ends on {consent.expires_at:%Y-%m-%d}. Nothing"
            f" new is built after that, and wheels that it alone covers leave the listings"
            f" ({wheels} now); lock files that name them still resolve. It is the turn of"
            f" {consent.user}, if it should go on: change its end on its page.",
            facts=_facts(consent),
            at=at,
        )
    return is_new


@transaction.atomic
def _end(consent: Consent, *, at: datetime) -> bool:
    project = Project.objects.select_for_update().get(pk=consent.project_id)
    # Somebody may have seen to it, or ended it, while the project was waited for.
    if not Consent.objects.filter(
        pk=consent.pk, revocation=None, replaced_by=None, expiry=None
    ).exists():
        return False
    why = f"The consent for {project} ended on {consent.expires_at:%Y-%m-%d %H:%M} UTC."
    revoked = revoke_permits(origin=str(consent.pk), reason=why, at=at)
    withheld = settle_listing(project, at=at)
    Expiry.objects.create(
        consent=consent, builds_cancelled=revoked.cancelled, files_withheld=withheld, seen_at=at
    )
    facts = {"builds_cancelled": revoked.cancelled, "files_withheld": withheld}
    tell(
        "consent-expired",
        project=project,
        actor=None,
        people=[consent.user],
        text=f"{why} What it alone covered is built no longer. Wheels that left the listings:"
        f" {withheld}; lock files that name them still resolve, and they are listed again when"
        f" a consent covers them. It is the turn of {consent.user}, or of any other owner, if it"
        " should go on: consent again.",
        facts=_facts(consent) | facts,
        at=at,
    )
    replan_project(project=project, at=at, why=why)
    return True


def _facts(consent: Consent) -> dict[str, str | None]:
    expires_at = consent.expires_at.isoformat() if consent.expires_at else None
    return {"consent": str(consent.pk), "expires_at": expires_at}
