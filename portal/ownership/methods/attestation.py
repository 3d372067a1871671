"""Attestation: on a development deployment, a person's word for themself. Marked for ever."""

from collections.abc import Sequence
from datetime import datetime

from portal.errors import AdministratorNeeded
from portal.ownership.conf import ownership_config
from portal.ownership.methods.base import Answer, Asked, Brought, Fact, Instruction, Lasting
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength


class Attestation(Lasting):
    name = "attestation"
    label = "Your word, for development"
    explanation = (
        "On this development deployment it is enough to say so. Such a proof is marked, and"
        " counts for nothing in production."
    )
    needs = "Nothing."
    strength = Strength.SUFFICIENT
    facts = (Fact("reason", "Why", "Why may you speak for the project? It stays on record."),)

    def closed_because(self) -> str:
        if ownership_config().is_development:
            return ""
        return "it is for development only, and this deployment is none."

    def start(self, asked: Asked) -> Answer:
        if asked.by != asked.user:
            raise AdministratorNeeded(asked.project.name)
        return Answer(
            ProofState.PROVEN,
            evidence={"attested_by": asked.by.username, "reason": asked.facts["reason"]},
        )

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # it holds until ended
        return Answer(ProofState(proof.state), evidence=proof.evidence)

    def instructions(self, proof: Proof) -> Sequence[Instruction]:  # noqa: ARG002  # none to give
        return ()
