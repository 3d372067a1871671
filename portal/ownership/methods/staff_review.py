"""Staff review: two administrators, each with their own reason and what they saw."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from portal.accounts.models import User
from portal.accounts.services import is_administrator
from portal.errors import AdministratorNeeded, AnotherAdministratorNeeded, ProofFactMissing
from portal.ownership.methods.base import (
    VALID_FOR,
    Answer,
    Asked,
    Brought,
    Fact,
    Instruction,
    Lasting,
    still_open,
)
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength


class StaffReview(Lasting):
    name = "staff-review"
    label = "A review by two administrators"
    explanation = (
        "Two administrators of this deployment, each signed in with a second factor, record why"
        " they are convinced that you may speak for the project, and what they saw. Their names,"
        " reasons and evidence stay with the proof, and it is marked as a review."
    )
    needs = "Something that convinces two people: write to the operators and show it."
    strength = Strength.SUFFICIENT
    facts = (
        Fact("reason", "Why", "What convinced you that this person may speak for the project?"),
        Fact("evidence", "Evidence", "Where it can be seen: addresses, messages, case numbers."),
    )

    def start(self, asked: Asked) -> Answer:
        _verify_may_review(asked.by, asked.user, asked.project.name, asked.is_at_session)
        return Answer(
            ProofState.PENDING,
            refusal="One administrator is convinced. It is another administrator's turn to look.",
            evidence={"reviews": [_word(asked.by, asked.facts, asked.at)]},
            expires_at=asked.at + VALID_FOR,
        )

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:
        """Raises `AdministratorNeeded`, `AnotherAdministratorNeeded`, `ProofFactMissing`."""
        if brought is None or brought.by is None:
            return still_open(proof, proof.refusal)
        name = proof.project.name
        _verify_may_review(brought.by, proof.user, name, brought.is_at_session)
        for fact in self.facts:
            if not brought.facts.get(fact.name, "").strip():
                raise ProofFactMissing(self.name, fact.name, fact.question)
        earlier = proof.evidence["reviews"]
        if any(word["administrator"] == brought.by.username for word in earlier):
            raise AnotherAdministratorNeeded(name, brought.by.username)
        reviews = [*earlier, _word(brought.by, brought.facts, at)]
        return Answer(ProofState.PROVEN, evidence={"reviews": reviews})

    def instructions(self, proof: Proof) -> Sequence[Instruction]:  # noqa: ARG002  # the same for all
        return (
            Instruction(
                "Nothing for you to do",
                "Another administrator of this deployment has to look at the evidence and agree.",
            ),
        )


def _verify_may_review(by: User, about: User, project: str, is_at_session: bool) -> None:  # noqa: FBT001  # as the rows have it
    if not is_at_session or not is_administrator(by):
        raise AdministratorNeeded(project)
    if by == about:
        raise AnotherAdministratorNeeded(project, by.username)


def _word(by: User, facts: Mapping[str, str], at: datetime) -> dict[str, str]:
    return {
        "administrator": by.username,
        "reason": facts["reason"].strip(),
        "evidence": facts["evidence"].strip(),
        "at": at.isoformat(),
    }
