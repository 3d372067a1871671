"""Upstream sign-in: the identity provider whose accounts are upstream's says who somebody is."""

from datetime import datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from portal.accounts.models import User
from portal.ownership.conf import ownership_config
from portal.ownership.methods.base import Answer, Brought, SeenAtOnce, lapsed, refused
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.roles import Roles, roles_upstream


class UpstreamSignIn(SeenAtOnce):
    name = "upstream-sign-in"
    label = "Signing in with upstream's accounts"
    explanation = (
        "Where upstream, or an identity provider that its accounts come from, signs people in"
        " here, your account there is known and not only named: its role in the project is then"
        " proof enough."
    )
    needs = "To be signed in with that account, and a role in the project upstream."
    strength = Strength.SUFFICIENT
    facts = ()

    def closed_because(self) -> str:
        offered = {app["provider_id"] for app in _apps()} & ownership_config().upstream_providers
        if offered:
            return ""
        return "no identity provider whose accounts are upstream's is set up."

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # nothing is brought
        accounts = _accounts_upstream(proof.user)
        if not accounts:
            others = ", ".join(sorted(_providers_of(proof.user))) or "no identity provider"
            return refused(
                proof,
                f"You are signed in with {others}, whose accounts are not upstream's: an equal"
                " name there is somebody's, and not shown to be yours. It is your turn: sign in"
                " with upstream's identity provider, then start again.",
            )
        roles = roles_upstream(proof.project.name)
        for account in accounts:
            if seen := _seen(account, roles):
                return Answer(ProofState.PROVEN, evidence=seen)
        names = " and ".join(_name_of(account) or "without a name" for account in accounts)
        return refused(
            proof,
            f"You are {names} upstream, and no such account has a role in {proof.project}. It is"
            " your turn: have an owner add it there, then start again.",
        )

    def recheck(self, proof: Proof, at: datetime) -> Answer:  # noqa: ARG002  # it is now
        """By the account that it was proven with, under the name that it has since."""
        known = (proof.evidence["provider"], proof.evidence["subject"])
        accounts = _accounts_upstream(proof.user)
        account = next((one for one in accounts if (one.provider, one.uid) == known), None)
        if account is None:
            return lapsed(
                proof,
                f"You do not sign in any more with the account that {proof.project} was proven by."
                " It is your turn: sign in with it again, then prove it again.",
            )
        roles = roles_upstream(proof.project.name)
        if roles is None:
            return Answer(ProofState.PROVEN, evidence=proof.evidence)
        if seen := _seen(account, roles):
            return Answer(ProofState.PROVEN, evidence=proof.evidence | seen)
        return lapsed(
            proof,
            f"{_name_of(account)} has no role in {proof.project} upstream any more. If that is"
            " a mistake, an owner can add the account there again; we look once a day.",
            is_doubtful=not roles.of,
        )


def _apps() -> list[dict[str, Any]]:
    return list(settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", []))


def _accounts_upstream(user: User) -> list[Any]:
    trusted = ownership_config().upstream_providers
    return list(SocialAccount.objects.filter(user=user, provider__in=trusted).order_by("pk"))


def _seen(account: Any, roles: Roles | None) -> dict[str, str]:
    """What shows that the account has a role; empty when it has none."""
    name = _name_of(account)
    role = roles.role_of(name) if roles and name else ""
    if not role:
        return {}
    return {"provider": account.provider, "subject": account.uid, "account": name, "role": role}


def _providers_of(user: User) -> list[str]:
    return list(SocialAccount.objects.filter(user=user).values_list("provider", flat=True))


def _name_of(account: Any) -> str:
    """`preferred_username`, from where it is told (OpenID Connect Core, section 5.1)."""
    data = account.extra_data
    for told in (data.get("userinfo"), data.get("id_token"), data):
        if isinstance(told, dict) and isinstance(told.get("preferred_username"), str):
            return str(told["preferred_username"])
    return ""
