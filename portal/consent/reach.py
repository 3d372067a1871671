"""What a consent reaches: the permits it issues, and the wheels that rest on it alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from builds.domain.permits import Channel
from builds.domain.planning import parse_specifiers
from builds.domain.states import LIVE, BuildState
from builds.models import Build, Permit
from builds.services.permits import covering, issue_permit, unrevoked
from indexes.domain.names import parse_version
from indexes.domain.status import Decision, Standing
from indexes.models import File, Project
from indexes.services.standing import decide, withhold
from portal.consent.models import Consent, Suspension
from portal.consent.states import Ground
from portal.errors import InvalidConsent

WITHDRAWN_WITH_CONSENT = "Withdrawn by its maintainers, who took back their consent"
"""Begins the reason of every such decision: a new consent can undo these and those below."""
WITHDRAWN_IN_SUSPENSION = "Withdrawn while the consent for it is suspended"
"""Begins the reason of every such decision, as above: so can the end of the suspension."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What stops when a consent stops."""

    wheels_listed: int
    """Wheels that leave the listing if they are withdrawn."""
    builds_queued: int
    builds_running: int


def reach_of(consent: Consent, *, at: datetime) -> Reach:
    """The numbers to show before a person decides; changes nothing."""
    others = _permits_of_others(consent)
    live = Build.objects.filter(
        project=consent.project, state__in=[state.value for state in LIVE]
    ).only("version", "target", "state")
    ended = [
        build
        for build in live
        if not covering(
            others, version=build.version, target=build.target, channel=Channel.BUILD, at=at
        )
    ]
    queued = sum(build.state == BuildState.QUEUED for build in ended)
    return Reach(
        wheels_listed=sum(
            file.standing in {Standing.LISTED, Standing.YANKED}
            for file in files_of_consent_alone(consent, at=at)
        ),
        builds_queued=queued,
        builds_running=len(ended) - queued,
    )


def issue_permits(consent: Consent, *, at: datetime) -> list[Permit]:
    """For the first time: the scope becomes permits."""
    scopes = [consent.specifiers] if consent.covers_new_releases else _releases_now(consent)
    return _issue(consent, scopes, at=at)


def reissue_permits(consent: Consent, *, at: datetime) -> list[Permit]:
    """Those that the consent had, again: for the releases of the day on which it was given."""
    return _issue(consent, [permit.specifiers for permit in permits_of(consent)], at=at)


def permits_of(consent: Consent) -> list[Permit]:
    """What the consent issued, each scope once, as if nothing had taken it back."""
    issued = Permit.objects.filter(origin=str(consent.pk)).select_related("project")
    # The first of each, which covers from the day on which the consent was given.
    by_scope = {permit.specifiers: permit for permit in issued.order_by("-issued_at", "-pk")}
    for permit in by_scope.values():
        permit.revoked_at = None
    return list(by_scope.values())


def files_of_consent_alone(consent: Consent, *, at: datetime) -> list[File]:
    """Files that this consent lets us list, and no other does, unless they were withdrawn.

    Another that is merely paused is a consent still.
    """
    files = File.objects.filter(project=consent.project)
    return _alone(files.filter(decision__in=["", Decision.YANKED.value]), consent, at=at)


def _permits_of_others(consent: Consent) -> list[Permit]:
    return [permit for permit in unrevoked(consent.project) if permit.origin != str(consent.pk)]


def _of_paused(consent: Consent) -> list[Permit]:
    """What other consents allow that nothing but a pause holds back."""
    is_open = Suspension.objects.filter(lifted_at=None, consent__project=consent.project)
    paused = is_open.filter(ground=Ground.PAUSE.value).values("consent")
    held = is_open.exclude(ground=Ground.PAUSE.value).values("consent")
    others = Consent.objects.filter(pk__in=paused, revocation=None, replaced_by=None)
    others = others.exclude(pk=consent.pk).exclude(pk__in=held)
    return [permit for other in others for permit in permits_of(other)]


def _alone(files: QuerySet[File], consent: Consent, *, at: datetime) -> list[File]:
    own, others = permits_of(consent), [*_permits_of_others(consent), *_of_paused(consent)]
    return [
        made.file
        for made in _made(files)
        # What it covered when it was given: one that has expired can be taken back too.
        if made.is_covered(own, at=consent.given_at) and not made.is_covered(others, at=at)
    ]


