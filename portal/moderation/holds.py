"""Keeping consents from issuing permits for as long as moderators say so.

Consents stay as they were given, and what others suspend or give back goes its own way: whatever
permit is issued meanwhile is taken back in the same transaction (`listeners`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from builds.models import Permit
from builds.services.permits import issue_permit, revoke_permits
from indexes.models import Project
from portal.consent.models import Consent
from portal.consent.services import live_consents
from portal.errors import ConsentsSuspended
from portal.ledger.services import record
from portal.moderation.models import ConsentHold, Decision
from portal.requests.services import replan_project

PART = "portal"
"""The actor, in the ledger, of what follows from a decision."""


def open_holds() -> QuerySet[ConsentHold]:
    return (
        ConsentHold.objects.filter(lifted_at=None)
        .select_related("project", "consent__project", "consent__user")
        .order_by("held_at", "pk")
    )


def is_suspended(project: Project) -> bool:
    """Whether moderators keep any consent for it from holding."""
    return open_holds().filter(project=project).exists()


def hold(
    decision: Decision,
    *,
    project: Project,
    consents: Sequence[Consent],
    is_whole: bool,
    at: datetime,
) -> dict[str, Any]:
    """Suspend consents of a project, and with `is_whole` the giving of new ones; says what it took.

    The caller is in a transaction.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    why = f"Moderators suspended the consent for {project} on {at:%Y-%m-%d %H:%M} UTC."
    holds: list[int] = []
    if is_whole:
        made = ConsentHold.objects.create(project=project, decision=decision, held_at=at)
        holds.append(made.pk)
    permits = cancelled = 0
    for consent in consents:
        taken = _unrevoked(consent)
        made = ConsentHold.objects.create(
            project=project, consent=consent, decision=decision, permits=taken, held_at=at
        )
        holds.append(made.pk)
        revoked = revoke_permits(origin=str(consent.pk), reason=why, at=at)
        permits, cancelled = permits + revoked.permits, cancelled + revoked.cancelled
    facts = {
        "decision": str(decision.pk),
        "holds": holds,
        "consents": [str(consent.pk) for consent in consents],
        "is_whole": is_whole,
        "permits": permits,
        "builds_cancelled": cancelled,
    }
    record(actor=PART, verb="consents-held", project=project.name, facts=facts, at=at)
    replan_project(project=project, at=at, why=why)
    return facts


def lift(holds: Iterable[ConsentHold], *, at: datetime) -> None:
    """End holds: consents that no other hold is on issue again what was taken from them."""
    by_project: dict[int, list[ConsentHold]] = {}
    for one in holds:
        by_project.setdefault(one.project_id, []).append(one)
    for project_id, of_project in sorted(by_project.items()):
        project = Project.objects.select_for_update().get(pk=project_id)
        ConsentHold.objects.filter(pk__in=[one.pk for one in of_project]).update(lifted_at=at)
        issued = sum(_give_back(one, one.consent, at=at) for one in of_project if one.consent)
        facts = {
            "holds": [one.pk for one in of_project],
            "consents": [str(one.consent_id) for one in of_project if one.consent_id],
            "permits": issued,
        }
        record(actor=PART, verb="consents-released", project=project.name, facts=facts, at=at)
        replan_project(project=project, at=at)


def keep_held(permit: Permit, *, at: datetime) -> None:
    """Take back what was issued for a consent that is held; refuse what is new.

    Raises `ConsentsSuspended` for a consent that was not there when its project was suspended.
    """
    holds = list(open_holds().filter(project=permit.project_id))
    own = next((one for one in holds if str(one.consent_id) == permit.origin), None)
    if own is not None:
        own.permits = [*own.permits, str(permit.pk)]
        own.save(update_fields=["permits"])
        why = f"Moderators have suspended the consent for {permit.project}."
        revoke_permits(origin=permit.origin, reason=why, at=at)
    elif any(one.consent_id is None for one in holds):
        raise ConsentsSuspended(permit.project.name)


def _give_back(one: ConsentHold, consent: Consent, *, at: datetime) -> int:
    """Issue again what a hold took, or leave it to another hold that is still on the consent."""
    other = open_holds().filter(consent=consent).first()
    if other is not None:
        other.permits = [*other.permits, *one.permits]
        other.save(update_fields=["permits"])
        return 0
    if not live_consents(one.project, at=at).filter(pk=consent.pk).exists():
        return 0
    permits = Permit.objects.filter(pk__in=one.permits).order_by("issued_at", "pk")
    scopes = {
        (permit.specifiers, *permit.targets, *permit.channels): permit
        for permit in permits.select_related("project")
    }
    for permit in scopes.values():
        issue_permit(
            project=permit.project,
            specifiers=permit.specifiers,
            targets=permit.targets,
            channels=permit.channels,
            origin=permit.origin,
            expires_at=permit.expires_at,
            at=at,
        )
    return len(scopes)


def _unrevoked(consent: Consent) -> list[str]:
    permits = Permit.objects.filter(origin=str(consent.pk), revoked_at=None)
    return [str(pk) for pk in permits.order_by("issued_at", "pk").values_list("pk", flat=True)]
