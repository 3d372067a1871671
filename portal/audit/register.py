"""The public register: every consent that was ever given, without the names of people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from portal.consent.facts import facts_in, with_facts
from portal.consent.models import Consent
from portal.consent.states import State, state_of


@dataclass(frozen=True, slots=True)
class Registered:
    """A consent as everybody sees it."""

    project: str
    capacity: str
    agreements: tuple[Mapping[str, Any], ...]
    """Which version of each text was accepted, by its hash; it stays valid under that one."""
    specifiers: str
    covers_new_releases: bool
    targets: tuple[str, ...]
    channels: tuple[str, ...]
    licence_expression: str
    given_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    is_for_development: bool
    state: str
    """holds, or else what keeps it from that (`portal.consent.states.State`)."""


def consents_ever_given(*, project: str = "") -> QuerySet[Consent]:
    """Of one project, or of all; the newest first."""
    consents = with_facts(Consent.objects.select_related("project", "proof"))
    if project:
        consents = consents.filter(project__name=project)
    return consents.order_by("-given_at", "pk")


def registered(consent: Consent, *, at: datetime) -> Registered:
    """What the register says of it now."""
    revocation = getattr(consent, "revocation", None)
    return Registered(
        project=consent.project.name,
        capacity=consent.capacity,
        agreements=tuple(consent.agreements),
        specifiers=consent.specifiers,
        covers_new_releases=consent.covers_new_releases,
        targets=tuple(consent.targets),
        channels=tuple(consent.channels),
        licence_expression=consent.licence_expression,
        given_at=consent.given_at,
        expires_at=consent.expires_at,
        revoked_at=revocation.revoked_at if revocation else None,
        is_for_development=consent.proof.is_for_development,
        state=_state(consent, at=at),
    )


def _state(consent: Consent, *, at: datetime) -> str:
    state = state_of(facts_in(consent), at=at)
    return "holds" if state is State.LIVE else state.value
