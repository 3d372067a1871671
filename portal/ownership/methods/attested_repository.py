"""Attested repository: the person on GitHub runs the repository that publishes the project."""

from datetime import datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import settings

from portal.ownership.github import NotSeen, Repository, find_repository, role_on
from portal.ownership.methods.base import Answer, Brought, SeenAtOnce, lapsed, refused
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.provenance import NoAttestation, Publisher, newest_publisher

ENOUGH = frozenset({"admin", "maintain"})


class NotConvinced(Exception):
    """It is not shown; the message says why and what to do."""


class NotShown(NotConvinced):
    """There was nothing to see, which may be a fault of who was asked."""


class AttestedRepository(SeenAtOnce):
    name = "attested-repository"
    label = "Your role on the repository that publishes it"
    explanation = (
        "The newest attested release says which GitHub repository published it. We ask GitHub,"
        " with your own sign-in, whether you administer or maintain that repository. Together"
        " with a role upstream it is enough."
    )
    needs = (
        "To be signed in with GitHub, as admin or maintainer of the repository, and a release"
        " that was attested by Trusted Publishing (PEP 740)."
    )
    strength = Strength.CORROBORATION
    facts = ()

    def closed_because(self) -> str:
        if "github" in settings.SOCIALACCOUNT_PROVIDERS:
            return ""
        return "the operator of this deployment has not set up GitHub sign-in."

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # nothing is brought
        try:
            return Answer(ProofState.PROVEN, evidence=_look(proof, at))
        except NotConvinced as error:
            return refused(proof, str(error))

    def recheck(self, proof: Proof, at: datetime) -> Answer:
        try:
            seen = _look(proof, at)
        except NotConvinced as error:
            return lapsed(proof, str(error), is_doubtful=isinstance(error, NotShown))
        return Answer(ProofState.PROVEN, evidence=proof.evidence | seen)


def _look(proof: Proof, at: datetime) -> dict[str, Any]:
    """What is there to see now. Raises `NotConvinced`, and as `newest_publisher` does."""
    account = SocialAccount.objects.filter(user=proof.user, provider="github").first()
    token = SocialToken.objects.filter(account=account).order_by("-pk").first()
    if account is None or token is None:
        raise NotConvinced(
            "You are not signed in with GitHub, so we cannot ask which role you have. It is your"
            " turn: sign in with GitHub, then start again."
        )
    login = str(account.extra_data.get("login", ""))
    try:
        publisher = newest_publisher(proof.project, at=at)
        repository = find_repository(publisher.repository, token=token.token)
        _hold_against(repository, publisher)
        seen = role_on(repository, login=login, token=token.token)
    except (NoAttestation, NotSeen) as error:
        raise NotShown(
            f"{error}. It is your turn: sign in with GitHub as somebody who administers or"
            " maintains the repository, or choose another way."
            if isinstance(error, NotSeen)
            else str(error)
        ) from error
    if seen.user_id != account.uid:
        raise NotConvinced(
            f"The account that is called {login} on GitHub now is another than the one you signed"
            " in with. It is your turn: sign in with GitHub again, then start again."
        )
    if seen.role not in ENOUGH:
        raise NotConvinced(
            f"Your role on {repository.full_name} is {seen.role}, and {' or '.join(sorted(ENOUGH))}"
            " is needed. It is your turn: have somebody who has that role give it to you or do"
            " this, or choose another way."
        )
    return publisher.as_evidence() | {
        "repository_now": repository.full_name,
        "github_user": login,
        "github_user_id": account.uid,
        "role": seen.role,
    }


def _hold_against(repository: Repository, publisher: Publisher) -> None:
    """That the repository of that name is the one that published, by its numbers."""
    if repository.id != publisher.repository_id:
        raise NotConvinced(
            f"The repository that is called {repository.full_name} now (number {repository.id}) is"
            f" not the one that published {publisher.filename} (number"
            f" {publisher.repository_id}): that was renamed or deleted, and its name given to"
            " another. It is your turn: publish a release from where the project lives now."
        )
    if repository.owner_id != publisher.owner_id:
        raise NotConvinced(
            f"{repository.full_name} belongs to another owner since {publisher.filename} was"
            " published. It is your turn: publish a release from there, then start again."
        )
