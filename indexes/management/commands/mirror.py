"""`manage.py mirror`: follow upstream now; `--check` what differs, `--repair` it.

Exit status: 0 when all is as it should be, 1 when something is not, 2 when upstream could not be
asked, so that nothing can be said of some projects.
"""

from argparse import ArgumentParser
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from indexes.domain.names import InvalidProjectName, NormalizedName, parse_project_name
from indexes.services.compare import compare_projects, known_among, repair_project
from indexes.services.pages import repair_roots
from indexes.services.refresh import refresh_enrolled, refresh_project
from indexes.upstream import UpstreamError

DIFFERENT, NOT_REACHED = 1, 2


class Command(BaseCommand):
    help = "Follow upstream for every enrolled project, or for those named."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("projects", nargs="*", help="only these, enrolled or not")
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument(
            "--check", action="store_true", help="change nothing; print what differs, fail if any"
        )
        mode.add_argument("--repair", action="store_true", help="print what differs and mend it")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            names = [parse_project_name(name) for name in options["projects"]]
        except InvalidProjectName as error:
            raise CommandError(str(error)) from error
        if options["check"] or options["repair"]:
            self._compare(names, is_repair=options["repair"])
        elif names:
            self._refresh(names)
        else:
            self._follow()

    def _compare(self, names: list[NormalizedName], *, is_repair: bool) -> None:
        if unknown := sorted({*names} - known_among(names=names)):
            raise CommandError(
                f"{', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not known here: "
                "`manage.py mirror NAME` asks upstream."
            )
        found = []
        for difference in compare_projects(names=names):
            self.stdout.write(f"{difference.project or 'all'}: {difference.what}")
            found.append(difference)
        wanting = {item.project for item in found if item.can_repair} if is_repair else set()
        repaired = sorted(wanting - {""})
        for name in repaired:
            repair_project(name=NormalizedName(name), at=timezone.now())
        if wanting:
            # Of themselves, or with the projects that they list.
            repair_roots(at=timezone.now())
        left = [item for item in found if not (is_repair and item.can_repair)]
        if left:
            status = DIFFERENT if all(item.is_compared for item in left) else NOT_REACHED
            raise CommandError(
                f"{len(left)} differences from upstream are left.", returncode=status
            )
        self.stdout.write(f"{len(found)} differences, {len(repaired)} projects repaired.")

    def _refresh(self, names: list[NormalizedName]) -> None:
        for name in names:
            try:
                project = refresh_project(name=name, at=timezone.now())
            except UpstreamError as error:
                raise CommandError(str(error), returncode=NOT_REACHED) from error
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
            raise CommandError(
                "Upstream was not reached for every project.", returncode=NOT_REACHED
            )
