"""Which wheels may be listed: those that a consent lets be, and no other.

A consent lets a wheel be listed that it covers for publishing while it holds or is paused; one that
was taken back, by the recorded word that its wheels stay (`states.lists`). What none lets be is
withheld: it leaves the listings, stays downloadable, and comes back with a consent that covers it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from builds.domain.permits import Channel
from builds.models import Build, Permit
from builds.services.permits import covering
from indexes.domain.status import Standing
from indexes.models import File, Project
from indexes.services.standing import withhold
from portal.consent.facts import counting_consents, facts_in, with_facts
from portal.consent.models import Afterwards, Consent
from portal.consent.permits import permits_of_project, permits_to_issue
from portal.consent.states import Facts, why_unlisted


@dataclass(frozen=True, slots=True)
class _Say:
    """What one consent says of the wheels that its permits cover, whether they are in force now."""

    consent: UUID
    facts: Facts
    permits: Sequence[Permit]


@dataclass(frozen=True, slots=True)
class _Wheel:
    """A file of ours, and the target that it was built for."""

    file: File
    target: str

    @property
    def is_on_pages(self) -> bool:
        return self.file.standing in {Standing.LISTED, Standing.YANKED}

    def is_covered(self, say: _Say, *, at: datetime) -> bool:
        permit = covering(
            say.permits,
            version=self.file.version,
            target=self.target,
            channel=Channel.PUBLISH,
            at=at,
        )
        return permit is not None

    def why_unlisted(self, says: Iterable[_Say], *, at: datetime) -> str:
        """Empty where a consent lets it be listed."""
        return why_unlisted((say.facts for say in says if self.is_covered(say, at=at)), at=at)


def settle_listing(project: Project, *, at: datetime) -> int:
    """Withhold what no consent lets be listed, and no more; says how many leave the listings.

    To be called after whatever changes what consents say; the caller holds the project's row.
    """
    wheels, says = _wheels(project), _says(project)
    changed: dict[str, list[_Wheel]] = defaultdict(list)
    for wheel in wheels:
        why = wheel.why_unlisted(says, at=at)
        if why != wheel.file.withheld:
            changed[why].append(wheel)
    for why, of_reason in sorted(changed.items()):
        chosen = File.objects.filter(pk__in=[wheel.file.pk for wheel in of_reason])
        withhold(files=chosen, reason=why, at=at)
    return sum(wheel.is_on_pages for why, found in changed.items() if why for wheel in found)


def wheels_that_leave(
    consent: Consent, *, at: datetime, instead: Consent | None = None, is_held: bool = False
) -> int:
    """How many listed ones leave with its end; changes nothing.

    `instead` is an unsaved one that takes its place; it lets nothing be listed where it `is_held`.
    """
    says = _says(consent.project)
    if instead and not is_held:
        permits = permits_to_issue(instead, at=at)
        says.append(_Say(instead.pk, Facts(expires_at=instead.expires_at), permits))
    return _leave_without(consent, _wheels(consent.project), says, at=at)


def kept_consents(project: Project, *, at: datetime) -> list[tuple[Consent, int]]:
    """Those taken back by whose word alone wheels stay listed, and how many, oldest first."""
    kept = counting_consents().filter(
        project=project, revocation__afterwards=Afterwards.KEEP, revocation__unlisting=None
    )
    consents = list(kept.select_related("user", "revocation").order_by("given_at", "pk"))
    if not consents:
        return []
    wheels, says = _wheels(project), _says(project)
    counted = [(each, _leave_without(each, wheels, says, at=at)) for each in consents]
    return [(each, number) for each, number in counted if number]


def wheels_that_wait(consent: Consent, *, at: datetime) -> int:
    """How many would be listed again if it held, were nothing else against it."""
    own = [say for say in _says(consent.project) if say.consent == consent.pk]
    withheld = [wheel for wheel in _wheels(consent.project) if wheel.file.withheld]
    return sum(any(wheel.is_covered(say, at=at) for say in own) for wheel in withheld)


def _leave_without(
    consent: Consent, wheels: Iterable[_Wheel], says: Iterable[_Say], *, at: datetime
) -> int:
    others = [say for say in says if say.consent != consent.pk]
    return sum(wheel.is_on_pages and bool(wheel.why_unlisted(others, at=at)) for wheel in wheels)


def _wheels(project: Project) -> list[_Wheel]:
    files = File.objects.filter(project=project).order_by("filename")
    rows = list(files.only("version", "build_id", "standing", "withheld"))
    builds = Build.objects.filter(pk__in=[file.build_id for file in rows])
    targets = dict(builds.values_list("pk", "target"))
    return [_Wheel(file, targets.get(file.build_id, "")) for file in rows]


def _says(project: Project) -> list[_Say]:
    permits = permits_of_project(project)
    consents = with_facts(counting_consents().filter(project=project))
    return [_Say(one.pk, facts_in(one), permits[str(one.pk)]) for one in consents.order_by("pk")]
