"""Which consents moderators suspend, and by which decisions.

What a suspension stops and gives back is `portal.consent.suspension`'s, as with any other ground:
a consent is held while any decision holds it. New consents are refused meanwhile (`listeners`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from indexes.models import Project
from portal.consent.models import Consent
from portal.consent.suspension import hold_for_moderators, release_for_moderators
from portal.errors import ConsentsSuspended
from portal.ledger.services import record
from portal.moderation.models import ConsentHold, Decision

PART = "portal"
"""The actor, in the ledger, of what follows from a decision."""


def open_holds() -> QuerySet[ConsentHold]:
    return (
        ConsentHold.objects.filter(lifted_at=None)
        .select_related("project", "consent__project", "consent__user")
        .order_by("held_at", "pk")
    )


def takes_no_consent(project: Project) -> bool:
    """Whether moderators keep the project as a whole from being consented to."""
    return open_holds().filter(project=project, consent=None).exists()


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
    subjects: list[Consent | None] = [None, *consents] if is_whole else [*consents]
    holds = [
        ConsentHold.objects.create(project=project, consent=one, decision=decision, held_at=at)
        for one in subjects
    ]
    facts = {
        "decision": str(decision.pk),
        "holds": [one.pk for one in holds],
        "consents": [str(consent.pk) for consent in consents],
        "is_whole": is_whole,
    }
    record(actor=PART, verb="consents-held", project=project.name, facts=facts, at=at)
    for consent in consents:
        hold_for_moderators(consent=consent, at=at)
    return facts


def lift(holds: Iterable[ConsentHold], *, at: datetime) -> None:
    """End holds: consents that no other hold is on are as they would be without."""
    by_project: dict[int, list[ConsentHold]] = {}
    for one in holds:
        by_project.setdefault(one.project_id, []).append(one)
    for project_id, of_project in sorted(by_project.items()):
        project = Project.objects.select_for_update().get(pk=project_id)
        ConsentHold.objects.filter(pk__in=[one.pk for one in of_project]).update(lifted_at=at)
        consents = [one.consent for one in of_project if one.consent]
        facts = {
            "holds": [one.pk for one in of_project],
            "consents": [str(consent.pk) for consent in consents],
        }
        record(actor=PART, verb="consents-released", project=project.name, facts=facts, at=at)
        for consent in consents:
            if not open_holds().filter(consent=consent).exists():
                release_for_moderators(consent=consent, at=at)


def refuse_while_held(consent: Consent) -> None:
    """Raises `ConsentsSuspended` for a new consent to what moderators hold.

    That is the project as a whole, or what the same person consented to there before.
    """
    of_project = open_holds().filter(project=consent.project)
    if of_project.filter(Q(consent=None) | Q(consent__user=consent.user)).exists():
        raise ConsentsSuspended(consent.project.name)
