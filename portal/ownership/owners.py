"""Whose word counts for a project: the one definition of its owners, by proofs and their policy."""

from collections import defaultdict
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet

from indexes.models import Project
from portal.accounts.models import User
from portal.ownership.methods import METHODS
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Policy, Say, parse_policy


def policy() -> Policy:
    """The policy of the settings; on a development deployment one's own word is enough as well.

    Raises `InvalidPolicy`.
    """
    strengths = {method.name: method.strength for method in METHODS}
    table = {say: list(sets) for say, sets in settings.AFFINEUR_PROOF_POLICY.items()}
    if settings.AFFINEUR_DEVELOPMENT:
        table = {say: [*sets, ["attestation"]] for say, sets in table.items()}
    return parse_policy(table, strengths=strengths)


def proofs_that_count(*, at: datetime) -> QuerySet[Proof]:
    """Each for what it shows by itself; whether somebody's are enough is the policy's to say."""
    proofs = Proof.objects.filter(state=ProofState.PROVEN).filter(
        Q(expires_at=None) | Q(expires_at__gt=at)
    )
    if not settings.AFFINEUR_DEVELOPMENT:
        proofs = proofs.filter(is_for_development=False)
    return proofs


def owners_of(project: Project, *, at: datetime) -> QuerySet[User]:
    """Who has proven, here and now, that they may speak for the project."""
    return _with_enough(proofs_that_count(at=at).filter(project=project))


def owners_ever(project: Project) -> QuerySet[User]:
    """Who has proven at some time that they may speak for it, whatever became of that."""
    return _with_enough(Proof.objects.filter(project=project, proven_at__isnull=False))


def projects_of(user: User, *, at: datetime) -> QuerySet[Project]:
    """What somebody has proven, here and now, that they may speak for."""
    held = _enough(proofs_that_count(at=at).filter(user=user), of_each="project")
    return Project.objects.filter(pk__in=held).order_by("name")


def _with_enough(proofs: QuerySet[Proof]) -> QuerySet[User]:
    owners = _enough(proofs, of_each="user")
    return User.objects.filter(is_active=True, pk__in=owners).order_by("pk")


def _enough(proofs: QuerySet[Proof], *, of_each: str) -> list[int]:
    """The users, or projects, whose proofs together are enough to speak."""
    held: dict[int, set[str]] = defaultdict(set)
    for whose, method in proofs.order_by().values_list(of_each, "method"):
        held[whose].add(method)
    rules = policy()
    return [whose for whose, methods in held.items() if rules.met(Say.SPEAK, methods)]
