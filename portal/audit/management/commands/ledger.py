import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from builds.errors import EnvelopeInvalid, SigningKeyInvalid, SigningKeyMissing
from builds.services.provenance import public_key, read_public_key
from portal.audit.verify import Verdict, verify
from portal.ledger.checkpoints import make_checkpoint


class Command(BaseCommand):
    help = "Prove the ledger, or sign where it ends."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        verifying = acts.add_parser(
            "verify",
            help="Prove that it is what was written, and that the tables are what it says;"
            " exits 1 when not.",
        )
        verifying.add_argument(
            "--key",
            action="append",
            default=[],
            type=Path,
            help="PEM of a public key that checkpoints were signed by before the present one.",
        )
        verifying.add_argument(
            "--checkpoint",
            action="append",
            default=[],
            type=Path,
            help="JSON of a checkpoint's envelope that was kept elsewhere.",
        )
        acts.add_parser("checkpoint", help="Sign where the ledger ends now.")

    def handle(self, **options: Any) -> None:
        try:
            if options["act"] == "checkpoint":
                made = make_checkpoint(at=timezone.now())
                self.stdout.write(f"Signed: {made.sequence} entries, ending in {made.hash}.")
                return
            verdict = verify(
                keys=[public_key(), *(read_public_key(path) for path in options["key"])],
                kept=[json.loads(path.read_text()) for path in options["checkpoint"]],
                at=timezone.now(),
            )
        except (SigningKeyMissing, SigningKeyInvalid, EnvelopeInvalid) as error:
            raise CommandError(str(error)) from error
        except (OSError, ValueError) as error:
            message = f"A checkpoint cannot be read: {error}."
            raise CommandError(message) from error
        self._tell(verdict)

    def _tell(self, verdict: Verdict) -> None:
        for problem in verdict.problems:
            self.stderr.write(problem)
        project = None
        for mismatch in verdict.mismatches:
            if mismatch.project != project:
                project = mismatch.project
                self.stderr.write(f"{project or 'Of no project'}:")
            self.stderr.write(f"  {mismatch}")
        if not verdict.holds:
            message = (
                f"The ledger does not hold: {len(verdict.problems)} problems of the chain,"
                f" {len(verdict.mismatches)} rows that it does not explain."
            )
            raise CommandError(message)
        self.stdout.write(
            f"The ledger holds: {verdict.entries} entries, none altered;"
            f" {verdict.checkpoints} checkpoints, all signed; every row explained."
        )
