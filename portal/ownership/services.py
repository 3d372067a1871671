"""The only writer of proofs."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from indexes.models import Project
from portal.accounts.models import User
from portal.errors import CheckedJustNow, ProofFactMissing
from portal.ledger.services import record
from portal.ownership.methods import method_named
from portal.ownership.methods.base import Answer, Asked, Instruction, ProofMethod
from portal.ownership.models import Proof, ProofState

CHECK_EVERY = timedelta(seconds=10)


@transaction.atomic
def start_proof(
    *,
    user: User,
    project: Project,
    method: str,
    facts: Mapping[str, str],
    by: User,
    at: datetime,
    is_at_session: bool = False,
) -> Proof:
    """Begin to prove that `user` controls `project`; a pending proof of the same kind goes on.

    `is_at_session` says that `by` is a person at the keyboard: an administrator's word counts
    only then. Raises `UnknownProofMethod`, `ProofFactMissing`, `AdministratorNeeded`.
    """
    way = method_named(method)
    asked = Asked(
        user=user,
        project=project,
        facts=_facts(way, facts),
        by=by,
        is_at_session=is_at_session,
        at=at,
    )
    pending = Proof.objects.filter(
        user=user,
        project=project,
        method=method,
        state=ProofState.PENDING,
        expires_at__gt=at,
        is_for_development=settings.AFFINEUR_DEVELOPMENT,
    ).first()
    if pending:
        return pending
    answer = way.start(asked)
    proof = Proof.objects.create(
        user=user,
        project=project,
        method=method,
        state=answer.state,
        challenge=answer.challenge,
        evidence=answer.evidence,
        refusal=answer.refusal,
        is_for_development=settings.AFFINEUR_DEVELOPMENT,
        created_at=at,
        expires_at=answer.expires_at,
        proven_at=at if answer.state == ProofState.PROVEN else None,
    )
    _record(proof, by=by, at=at)
    return proof


def check_proof(*, proof: Proof, at: datetime) -> Proof:
    """Look for the evidence of a pending proof; anything else stays as it is.

    May take as long as upstream does, outside any transaction. Raises what the index floor
    raises when upstream does not answer: the proof stays pending. Raises `CheckedJustNow`.
    """
    if proof.state != ProofState.PENDING:
        return proof
    # A check may fetch many megabytes: one of a proof at a time, whoever asks how often.
    is_rested = Q(checked_at=None) | Q(checked_at__lte=at - CHECK_EVERY)
    if not Proof.objects.filter(is_rested, pk=proof.pk).update(checked_at=at):
        raise CheckedJustNow(proof.project.name, CHECK_EVERY.seconds)
    if proof.expires_at is not None and at >= proof.expires_at:
        answer = Answer(
            ProofState.EXPIRED,
            refusal=f"The time for it ended on {proof.expires_at:%Y-%m-%d %H:%M} UTC."
            " Start again: you will be given a new code.",
            challenge=proof.challenge,
            expires_at=proof.expires_at,
        )
    else:
        answer = method_named(proof.method).check(proof, at)
    with transaction.atomic():
        moved = Proof.objects.filter(pk=proof.pk, state=ProofState.PENDING).update(
            state=answer.state,
            evidence=answer.evidence,
            refusal=answer.refusal,
            # A challenge ends; what was proven by it does not end with it.
            expires_at=answer.expires_at,
            checked_at=at,
            proven_at=at if answer.state == ProofState.PROVEN else None,
        )
        proof.refresh_from_db()
        if moved and answer.state != ProofState.PENDING:
            _record(proof, by=proof.user, at=at)
    return proof


def has_proof(*, user: User, project: Project, at: datetime) -> Proof | None:
    """The newest proof that counts here and now; one for development does only in development."""
    return proofs_that_count(at=at).filter(user=user, project=project).first()


def proofs_that_count(*, at: datetime) -> QuerySet[Proof]:
    proofs = Proof.objects.filter(state=ProofState.PROVEN).filter(
        Q(expires_at=None) | Q(expires_at__gt=at)
    )
    if not settings.AFFINEUR_DEVELOPMENT:
        proofs = proofs.filter(is_for_development=False)
    return proofs


def instructions(proof: Proof) -> list[Instruction]:
    """What its author has to do now; empty unless the proof is pending."""
    if proof.state != ProofState.PENDING:
        return []
    return list(method_named(proof.method).instructions(proof))


def _facts(method: ProofMethod, facts: Mapping[str, str]) -> dict[str, str]:
    given = {fact.name: facts.get(fact.name, "").strip() for fact in method.facts}
    for fact in method.facts:
        if fact.is_required and not given[fact.name]:
            raise ProofFactMissing(method.name, fact.name, fact.question)
    return given


def _record(proof: Proof, *, by: User, at: datetime) -> None:
    record(
        actor=by.username,
        verb=f"proof-{proof.state}",
        project=proof.project.name,
        facts={
            "proof": str(proof.pk),
            "user": proof.user.username,
            "method": proof.method,
            "evidence": proof.evidence,
            "is_for_development": proof.is_for_development,
        },
        at=at,
    )
