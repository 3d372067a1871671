"""The permits that a consent issues."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from builds.domain.planning import parse_specifiers
from builds.models import Permit
from builds.services.permits import issue_permit
from indexes.domain.names import parse_version
from indexes.models import Project
from portal.consent.models import Consent
from portal.errors import InvalidConsent


def issue_permits(consent: Consent, *, at: datetime) -> list[Permit]:
    """For the first time: the scope becomes permits."""
    return _issue(consent, _scopes(consent), at=at)


def reissue_permits(consent: Consent, *, at: datetime) -> list[Permit]:
    """Those that the consent had, again: for the releases of the day on which it was given."""
    had = permits_of_project(consent.project)[str(consent.pk)]
    return _issue(consent, [permit.specifiers for permit in had], at=at)


def permits_to_issue(consent: Consent, *, at: datetime) -> list[Permit]:
    """Those that a consent which is not given yet would have; none is kept."""
    return [
        Permit(
            project=consent.project,
            specifiers=scope,
            targets=consent.targets,
            channels=consent.channels,
            issued_at=at,
        )
        for scope in _scopes(consent)
    ]


def permits_of_project(project: Project) -> Mapping[str, Sequence[Permit]]:
    """What each consent issued, each scope once, as if nothing and no date had ended it."""
    issued = Permit.objects.filter(project=project).select_related("project")
    # The first of each, which covers from the day on which the consent was given.
    first: dict[tuple[str, str], Permit] = {}
    for permit in issued.order_by("issued_at", "pk"):
        first.setdefault((permit.origin, permit.specifiers), permit)
    by_origin: defaultdict[str, list[Permit]] = defaultdict(list)
    for permit in first.values():
        permit.revoked_at = permit.expires_at = None
        by_origin[permit.origin].append(permit)
    return by_origin


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


def _scopes(consent: Consent) -> list[str]:
    return [consent.specifiers] if consent.covers_new_releases else _releases_now(consent)


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
