"""What happens elsewhere, and what moderation makes of it in the same transaction."""

from typing import Any

from django.dispatch import receiver

from builds.models import Permit
from builds.signals import permit_issued
from portal.moderation.holds import keep_held


@receiver(permit_issued)
def permit_was_issued(permit: Permit, **_kwargs: Any) -> None:
    keep_held(permit, at=permit.issued_at)
