from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from builds.services.reconcile import reconcile


class Command(BaseCommand):
    help = "Put right what lost messages and dead workers left behind, as the scheduler does."

    def handle(self, **_: Any) -> None:
        reconcile(at=timezone.now())
