from celery import shared_task
from django.utils import timezone

from portal.requests.services import replan_requests


@shared_task(name="portal.replan_requests")
def replan() -> None:
    replan_requests(at=timezone.now())
