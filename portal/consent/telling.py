"""One way to write an act on a consent into the ledger and to tell the people concerned."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.states import State
from portal.ledger.services import record
from portal.notices.kinds import Kind
from portal.notices.services import notify
from portal.ownership.owners import owners_of

KINDS: Mapping[str, Kind] = {
    "consent-expired": Kind.CONSENT_EXPIRING,
    "consent-expiring": Kind.CONSENT_EXPIRING,
    "consent-in-force": Kind.CONSENT_RESTORED,
    "consent-objected": Kind.CONSENT_OBJECTED,
    "consent-paused": Kind.CONSENT_SUSPENDED,
    "consent-resumed": Kind.CONSENT_RESTORED,
    "objection-ended": Kind.CONSENT_RESTORED,
    "objection-restored": Kind.CONSENT_OBJECTED,
    "wheels-unlisted": Kind.CONSENT_REVOKED,
}
"""How people hear of an act, by its verb. Of a consent given or taken back, and of what follows
from proofs, `portal.notices` tells by itself; the rest stands in the ledger."""


def tell(
    verb: str,
    *,
    project: Project,
    actor: User | None,
    text: str,
    facts: Mapping[str, Any],
    people: Iterable[User] = (),
    at: datetime,
) -> None:
    """Record an act, by the portal itself when nobody did it, and tell the owners and `people`.

    `text` says what happened and whose turn it is. Who did it is not told of it, and nobody of the
    end of one hold (`state` of the facts) while others stand.
    """
    entry = record(
        actor=actor.username if actor else "portal",
        verb=verb,
        project=project.name,
        facts=dict(facts),
        at=at,
    )
    is_held_still = facts.get("state", State.LIVE.value) != State.LIVE.value
    if verb not in KINDS or is_held_still:
        return
    everybody = {person.pk: person for person in (*people, *owners_of(project, at=at))}
    if actor:
        everybody.pop(actor.pk, None)
    notify(
        kind=KINDS[verb],
        project=project,
        about={
            "message": text,
            "consent": facts.get("consent"),
            "until": str(facts.get("expires_at") or "")[:10],
        },
        people=everybody.values(),
        event=f"entry {entry.pk}",
        at=at,
    )
