"""Celery tasks of the index floor, found by name."""

from celery import shared_task
from django.db import connection
from django.utils import timezone

from indexes.services.licences import learn_licences as learn
from indexes.services.verification import withhold_unverified as withhold
from indexes.services.write_back import write_back as write_back_log


@shared_task(name="indexes.withhold_unverified")
def withhold_unverified() -> None:
    """Stop offering what upstream was not checked for; on its own, as the watcher may hang."""
    withhold(at=timezone.now())


@shared_task(name="indexes.learn_licences")
def learn_licences() -> None:
    """Read the licences that rules of curated indexes go by."""
    learn(at=timezone.now())


@shared_task(name="indexes.write_back")
def write_back() -> None:
    """Spare those who publish the wait for SQLite's log."""
    write_back_log(connection)
