"""`manage.py watch`: follow upstream for every enrolled project, until it is told to stop."""

import signal
from threading import Event
from typing import Any, override

from django.core.management.base import BaseCommand
from django.utils import timezone

from indexes.services.watch import Watcher
from indexes.upstream import open_watching


class Command(BaseCommand):
    help = "Follow upstream for every enrolled project; one process or several share the work."

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        upstream, changelog = open_watching()
        upstream.start()
        try:
            Watcher(upstream=upstream, changelog=changelog, clock=timezone.now).run(stop)
        finally:
            upstream.close()
            if changelog is not None:
                changelog.close()
