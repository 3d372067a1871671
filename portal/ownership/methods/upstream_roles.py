"""Upstream roles: the account that somebody names has a role upstream. A name is no identity."""

from datetime import datetime

from portal.ownership.methods.base import Answer, Brought, Fact, SeenAtOnce, lapsed, refused
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.roles import roles_upstream


class UpstreamRoles(SeenAtOnce):
    name = "upstream-roles"
    label = "A role upstream"
    explanation = (
        "You say which account upstream is yours, and we look whether it is an owner or a"
        " maintainer of the project there. Anybody can say so: it counts only beside a proof of"
        " who you are. We look again now and then, and notice when the role is gone."
    )
    needs = "An account upstream that is an owner or a maintainer of the project."
    strength = Strength.CORROBORATION
    facts = (
        Fact(
            "account",
            "Account",
            "Your user name upstream, as the project's page there has it.",
            is_short=True,
        ),
    )

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # nothing is brought
        account = str(proof.evidence["account"])
        roles = roles_upstream(proof.project.name)
        if roles is None:
            return refused(
                proof,
                f"Upstream tells nobody's role in {proof.project}, so there is nothing to hold"
                " your account against. It is your turn: choose another way.",
            )
        if not roles.role_of(account):
            known = ", ".join(sorted(roles.of)) or "nobody"
            return refused(
                proof,
                f"{account} has no role in {proof.project} upstream: {known} has. It is your"
                " turn: write your account there as upstream spells it, or have an owner add"
                " you there and start again.",
            )
        return Answer(
            ProofState.PROVEN,
            evidence={"account": account, "role": roles.role_of(account)},
        )

    def recheck(self, proof: Proof, at: datetime) -> Answer:  # noqa: ARG002  # it is now
        roles = roles_upstream(proof.project.name)
        account = str(proof.evidence["account"])
        if roles is None or roles.role_of(account):
            return Answer(ProofState.PROVEN, evidence=proof.evidence)
        return lapsed(
            proof,
            f"{account} has no role in {proof.project} upstream any more. If that is a mistake,"
            " an owner can add the account there again; we look once a day.",
            # Nobody at all has no project upstream.
            is_doubtful=not roles.of,
        )
