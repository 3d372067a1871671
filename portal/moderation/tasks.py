from celery import shared_task
from django.utils import timezone

from portal.moderation.services import close_due


@shared_task(name="portal.close_due_cases")
def close_due_cases() -> None:
    close_due(at=timezone.now())
