"""`manage.py export_index TARGET`: indexes as static files, in a folder or a bucket."""

from argparse import ArgumentParser
from typing import Any, override

from django.core.management.base import BaseCommand, CommandError

from indexes.errors import IndexesError
from indexes.services.export import DEFAULT_INDEXES, Files, export_index, site_at


class Command(BaseCommand):
    help = "Write indexes to a folder or a bucket, to be served as they are; only what changed."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", help="a folder, or s3://bucket/prefix")
        parser.add_argument(
            "--index",
            action="append",
            dest="indexes",
            metavar="PATH",
            help="path of an index on the site, such as platforms/manylinux_2_28_x86_64/simple; "
            "may be given several times; the overlay and the wheels index unless one is",
        )
        parser.add_argument(
            "--files",
            choices=[choice.value for choice in Files],
            default=Files.COPY.value,
            help="copy our wheels, or link to them where they are stored",
        )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = export_index(
                site=site_at(options["target"]),
                indexes=options["indexes"] or DEFAULT_INDEXES,
                files=Files(options["files"]),
            )
        except IndexesError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.written} files written, {done.unchanged} unchanged, {done.deleted} deleted."
        )
