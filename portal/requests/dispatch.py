"""Wakes a worker for requests that are to be planned anew. Call this from `on_commit`.

A message that the broker does not take costs a delay until the next round.
"""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def replan() -> None:
    try:
        current_app.send_task(
            "portal.replan_requests",
            queue="control",
            ignore_result=True,
            retry_policy={"max_retries": 1},
        )
    except OperationalError as error:
        logger.warning("Requests wait for the next round: the broker took no message: %s", error)
