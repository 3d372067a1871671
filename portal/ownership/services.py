"""The only writer of proofs."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, Q

from indexes.errors import IndexesError
from indexes.models import Project
from portal.accounts.models import User
from portal.errors import (
    CheckedJustNow,
    EvidenceUnreachable,
    ProofFactMissing,
    ProofMethodClosed,
    ProofNeeded,
)
from portal.ledger.services import record
from portal.ownership.announcements import Topic, announce
from portal.ownership.conf import ownership_config
from portal.ownership.methods import METHODS, method_named
from portal.ownership.methods.base import (
    Answer,
    Asked,
    Brought,
    Instruction,
    ProofMethod,
    lapsed,
    still_open,
)
from portal.ownership.methods.upstream_sign_in import UpstreamSignIn
from portal.ownership.models import Proof, ProofState, SpentToken
from portal.ownership.owners import policy, proofs_that_count
from portal.ownership.policy import Say
from portal.ownership.roles import Roles, has_changed_hands, roles_upstream
from portal.ownership.signals import ground_changed

logger = logging.getLogger(__name__)

CHECK_EVERY = timedelta(seconds=10)
SEEN_AGAIN_AFTER = timedelta(hours=1)
"""How long after a doubtful look the next one is believed."""
RECHECK_BATCH = 20
"""Projects looked at again in one go."""
_UPSTREAM = "upstream"
"""Where the roles stand in a proof's evidence that upstream told when it was proven."""


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
    only then. Raises `UnknownProofMethod`, `ProofMethodClosed`, `ProofFactMissing`,
    `CheckedJustNow`, `AdministratorNeeded`, `AnotherAdministratorNeeded`.
    """
    way = method_named(method)
    if closed := way.closed_because():
        raise ProofMethodClosed(project.name, way.name, closed)
    asked = Asked(
        user=user,
        project=project,
        facts=_facts(way, facts),
        by=by,
        is_at_session=is_at_session,
        at=at,
    )
    if not way.facts and (pending := _pending(user=user, project=project, method=method, at=at)):
        return pending
    mine = Proof.objects.filter(user=user, project=project, method=method)
    if way.is_seen_at_once and mine.filter(created_at__gt=at - CHECK_EVERY).exists():
        raise CheckedJustNow(project.name, CHECK_EVERY.seconds)
    draft = Proof(
        user=user,
        project=project,
        method=method,
        is_for_development=settings.AFFINEUR_DEVELOPMENT,
        created_at=at,
    )
    return _keep(draft, way.start(asked), by=by, at=at)


def prove_by_sign_in(*, user: User, project: Project, at: datetime) -> Proof | None:
    """The proof that lies in how somebody signed in; None where it shows nothing of the project.

    Nobody asked for it, so what it does not show is not kept, and is not looked at again for
    `CHECK_EVERY`. May take as long as upstream does.
    """
    way = UpstreamSignIn()
    looked = f"prove-by-sign-in:{user.pk}:{project.pk}"
    if way.closed_because() or not cache.add(looked, True, CHECK_EVERY.total_seconds()):  # noqa: FBT003  # the cache's value
        return None
    draft = Proof(
        user=user,
        project=project,
        method=way.name,
        state=ProofState.PENDING,
        is_for_development=settings.AFFINEUR_DEVELOPMENT,
        created_at=at,
    )
    try:
        answer = way.check(draft, at, None)
    except EvidenceUnreachable:
        return None
    if answer.state != ProofState.PROVEN:
        return None
    answer = _with_snapshot(answer, draft)
    with transaction.atomic():
        return _keep(draft, answer, by=user, at=at)


def prove(
    *,
    user: User,
    project: Project,
    method: str,
    facts: Mapping[str, str],
    at: datetime,
    is_at_session: bool,
) -> Proof:
    """What a person asks for themself: begin, and look at once where there is nothing to prepare.

    Raises as `start_proof` and `check_proof` do.
    """
    proof = start_proof(
        user=user,
        project=project,
        method=method,
        facts=facts,
        by=user,
        at=at,
        is_at_session=is_at_session,
    )
    return check_proof(proof=proof, at=at) if method_named(method).is_seen_at_once else proof


def review_proof(
    *, user: User, project: Project, facts: Mapping[str, str], by: User, at: datetime
) -> Proof:
    """An administrator's word, at the keyboard: the first opens a review, another's closes it.

    Raises `AdministratorNeeded`, `AnotherAdministratorNeeded`, `ProofFactMissing`.
    """
    method = "staff-review"
    pending = _pending(user=user, project=project, method=method, at=at)
    if pending is None:
        return start_proof(
            user=user,
            project=project,
            method=method,
            facts=facts,
            by=by,
            at=at,
            is_at_session=True,
        )
    return check_proof(proof=pending, at=at, brought=Brought(facts, by, is_at_session=True))


def check_proof(*, proof: Proof, at: datetime, brought: Brought | None = None) -> Proof:
    """Look for the evidence of a pending proof; anything else stays as it is.

    May take as long as upstream does, outside any transaction. Raises what the index floor
    raises when upstream does not answer, and `EvidenceUnreachable` when somebody else does not:
    the proof stays pending. Raises `CheckedJustNow`.
    """
    if proof.state != ProofState.PENDING:
        return proof
    if brought is None:
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
        answer = method_named(proof.method).check(proof, at, brought)
    if answer.state == ProofState.PROVEN:
        answer = _with_snapshot(answer, proof)
    by = brought.by if brought and brought.by else proof.user
    with transaction.atomic():
        answer = _spend(proof, answer)
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
            _record(proof, by=by, at=at)
        if moved and answer.state == ProofState.PROVEN:
            ground_changed.send(Proof, project=proof.project, at=at)
    return proof


def recheck_proofs(project: Project, *, at: datetime) -> None:
    """Look whether the proofs of a project still hold; those that lapsed may hold again.

    For a schedule, and for whoever learns that roles changed upstream. A proof whose ground
    cannot be looked at now stays as it is. May take as long as those who are asked, outside
    any transaction.
    """
    standing = Proof.objects.filter(
        project=project, state__in=[ProofState.PROVEN, ProofState.LAPSED]
    ).select_related("user", "project")
    # A project that cannot be looked at is not in the way of the others until its next turn.
    standing.update(rechecked_at=at)
    try:
        roles = roles_upstream(project.name)
    except EvidenceUnreachable as error:
        logger.warning("%s: its proofs stay as they are: %s", project, error)
        return
    answers = [(proof, _look_again(proof, roles, at)) for proof in standing.order_by("pk")]
    with transaction.atomic():
        for proof, answer in answers:
            if answer:
                _settle(proof, answer, at=at)
        # Whether or not one moved: the policy may be another than at the last look.
        ground_changed.send(Proof, project=project, at=at)


def recheck_due(*, at: datetime) -> None:
    """Recheck the projects whose proofs were looked at longest ago, a batch of them."""
    due = at - ownership_config().recheck_every
    doubted = at - SEEN_AGAIN_AFTER
    stale = Proof.objects.filter(state__in=[ProofState.PROVEN, ProofState.LAPSED]).filter(
        Q(rechecked_at=None, proven_at__lte=due)
        | Q(rechecked_at__lte=due)
        | Q(doubted_at__lte=doubted, rechecked_at__lte=doubted)
    )
    oldest = stale.order_by(F("rechecked_at").asc(nulls_first=True), "pk")
    projects = list(dict.fromkeys(oldest.values_list("project_id", flat=True)[: RECHECK_BATCH * 5]))
    for project in Project.objects.filter(pk__in=projects[:RECHECK_BATCH]):
        recheck_proofs(project, at=at)
    SpentToken.objects.filter(expires_at__lt=at - timedelta(days=1)).delete()


def has_proof(
    *, user: User, project: Project, at: datetime, say: str = Say.SPEAK.value
) -> Proof | None:
    """A proof that is enough, here and now, for `say` (a `Say`); None when those there are not.

    Where it takes several, the newest of them. One for development counts only in development.
    """
    proofs = list(proofs_that_count(at=at).filter(user=user, project=project))
    met = policy().met(Say(say), (proof.method for proof in proofs))
    return next((proof for proof in proofs if proof.method in met), None) if met else None


def proof_at_hand(*, user: User, project: Project, at: datetime, say: str) -> Proof | None:
    """What `has_proof` gives, be it only by how they signed in, which is looked at then."""
    found = has_proof(user=user, project=project, at=at, say=say)
    if found is None and prove_by_sign_in(user=user, project=project, at=at):
        found = has_proof(user=user, project=project, at=at, say=say)
    return found


def needed_proof(*, user: User, project: Project, at: datetime, says: Iterable[str]) -> Proof:
    """What `has_proof` gives for the last of `says`, when there is enough for all of them.

    Raises `ProofNeeded`, which says what would be enough.
    """
    found: Proof | None = None
    for say in says:
        found = has_proof(user=user, project=project, at=at, say=say)
        if found is None:
            raise _needed(user, project, at, Say(say))
    if found is None:
        raise _needed(user, project, at, Say.SPEAK)
    return found


def _needed(user: User, project: Project, at: datetime, say: Say) -> ProofNeeded:
    held = sorted(
        set(
            proofs_that_count(at=at)
            .filter(user=user, project=project)
            .values_list("method", flat=True)
        )
    )
    offered = {method.name for method in METHODS if not method.closed_because()}
    ways = [sorted(ways) for ways in policy().missing(say, held) if ways <= offered]
    return ProofNeeded(project.name, have=held, would_do=ways)


def instructions(proof: Proof) -> list[Instruction]:
    """What its author has to do now; empty unless the proof is pending."""
    if proof.state != ProofState.PENDING:
        return []
    return list(method_named(proof.method).instructions(proof))


def enough_with(method: ProofMethod, *, say: str = Say.PUBLISH.value) -> list[list[str]]:
    """The other methods that `method` counts with for `say`, set by set; [[]] when it is alone."""
    sets = policy().enough.get(Say(say), ())
    return [sorted(needed - {method.name}) for needed in sets if method.name in needed]


def _pending(*, user: User, project: Project, method: str, at: datetime) -> Proof | None:
    return Proof.objects.filter(
        user=user,
        project=project,
        method=method,
        state=ProofState.PENDING,
        expires_at__gt=at,
        is_for_development=settings.AFFINEUR_DEVELOPMENT,
    ).first()


def _facts(method: ProofMethod, facts: Mapping[str, str]) -> dict[str, str]:
    given = {fact.name: facts.get(fact.name, "").strip() for fact in method.facts}
    for fact in method.facts:
        if fact.is_required and not given[fact.name]:
            raise ProofFactMissing(method.name, fact.name, fact.question)
    return given


def _spend(proof: Proof, answer: Answer) -> Answer:
    """The answer, unless the token it rests on was shown before: then that is the answer."""
    if answer.spent is None:
        return answer
    _, is_new = SpentToken.objects.get_or_create(
        issuer=answer.spent.issuer,
        jti=answer.spent.jti,
        defaults={"expires_at": answer.spent.expires_at},
    )
    if is_new:
        return answer
    return still_open(
        proof,
        "The token that came was shown before, and each is good once. It is your turn: run the"
        " workflow again, which gets a new one.",
    )


def _with_snapshot(answer: Answer, proof: Proof) -> Answer:
    """The answer with upstream's roles of today, where upstream tells them."""
    try:
        roles = roles_upstream(proof.project.name)
    except EvidenceUnreachable:
        # The first recheck takes it.
        return answer
    snapshot = roles.as_evidence() if roles else None
    return replace(answer, evidence=answer.evidence | {_UPSTREAM: snapshot})