def withdraw_files(files: Sequence[File], *, reason: str, at: datetime) -> None:
    """Take them off the pages; of what was yanked as bad no later consent is to list it again."""
    for is_bad, why in ((False, reason), (True, f"It was yanked as bad. {reason}")):
        chosen = [file.pk for file in files if (file.decision == Decision.YANKED) is is_bad]
        if chosen:
            decide(
                files=File.objects.filter(pk__in=chosen),
                decision=Decision.WITHDRAWN,
                reason=why,
                at=at,
            )


def withhold_files(consent: Consent, *, at: datetime) -> int:
    """Keep what rests on this consent alone off the pages until it holds again.

    Whatever was decided of a file, that may be undone meanwhile. Says how many leave the pages.
    """
    files = File.objects.filter(project=consent.project, withheld="")
    chosen = _alone(files, consent, at=at)
    listed = sum(file.standing in {Standing.LISTED, Standing.YANKED} for file in chosen)
    if chosen:
        reason = f"Not listed while the consent for it is suspended, since {at:%Y-%m-%d}."
        withhold(files=files.filter(pk__in=[file.pk for file in chosen]), reason=reason, at=at)
    return listed


def keep_off(consent: Consent, *, reason: str, at: datetime) -> None:
    """Let nothing that this consent alone covered, and is off the pages already, come back.

    Moderators may undo what they decided of it, and a source that it waits for may arrive.
    """
    files = File.objects.filter(project=consent.project, withheld="")
    taken = _alone(files.exclude(decision__in=["", Decision.YANKED.value]), consent, at=at)
    if taken:
        withhold(files=files.filter(pk__in=[file.pk for file in taken]), reason=reason, at=at)


def relist(project: Project, permits: Sequence[Permit], *, at: datetime) -> None:
    """List again what an earlier end or suspension took off, where these permits let it be."""
    if back := _covered(_withheld(project), permits, at=at):
        withhold(files=File.objects.filter(pk__in=back), reason="", at=at)
    if again := _covered(_withdrawn(project), permits, at=at):
        decide(files=File.objects.filter(pk__in=again), decision=None, reason="", at=at)


def wheels_that_wait(consent: Consent, *, at: datetime) -> int:
    """How many would be listed again if it held, were nothing else against it."""
    files = _withheld(consent.project) | _withdrawn(consent.project)
    return len(_covered(files, permits_of(consent), at=at))


def _withheld(project: Project) -> QuerySet[File]:
    return File.objects.filter(project=project).exclude(withheld="")


def _withdrawn(project: Project) -> QuerySet[File]:
    """With the end of a consent, or of the grace of a suspension."""
    return File.objects.filter(
        Q(decision_reason__startswith=WITHDRAWN_WITH_CONSENT)
        | Q(decision_reason__startswith=WITHDRAWN_IN_SUSPENSION),
        project=project,
        decision=Decision.WITHDRAWN.value,
    )


def _covered(files: QuerySet[File], permits: Sequence[Permit], *, at: datetime) -> list[int]:
    return [made.file.pk for made in _made(files) if made.is_covered(permits, at=at)]


def _issue(consent: Consent, scopes: Sequence[str], *, at: datetime) -> list[Permit]:
    return [
        issue_permit(
            project=consent.project,
            specifiers=scope,
            targets=consent.targets,
            channels=consent.channels,
            origin=str(consent.pk),
            expires_at=consent.expires_at,
            at=at,
        )
        for scope in scopes
    ]


def _releases_now(consent: Consent) -> list[str]:
    """A specifier for each release that there is, within those of the consent."""
    allowed = parse_specifiers(consent.specifiers)
    names = consent.project.upstream_files.exclude(version="").values_list("version", flat=True)
    versions = sorted({parse_version(name) for name in names.order_by().distinct()})
    chosen = [f"=={version}" for version in allowed.filter(versions, prereleases=True)]
    if not chosen:
        problem = "there is no release within it, and it covers no new ones."
        raise InvalidConsent(consent.project.name, "specifiers", problem)
    return chosen


@dataclass(frozen=True, slots=True)
class _Made:
    """A file of ours, and the target it was built for."""

    file: File
    target: str

    def is_covered(self, permits: Sequence[Permit], *, at: datetime) -> bool:
        """Whether one of these lets us publish it."""
        permit = covering(
            permits,
            version=self.file.version,
            target=self.target,
            channel=Channel.PUBLISH,
            at=at,
        )
        return permit is not None


def _made(files: QuerySet[File]) -> list[_Made]:
    rows = list(files.only("version", "build_id", "standing", "decision", "withheld"))
    targets = dict(
        Build.objects.filter(pk__in=[file.build_id for file in rows]).values_list("pk", "target")
    )
    return [_Made(file, targets.get(file.build_id, "")) for file in rows]
