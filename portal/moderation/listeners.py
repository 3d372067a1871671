"""What happens elsewhere, and what moderation makes of it in the same transaction."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from indexes.models import Project
from portal.consent.models import Consent
from portal.consent.signals import consent_giving, pause_requested
from portal.moderation.holds import refuse_while_held
from portal.moderation.intake import open_case
from portal.moderation.proceedings import CaseKind


@receiver(consent_giving)
def consent_is_given(consent: Consent, **_kwargs: Any) -> None:
    refuse_while_held(consent)


@receiver(pause_requested)
def pause_was_requested(project: Project, paused: int, at: datetime, **_kwargs: Any) -> None:
    open_case(
        kind=CaseKind.PAUSE_BY_EMAIL,
        project=project,
        about=None,
        reported_by=None,
        text=f"Who reads the e-mail of {project}'s metadata asked to pause it by our link. Consents"
        f" paused by that: {paused}. Whether they speak for the project is yours to find out.",
        at=at,
    )