def _look_again(proof: Proof, roles: Roles | None, at: datetime) -> Answer | None:
    """What there is to see now; None when it cannot be looked at."""
    if has_changed_hands(proof.evidence.get(_UPSTREAM), roles):
        return lapsed(
            proof,
            f"Nobody who had a role in {proof.project} upstream when you proved it has one now: it"
            " is in other hands. If it is still yours, prove it again.",
            is_doubtful=not (roles and roles.of),
        )
    try:
        answer = method_named(proof.method).recheck(proof, at)
    except (EvidenceUnreachable, IndexesError) as error:
        logger.warning("%s: it stays as it is: %s", proof, error)
        return None
    if answer.state == ProofState.PROVEN and roles and not proof.evidence.get(_UPSTREAM):
        answer = replace(answer, evidence=answer.evidence | {_UPSTREAM: roles.as_evidence()})
    return answer


def _settle(proof: Proof, answer: Answer, *, at: datetime) -> None:
    """Keep what was seen, and tell people when the proof lapsed, or holds again.

    Of a doubtful lapse its person is warned, until it is seen again `SEEN_AGAIN_AFTER` the first
    time.
    """
    changed = answer.state != proof.state
    seen = Proof.objects.filter(pk=proof.pk, state=proof.state)
    since = proof.doubted_at or at
    if changed and answer.is_doubtful and at - since < SEEN_AGAIN_AFTER:
        if seen.filter(doubted_at=None).update(doubted_at=at):
            _announce(proof, Topic.PROOF_LAPSING, answer, at=at)
        return
    kept = seen.update(
        state=answer.state,
        evidence=answer.evidence,
        refusal=answer.refusal,
        doubted_at=None,
    )
    if not (kept and changed):
        return
    proof.refresh_from_db()
    _record(proof, by=None, at=at)
    has_lapsed = answer.state == ProofState.LAPSED
    _announce(proof, Topic.PROOF_LAPSED if has_lapsed else Topic.PROOF_RESTORED, answer, at=at)


