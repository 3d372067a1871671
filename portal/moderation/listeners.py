"""What happens elsewhere, and what moderation makes of it in the same transaction."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from builds.models import Permit
from builds.signals import permit_issued
from indexes.models import Project
from portal.consent.signals import pause_requested
from portal.moderation.holds import keep_held
from portal.moderation.intake import open_case
from portal.moderation.proceedings import CaseKind


@receiver(permit_issued)
def permit_was_issued(permit: Permit, **_kwargs: Any) -> None:
    keep_held(permit, at=permit.issued_at)


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
