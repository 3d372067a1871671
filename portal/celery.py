"""The control side's Celery application: workers of its queues, and beat."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.dev")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(
    [
        "builds",
        "indexes",
        "portal.consent",
        "portal.ledger",
        "portal.moderation",
        "portal.notices",
        "portal.organisations",
        "portal.ownership",
        "portal.requests",
    ]
)
