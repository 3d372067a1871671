from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.ledger.models import Head
from portal.ledger.services import seal, verify_chain


class Command(BaseCommand):
    help = "Prove that the ledger is what was written; exits 1 at the first entry that is not."

    def handle(self, **_options: Any) -> None:
        seal()
        broken = verify_chain()
        if broken is not None:
            message = f"The ledger is broken: {broken}."
            raise CommandError(message)
        head = Head.objects.filter(id=1).first()
        self.stdout.write(
            f"The ledger holds: {head.sequence if head else 0} entries, none altered."
        )
