from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from builds.services.builders import builders_seen, resume_builder, stops_in_force


class Command(BaseCommand):
    help = "Say which builders worked lately and which are stopped; let one go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--resume",
            metavar="NAME",
            nargs="?",
            const="",
            help="give this builder jobs again; without a name, the whole farm",
        )

    def handle(self, *, resume: str | None, **_: Any) -> None:
        at = timezone.now()
        if resume is not None:
            self._resume(resume)
            return
        for builder in builders_seen(at=at):
            self.stdout.write(
                f"{builder.name}: last seen {builder.seen_at:%Y-%m-%d %H:%M} UTC, in a day"
                f" {builder.attempts} attempts, {builder.faults} of them ended by our faults"
            )
        for stop in stops_in_force():
            self.stdout.write(
                f"stopped: {stop} since {stop.stopped_at:%Y-%m-%d %H:%M} UTC, one job on trial"
                f" after {stop.until:%H:%M}. {stop.reason}"
            )

    def _resume(self, name: str) -> None:
        if not resume_builder(name=name, at=timezone.now()):
            raise CommandError(f"{name or 'The whole farm'} is not stopped.")
        self.stdout.write(f"{name or 'The whole farm'} is given jobs again.")
