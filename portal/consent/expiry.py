"""Telling people in time that a consent ends."""

from datetime import datetime, timedelta

from django.db import transaction

from portal.consent.models import Consent, Reminder
from portal.consent.telling import tell

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


@transaction.atomic
def _remind(consent: Consent, *, at: datetime) -> bool:
    _, is_new = Reminder.objects.get_or_create(consent=consent, defaults={"sent_at": at})
    if is_new:
        tell(
            "consent-expiring",
            project=consent.project,
            actor=None,
            people=[consent.user],
            text=f"The consent for {consent.project} ends on {consent.expires_at:%Y-%m-%d}. Nothing"
            f" new is built after that; wheels that exist stay listed. It is the turn of"
            f" {consent.user}, if it should go on: change its end on its page.",
            facts={
                "consent": str(consent.pk),
                "expires_at": consent.expires_at.isoformat() if consent.expires_at else None,
            },
            at=at,
        )
    return is_new
