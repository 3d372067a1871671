"""What happens on the floors below, for who asked for builds."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.dispatch import receiver

from builds.models import Build
from builds.signals import builds_ended
from indexes.models import Project
from indexes.signals import releases_added
from portal import dispatch
from portal.requests.models import Request
from portal.requests.services import note_builds


@receiver(builds_ended)
def builds_have_ended(builds: Sequence[Build], **_kwargs: Any) -> None:
    note_builds(builds=builds)


@receiver(releases_added)
def there_are_new_releases(project: Project, **_kwargs: Any) -> None:
    """A consent may cover them: whoever asked for the project's wheels gets theirs."""
    if Request.objects.filter(project=project).exists():
        transaction.on_commit(dispatch.replan)
