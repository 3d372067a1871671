"""What follows for consents when the proofs of a project change, in the same transaction."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from indexes.models import Project
from portal.consent.suspension import hold_to_proofs
from portal.ownership.signals import ground_changed


@receiver(ground_changed)
def ground_has_changed(project: Project, at: datetime, **_kwargs: Any) -> None:
    hold_to_proofs(project=project, at=at)
