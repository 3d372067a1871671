from typing import Any

from django.core.management.base import BaseCommand, CommandError

from builds.errors import BuildsError
from builds.services.provenance import key_id, public_key, public_key_pem


class Command(BaseCommand):
    help = "Show the public key that provenance of this deployment is verified with."

    def handle(self, **_: Any) -> None:
        try:
            self.stdout.write(f"keyid {key_id(public_key())}\n{public_key_pem()}")
        except BuildsError as error:
            raise CommandError(str(error)) from error
