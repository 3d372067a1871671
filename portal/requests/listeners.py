"""What happens to builds, told to who asked for them in the transaction in which it happens."""

from typing import Any

from django.dispatch import receiver

from builds.models import Build
from builds.signals import build_ended
from portal.requests.services import note_build


@receiver(build_ended)
def build_has_ended(build: Build, **_kwargs: Any) -> None:
    note_build(build=build)
