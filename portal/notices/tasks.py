from uuid import UUID

from celery import shared_task
from django.utils import timezone

from portal.notices.services import deliver, deliver_due


@shared_task(name="portal.deliver_notice", soft_time_limit=60)
def deliver_one(delivery_id: str) -> None:
    """One that is cut short by its time is tried again, as if its worker had died."""
    deliver(delivery_id=UUID(delivery_id), at=timezone.now())


@shared_task(name="portal.deliver_notices")
def deliver_notices() -> None:
    deliver_due(at=timezone.now())
