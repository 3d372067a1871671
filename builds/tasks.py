"""What workers of the control side are sent, by name. Every task may run twice."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from builds.services.claim import claim_builds
from builds.services.events import record_event as record_builders_event
from builds.services.judge import judge_attempt
from builds.services.reconcile import reconcile as reconcile_builds

AWAY = (OperationalError, InterfaceError)
"""The database is away for now; what a builder said must outlast that."""


@shared_task(name="builds.claim")
def claim() -> None:
    claim_builds(at=timezone.now())


@shared_task(
    name="builds.record_event",
    autoretry_for=AWAY,
    retry_backoff=True,
    retry_backoff_max=60,
    max_retries=None,
)
def record_event(attempt_id: str, lease: str, event: dict[str, Any]) -> None:
    record_builders_event(attempt_id=UUID(attempt_id), lease=lease, event=event, at=timezone.now())


@shared_task(name="builds.judge")
def judge(attempt_id: str) -> None:
    judge_attempt(attempt_id=UUID(attempt_id), at=timezone.now())


@shared_task(name="builds.reconcile")
def reconcile() -> None:
    reconcile_builds(at=timezone.now())
