"""Celery tasks of the index floor, found by name."""

from celery import shared_task
from django.utils import timezone

from indexes.services.refresh import refresh_enrolled


@shared_task(name="indexes.mirror")
def mirror() -> None:
    """Follow upstream for every enrolled project."""
    refresh_enrolled(at=timezone.now())