def _announce(proof: Proof, topic: Topic, answer: Answer, *, at: datetime) -> None:
    label = method_named(proof.method).label
    what = f"The proof that {proof.user} may speak for {proof.project} ({label})"
    text = {
        Topic.PROOF_LAPSING: (
            f"{what} is in doubt. {answer.refusal} It may be a fault of who was asked: we look"
            f" again after {at + SEEN_AGAIN_AFTER:%H:%M} UTC, and if that is the same, it lapses."
        ),
        Topic.PROOF_LAPSED: f"{what} does not hold any more. {answer.refusal}",
        Topic.PROOF_RESTORED: f"{what} holds again.",
    }
    announce(
        topic,
        project=proof.project,
        people=[proof.user],
        text=text[topic],
        facts={"proof": str(proof.pk), "method": proof.method, "user": proof.user.username},
        at=at,
    )


def _keep(draft: Proof, answer: Answer, *, by: User, at: datetime) -> Proof:
    """The proof as it begins, with what was answered."""
    draft.state = answer.state
    draft.challenge = answer.challenge
    draft.evidence = answer.evidence
    draft.refusal = answer.refusal
    draft.expires_at = answer.expires_at
    draft.proven_at = at if answer.state == ProofState.PROVEN else None
    draft.save()
    _record(draft, by=by, at=at)
    if draft.state == ProofState.PROVEN:
        ground_changed.send(Proof, project=draft.project, at=at)
    return draft


def _record(proof: Proof, *, by: User | None, at: datetime) -> None:
    record(
        actor=by.username if by else "portal",
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
