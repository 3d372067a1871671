"""What follows for consents from what happens elsewhere and to others, in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from builds.models import Build
from builds.signals import builds_queued
from indexes.models import File, Project
from indexes.signals import file_published
from portal.consent.models import Consent
from portal.consent.signals import consent_giving
from portal.consent.sources import has_copyleft, hold_without_source, keep_soon
from portal.consent.suspension import hold_to_proofs, refuse_while_objected
from portal.ownership.signals import ground_changed


@receiver(consent_giving)
def consent_is_given(consent: Consent, **_kwargs: Any) -> None:
    refuse_while_objected(consent)


@receiver(ground_changed)
def ground_has_changed(project: Project, at: datetime, **_kwargs: Any) -> None:
    hold_to_proofs(project=project, at=at)


@receiver(builds_queued)
def builds_were_queued(builds: Sequence[Build], **_kwargs: Any) -> None:
    if has_copyleft(list(builds)):
        transaction.on_commit(keep_soon, robust=True)


@receiver(file_published)
def file_was_published(file: File, **_kwargs: Any) -> None:
    hold_without_source(file, at=timezone.now())
