"""Wakes a worker to send an invitation. Call this from `transaction.on_commit`.

A message that the broker does not take costs the e-mail alone: the invitation is on the pages of
who is invited.
"""

import logging
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def mail_invitation(invitation: UUID) -> None:
    try:
        current_app.send_task(
            "portal.mail_invitation",
            kwargs={"invitation_id": str(invitation)},
            queue="control",
            ignore_result=True,
            retry_policy={"max_retries": 1},
        )
    except OperationalError as error:
        logger.warning("No e-mail for an invitation: the broker took no message: %s", error)
