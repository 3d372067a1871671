"""Tasks of this floor, sent by name. Call these from `transaction.on_commit`.

What waits is in the tables: a message that the broker does not take costs a delay until the next
round, so it is told to the log and not to the caller. Of an invitation it costs the e-mail alone:
it is on the pages of who is invited.
"""

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def replan() -> None:
    """Have requests planned anew."""
    _send("portal.replan_requests", {})


def deliver(deliveries: Iterable[UUID]) -> None:
    """Have each of these notices sent."""
    _send("portal.deliver_notice", *({"delivery_id": str(pk)} for pk in deliveries))


def mail_invitation(invitation: UUID) -> None:
    _send("portal.mail_invitation", {"invitation_id": str(invitation)})


def _send(task: str, *calls: dict[str, str]) -> None:
    """Once for each of `calls`, its arguments; none of the others after one was not taken."""
    try:
        for arguments in calls:
            current_app.send_task(
                task,
                kwargs=arguments,
                queue="control",
                ignore_result=True,
                retry_policy={"max_retries": 1},
            )
    except OperationalError as error:
        logger.warning("%s waits for the next round: the broker took no message: %s", task, error)
