"""Attestation: an administrator of this deployment records why they believe it."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from portal.accounts.services import is_administrator
from portal.errors import AdministratorNeeded
from portal.ownership.methods.base import Answer, Asked, Fact, Instruction
from portal.ownership.models import Proof, ProofState


class Attestation:
    """In development the person themself may attest: such a proof is marked, and stays so."""

    name = "attestation"
    label = "An administrator's word"
    explanation = (
        "An administrator of this deployment, signed in with a second factor, records why they"
        " are convinced that you may speak for the project. Who it was and why stay with it."
    )
    facts = (
        Fact(
            "reason",
            "Why",
            "What convinced the administrator? Name what was seen, and where.",
        ),
    )

    def start(self, asked: Asked) -> Answer:
        speaks_for_themself = settings.AFFINEUR_DEVELOPMENT and asked.by == asked.user
        if not speaks_for_themself and not (asked.is_at_session and is_administrator(asked.by)):
            raise AdministratorNeeded(asked.project.name)
        return Answer(
            ProofState.PROVEN,
            evidence={"attested_by": asked.by.username, "reason": asked.facts["reason"]},
        )

    def check(self, proof: Proof, at: datetime) -> Answer:  # noqa: ARG002  # it holds until ended
        return Answer(ProofState(proof.state))

    def instructions(self, proof: Proof) -> Sequence[Instruction]:  # noqa: ARG002  # none to give
        return ()
