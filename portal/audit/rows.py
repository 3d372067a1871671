"""The tables as they stand, in the form in which `portal.ledger.replay` has them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from builds.domain.states import LIVE as LIVE_STATES
from builds.models import Build, LearntRule, Permit, RecipeEdit
from indexes.models import File, Project
from portal.accounts.models import ApiToken
from portal.consent.models import Consent
from portal.ledger.replay import LIVE, States, Subject, moment
from portal.moderation.models import Ban, ConsentHold, Decision
from portal.ownership.models import Proof

_CHUNK = 2000
_LIVE = frozenset(state.value for state in LIVE_STATES)

type Rows = Iterator[tuple[Subject, dict[str, Any]]]


def actual_states() -> States:
    """Every row that entries speak of, in one query a table."""
    tables = (
        _consents,
        _permits,
        _proofs,
        _builds,
        _files,
        _projects,
        _recipes,
        _rules,
        _tokens,
        _decisions,
        _holds,
        _bans,
    )
    return {subject: state for table in tables for subject, state in table()}


def _consents() -> Rows:
    consents = Consent.objects.select_related("project", "user", "revocation")
    for consent in consents.iterator(chunk_size=_CHUNK):
        revocation = getattr(consent, "revocation", None)
        yield (
            Subject("consent", str(consent.pk)),
            {
                "project": consent.project.name,
                "user": consent.user.username,
                "capacity": consent.capacity,
                "proof": str(consent.proof_id),
                "agreements": consent.agreements,
                "specifiers": consent.specifiers,
                "covers_new_releases": consent.covers_new_releases,
                "targets": consent.targets,
                "channels": consent.channels,
                "licence_expression": consent.licence_expression,
                "expires_at": _moment(consent.expires_at),
                "afterwards": revocation.afterwards if revocation else None,
            },
        )


def _permits() -> Rows:
    for permit in Permit.objects.select_related("project").iterator(chunk_size=_CHUNK):
        yield (
            Subject("permit", str(permit.pk)),
            {
                "project": permit.project.name,
                "origin": permit.origin,
                "specifiers": permit.specifiers,
                "targets": permit.targets,
                "channels": permit.channels,
                "expires_at": _moment(permit.expires_at),
                "is_revoked": permit.revoked_at is not None,
            },
        )


def _proofs() -> Rows:
    for proof in Proof.objects.select_related("project", "user").iterator(chunk_size=_CHUNK):
        yield (
            Subject("proof", str(proof.pk)),
            {
                "project": proof.project.name,
                "user": proof.user.username,
                "method": proof.method,
                "is_for_development": proof.is_for_development,
                "state": proof.state,
            },
        )


def _builds() -> Rows:
    fields = ("pk", "project__name", "version", "target", "sdist_sha256", "state")
    builds = Build.objects.order_by().values_list(*fields)
    for pk, project, version, target, sdist_sha256, state in builds.iterator(chunk_size=_CHUNK):
        yield (
            Subject("build", str(pk)),
            {
                "project": project,
                "version": version,
                "target": target,
                "sdist_sha256": sdist_sha256,
                "state": LIVE if state in _LIVE else state,
            },
        )


def _files() -> Rows:
    fields = ("filename", "project__name", "sha256", "build_id", "standing", "standing_reason")
    files = File.objects.order_by().values_list(*fields, "decision", "withheld")
    for filename, project, sha256, build, standing, reason, decision, withheld in files.iterator(
        chunk_size=_CHUNK
    ):
        yield (
            Subject("file", filename),
            {
                "project": project,
                "sha256": sha256,
                "build": str(build),
                "standing": standing,
                "reason": reason,
                "decision": decision,
                "withheld": withheld,
            },
        )


def _projects() -> Rows:
    projects = Project.objects.order_by().values_list("name", "status")
    for name, status in projects.iterator(chunk_size=_CHUNK):
        yield Subject("project", name), {"project": name, "status": status}


def _recipes() -> Rows:
    for edit in RecipeEdit.objects.select_related("project").iterator(chunk_size=_CHUNK):
        yield (
            Subject("recipe", f"{edit.project.name} version {edit.version}"),
            {
                "project": edit.project.name,
                "by": edit.by,
                "text": edit.text,
                "reason": edit.reason,
            },
        )


def _rules() -> Rows:
    for rule in LearntRule.objects.all():
        yield (
            Subject("rule", rule.code),
            {
                "project": "",
                "by": rule.by,
                "pattern": rule.pattern,
                "remedy": rule.remedy,
                "argument": rule.argument,
                "is_retired": rule.retired_at is not None,
            },
        )


def _tokens() -> Rows:
    for token in ApiToken.objects.select_related("user").iterator(chunk_size=_CHUNK):
        yield (
            Subject("token", str(token.pk)),
            {
                "project": "",
                "user": token.user.username,
                "scopes": token.scopes,
                "expires_at": _moment(token.expires_at),
                "is_revoked": token.revoked_at is not None,
            },
        )


def _decisions() -> Rows:
    decisions = Decision.objects.select_related("case__project", "decided_by", "approved_by")
    for decision in decisions.iterator(chunk_size=_CHUNK):
        yield (
            Subject("decision", str(decision.pk)),
            {
                "project": decision.case.project.name,
                "action": decision.action,
                "reason": decision.reason,
                "decided_by": decision.decided_by.username,
                "approved_by": decision.approved_by.username if decision.approved_by else None,
                "is_carried_out": decision.carried_out_at is not None,
                "is_ended": decision.ended_at is not None,
            },
        )


def _holds() -> Rows:
    for hold in ConsentHold.objects.select_related("project").iterator(chunk_size=_CHUNK):
        yield (
            Subject("hold", str(hold.pk)),
            {
                "project": hold.project.name,
                "decision": str(hold.decision_id),
                "is_lifted": hold.lifted_at is not None,
            },
        )


def _bans() -> Rows:
    for ban in Ban.objects.select_related("account").iterator(chunk_size=_CHUNK):
        yield (
            Subject("ban", str(ban.pk)),
            {
                "project": "",
                "user": ban.account.username,
                "is_lifted": ban.lifted_at is not None,
            },
        )


def _moment(at: datetime | None) -> str | None:
    return moment(at.isoformat()) if at else None
