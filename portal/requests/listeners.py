"""What happens to builds, told to who asked for them in the transaction in which it happens."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from builds.models import Build
from builds.signals import builds_ended
from portal.requests.services import note_builds


@receiver(builds_ended)
def builds_have_ended(builds: Sequence[Build], **_kwargs: Any) -> None:
    note_builds(builds=builds)
