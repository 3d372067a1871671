from celery import shared_task
from django.utils import timezone

from portal.consent.services import end_development_permits
from portal.consent.suspension import end_graces


@shared_task(name="portal.end_development_permits")
def end_those_of_development() -> None:
    end_development_permits(at=timezone.now())


@shared_task(name="portal.end_graces")
def end_those_over() -> None:
    end_graces(at=timezone.now())
