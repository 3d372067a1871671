import getpass
from collections import Counter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from builds.domain.keys import TOOLCHAIN_NAMES
from builds.errors import BuildsError
from builds.models import Replay
from builds.services.replay import Affected, Cause, Result, affected_by, replay, replay_report


class Command(BaseCommand):
    help = "Run those failures again that a new rule, recipe or toolchain could change."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--rule", metavar="CODE", help="of a diagnosis")
        what.add_argument("--recipe", metavar="PROJECT", help="whose recipe changed")
        what.add_argument("--toolchain", action="store_true", help="that this release builds with")
        what.add_argument("--report", metavar="ID", type=UUID, help="before and after of a replay")
        parser.add_argument("--dry-run", action="store_true", help="say how many, and run nothing")

    def handle(self, *, dry_run: bool, report: UUID | None, **options: Any) -> None:
        if report is not None:
            self._report(report)
            return
        cause, subject = _asked(options)
        at = timezone.now()
        try:
            if dry_run:
                self._tell(affected_by(cause=cause, subject=subject, at=at))
                return
            made = replay(cause=cause, subject=subject, by=getpass.getuser(), at=at)
        except BuildsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{made.replayed.count()} builds are queued, after all that somebody asked for;"
            f" {made.explained} failures are explained.\n"
            f"Before and after: manage.py replay --report {made.pk}"
        )

    def _tell(self, affected: Affected) -> None:
        counts = affected.counts()
        self.stdout.write(
            f"{counts['builds']} builds would run again: {counts['releases']} releases of"
            f" {counts['projects']} projects, for {counts['targets']} targets.\n"
            f"{counts['unpermitted']} more have no live permit and stay.\n"
            f"{counts['explained']} failures would be explained, and do not run."
        )
        for name, count in affected.projects():
            self.stdout.write(f"  {name}: {count}")

    def _report(self, pk: UUID) -> None:
        made = Replay.objects.filter(pk=pk).first()
        if made is None:
            raise CommandError(f"There is no replay {pk}.")
        rows = replay_report(made)
        results = Counter(row.result for row in rows)
        told = ", ".join(f"{results[result]} {result}" for result in Result if results[result])
        self.stdout.write(
            f"Replay for {made.cause} {made.subject}, {made.created_at}: {told or 'nothing'}."
        )
        for row in rows:
            self.stdout.write(f"  {row.build}: {row.before} → {row.after or row.result.value}")


def _asked(options: dict[str, Any]) -> tuple[Cause, str]:
    if options["rule"]:
        return Cause.RULE, options["rule"]
    if options["recipe"]:
        return Cause.RECIPE, options["recipe"]
    return Cause.TOOLCHAIN, TOOLCHAIN_NAMES[settings.AFFINEUR_TOOLCHAIN]
