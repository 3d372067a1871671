from uuid import UUID

from celery import shared_task
from django.utils import timezone

from portal.organisations import services


@shared_task(
    name="portal.mail_invitation",
    autoretry_for=(OSError,),
    retry_backoff=60,
    max_retries=5,
    soft_time_limit=60,
)
def mail_invitation(invitation_id: str) -> None:
    services.mail_invitation(invitation_id=UUID(invitation_id), at=timezone.now())
