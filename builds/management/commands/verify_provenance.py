import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from builds.errors import BuildsError
from builds.services.provenance import verify_published


class Command(BaseCommand):
    help = "Verify the signed provenance of a published wheel, and show it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("filename", help="as it is listed: docopt-0.6.2-1affineur-….whl")

    def handle(self, *, filename: str, **_: Any) -> None:
        try:
            statement = verify_published(filename=filename)
        except BuildsError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(statement, indent=2))
