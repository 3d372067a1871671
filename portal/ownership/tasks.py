from celery import shared_task
from django.utils import timezone

from portal.ownership.services import recheck_due


@shared_task(name="portal.recheck_proofs")
def recheck() -> None:
    recheck_due(at=timezone.now())
