"""Tasks of this floor, sent by name. Call these from `transaction.on_commit`.

The `Build` table is the queue of record: a message that the broker does not take costs a
delay until the next reconciliation, so it is told to the log and not to the caller.
"""

import logging
from typing import Any
from uuid import UUID

from celery import current_app
from kombu.exceptions import OperationalError

from builds.runner.job import Job

logger = logging.getLogger(__name__)

CONTROL_QUEUE = "control"
BUILDER_QUEUE = "builder"


def wake() -> None:
    """Have queued builds claimed."""
    _send("builds.claim", queue=CONTROL_QUEUE)


def send_job(job: Job) -> None:
    """Hand a job to the builders. One that comes too late finds its lease gone."""
    _send("builder.run", queue=BUILDER_QUEUE, kwargs={"job": job.to_json()})


def judge(attempt_id: UUID) -> None:
    """Have what an attempt uploaded judged."""
    _send("builds.judge", queue=CONTROL_QUEUE, kwargs={"attempt_id": str(attempt_id)})


def _send(task: str, *, queue: str, **options: Any) -> None:
    try:
        current_app.send_task(
            task, queue=queue, ignore_result=True, retry_policy={"max_retries": 1}, **options
        )
    except OperationalError as error:
        logger.warning("%s waits for reconciliation: the broker took no message: %s", task, error)
