"""`manage.py export_index FOLDER`: the overlay and the wheels index as static files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError

from indexes.errors import IndexesError
from indexes.services.export import export_index


class Command(BaseCommand):
    help = "Write the pages of the overlay and the wheels index to a folder; only what changed."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_index(folder=options["folder"])
        except IndexesError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.written} pages written, {done.unchanged} unchanged, {done.deleted} deleted."
        )
