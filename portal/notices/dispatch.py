"""Wakes a worker for what waits to be sent. Call this from `transaction.on_commit`.

A message that the broker does not take costs a delay until the next round.
"""

import logging
from collections.abc import Iterable
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def deliver(deliveries: Iterable[UUID]) -> None:
    """Have each of these sent."""
    try:
        for delivery in deliveries:
            current_app.send_task(
                "portal.deliver_notice",
                kwargs={"delivery_id": str(delivery)},
                queue="control",
                ignore_result=True,
                retry_policy={"max_retries": 1},
            )
    except OperationalError as error:
        logger.warning("Notices wait for the next round: the broker took no message: %s", error)
