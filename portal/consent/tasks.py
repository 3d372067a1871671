from celery import shared_task
from django.utils import timezone

from portal.consent.services import end_development_permits


@shared_task(name="portal.end_development_permits")
def end_those_of_development() -> None:
    end_development_permits(at=timezone.now())
