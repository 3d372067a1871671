"""`manage.py mirror`: follow upstream now; `--check` what differs, `--repair` it."""

from argparse import ArgumentParser
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from indexes.domain.names import InvalidProjectName, NormalizedName, parse_project_name
from indexes.services.compare import compare_enrolled, repair_project
from indexes.services.refresh import refresh_enrolled, refresh_project
from indexes.upstream import UpstreamError


class Command(BaseCommand):
    help = "Follow upstream for every enrolled project, or for those named."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("projects", nargs="*", help="refresh these, enrolled or not")
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument(
            "--check", action="store_true", help="change nothing; print what differs, fail if any"
        )
        mode.add_argument("--repair", action="store_true", help="print what differs and mend it")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"] or options["repair"]:
            self._compare(is_repair=options["repair"])
        elif options["projects"]:
            self._refresh(options["projects"])
        else:
            self._follow()

    def _compare(self, *, is_repair: bool) -> None:
        found = []
        for difference in compare_enrolled():
            self.stdout.write(f"{difference.project}: {difference.what}")
            found.append(difference)
        repaired = sorted({item.project for item in found if item.can_repair}) if is_repair else []
        for name in repaired:
            repair_project(name=NormalizedName(name), at=timezone.now())
        left = [item for item in found if not (is_repair and item.can_repair)]
        if left:
            raise CommandError(f"{len(left)} differences from upstream are left.")
        self.stdout.write(f"{len(found)} differences, {len(repaired)} projects repaired.")

    def _refresh(self, names: list[str]) -> None:
        for name in names:
            try:
                project = refresh_project(name=parse_project_name(name), at=timezone.now())
            except (UpstreamError, InvalidProjectName) as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"{project.name}: {project.status}")

    def _follow(self) -> None:
        done = refresh_enrolled(at=timezone.now())
        self.stdout.write(
            f"{done.checked} projects verified, {len(done.changed)} changed, "
            f"{len(done.failed)} not reached."
        )
        for name, error in done.failed:
            self.stderr.write(f"{name}: {error}")
        if done.failed:
            raise CommandError("Upstream was not reached for every project.")
