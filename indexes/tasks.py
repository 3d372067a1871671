"""Celery tasks of the index floor, found by name."""

from celery import shared_task
from django.utils import timezone

from indexes.services.licences import learn_licences as learn
from indexes.services.verification import withhold_unverified as withhold


@shared_task(name="indexes.withhold_unverified")
def withhold_unverified() -> None:
    """Stop offering what upstream was not checked for; on its own, as the watcher may hang."""
    withhold(at=timezone.now())


@shared_task(name="indexes.learn_licences")
def learn_licences() -> None:
    """Read the licences that rules of curated indexes go by."""
    learn(at=timezone.now())
