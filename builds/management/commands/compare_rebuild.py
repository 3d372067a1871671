import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from builds.runner.problems import WheelProblem
from builds.services.reproduce import compare_rebuild
from indexes.models import File


class Command(BaseCommand):
    help = "Compare a wheel that was built again with the published one, and keep what comes of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("filename", help="of the published wheel")
        parser.add_argument(
            "wheel", type=Path, help="built anew, with the commands on the build's page"
        )

    def handle(self, *, filename: str, wheel: Path, **_options: Any) -> None:
        file = File.objects.select_related("project").filter(filename=filename).first()
        if file is None:
            raise CommandError(f"No file {filename} was published here.")
        if not wheel.is_file():
            raise CommandError(f"There is no file {wheel}.")
        try:
            is_same = compare_rebuild(
                file=file, wheel=wheel, by=getpass.getuser(), at=timezone.now()
            )
        except WheelProblem as problem:
            raise CommandError(f"{wheel} is no wheel that can be read: {problem}") from problem
        if not is_same:
            raise CommandError(f"{filename} did not come out the same: it is not reproducible.")
        self.stdout.write(f"{filename} came out the same: it is reproducible.")
