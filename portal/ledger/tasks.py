from celery import shared_task
from django.utils import timezone

from portal.ledger.checkpoints import make_checkpoint


@shared_task(name="portal.make_checkpoint")
def checkpoint() -> None:
    make_checkpoint(at=timezone.now())
