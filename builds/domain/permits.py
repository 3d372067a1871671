"""Permits: what a consent lets the farm do, as plain facts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version


class Channel(StrEnum):
    """What a permit can allow."""

    BUILD = "build"
    PUBLISH = "publish"

    @property
    def label(self) -> str:
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class PermitFacts:
    """A permit. Empty specifiers mean every release, pre-releases too; empty targets every one."""

    project: str
    specifiers: str
    targets: tuple[str, ...]
    channels: frozenset[str]
    issued_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def covers(
    permit: PermitFacts, *, project: str, version: str, target: str, channel: str, at: datetime
) -> bool:
    """Whether the permit lets this release be built, or published, for this target at this time.

    A permit that cannot be read covers nothing, and neither does any for a version that cannot.
    """
    return (
        permit.project == project
        and channel in permit.channels
        and (not permit.targets or target in permit.targets)
        and permit.revoked_at is None
        and permit.issued_at <= at
        and (permit.expires_at is None or at < permit.expires_at)
        and _is_within(version, permit.specifiers)
    )


def _is_within(version: str, specifiers: str) -> bool:
    try:
        return _specifiers(specifiers).contains(_version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


# Thousands of builds are held against hundreds of permits in one go: each is read once.
@lru_cache(maxsize=4096)
def _specifiers(text: str) -> SpecifierSet:
    return SpecifierSet(text)


@lru_cache(maxsize=4096)
def _version(text: str) -> Version:
    return Version(text)
