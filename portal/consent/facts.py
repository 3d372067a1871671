"""What the tables say of a consent, as the pure `states` take it; they are read, never written."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from indexes.models import Project
from portal.consent.models import Afterwards, Consent, Suspension
from portal.consent.states import End, Facts, Ground, Hold, State, state_of


def counting_consents() -> QuerySet[Consent]:
    """All that were ever given, but those for development only there."""
    consents = Consent.objects.all()
    if not settings.AFFINEUR_DEVELOPMENT:
        consents = consents.filter(proof__is_for_development=False)
    return consents


def unended_consents(project: Project, *, at: datetime | None = None) -> QuerySet[Consent]:
    """Those that hold, and those that would if nothing held them back; newest first."""
    moment: Any = at or Now()
    consents = counting_consents().filter(project=project, revocation=None, replaced_by=None)
    unended = consents.filter(Q(expires_at=None) | Q(expires_at__gt=moment))
    return unended.select_related("user", "proof", "project")


def with_facts(consents: QuerySet[Consent]) -> QuerySet[Consent]:
    """The same, with what `facts_in` looks at."""
    related = consents.select_related("revocation__unlisting", "replaced_by")
    return related.prefetch_related("suspensions__by")


def open_suspensions(consent: Consent) -> list[Suspension]:
    """What holds a consent back now, oldest first."""
    found = Suspension.objects.filter(consent=consent, lifted_at=None).select_related("by")
    return list(found.order_by("suspended_at", "pk"))


def facts_of(consent: Consent) -> Facts:
    """What decides in which state it is, as the database has it now."""
    return facts_in(with_facts(Consent.objects.all()).get(pk=consent.pk))


def facts_in(consent: Consent) -> Facts:
    """The same of a row `with_facts`."""
    end, keeps_wheels = None, False
    if revocation := getattr(consent, "revocation", None):
        end = End.REVOKED
        is_unlisted = getattr(revocation, "unlisting", None) is not None
        keeps_wheels = revocation.afterwards == Afterwards.KEEP and not is_unlisted
    elif getattr(consent, "replaced_by", None):
        end = End.REPLACED
    holds = frozenset(
        hold_of(suspension)
        for suspension in consent.suspensions.all()
        if suspension.lifted_at is None
    )
    return Facts(holds=holds, end=end, expires_at=consent.expires_at, keeps_wheels=keeps_wheels)


def hold_of(suspension: Suspension) -> Hold:
    ground = Ground(suspension.ground)
    by = suspension.by.username if suspension.by and ground is Ground.OBJECTION else ""
    return Hold(ground, by)


def consent_state(consent: Consent, *, at: datetime) -> State:
    return state_of(facts_of(consent), at=at)
