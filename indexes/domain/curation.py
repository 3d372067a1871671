"""What an organisation's own index lists of a project's page, and what its rules leave out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from indexes.domain.files import FileKind, ParsedFile, parse_filename
from indexes.domain.licences import is_allowed
from indexes.domain.simple import ListedFile, ProjectPage

LONGEST_AGE = 3650
"""Days: the longest that a rule may have releases wait."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a file must be to be listed; the empty rules list everything."""

    licences: tuple[str, ...] = ()
    """Those allowed, each one SPDX licence; none allows any."""
    reproducible_only: bool = False
    min_age_days: int = 0
    without_superseded: bool = False
    """Whether wheels go that others take the place of: locks of hashes alone find them no more."""

    @property
    def go_by_the_page(self) -> bool:
        """Whether what they leave out follows from the page: not from the time, or facts besides.

        >>> Rules(without_superseded=True).go_by_the_page, Rules(min_age_days=1).go_by_the_page
        (True, False)
        """
        return not (self.licences or self.reproducible_only or self.min_age_days)


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a project's files beside what its page says."""

    licences: Mapping[str, str]
    """By version: the SPDX expression of the release's metadata, empty when it is unclear."""
    ours: Mapping[str, bool | None]
    """By filename, for files of ours: whether it came out the same when it was built again."""
    overtaken: frozenset[str] = frozenset()
    """Those of ours that upstream's wheels serve as well."""


class Ground(StrEnum):
    """Why a file is left out. Stable: they stand in the API."""

    LICENCE = "licence"
    LICENCE_UNKNOWN = "licence-unknown"
    TOO_YOUNG = "too-young"
    AGE_UNKNOWN = "age-unknown"
    NOT_REPRODUCIBLE = "not-reproducible"
    SUPERSEDED = "superseded"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Ground.LICENCE: "Its licence is none that you allow",
    Ground.LICENCE_UNKNOWN: "Its licence is not known",
    Ground.TOO_YOUNG: "It is too young",
    Ground.AGE_UNKNOWN: "Its age is not known",
    Ground.NOT_REPRODUCIBLE: "Nobody has shown that it comes out the same when built again",
    Ground.SUPERSEDED: "A wheel of upstream's, or a later one of ours, takes its place",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that rules keep off an index, and why: the first rule that it breaks."""

    filename: str
    ground: Ground
    detail: str = ""


def curate(
    page: ProjectPage, rules: Rules, known: Known, *, at: datetime
) -> tuple[ProjectPage, tuple[LeftOut, ...]]:
    """The page with the files that the rules let through, and those that they do not.

    The age of a file of upstream's is its own: what is added late to an old release waits too.
    That of a file of ours is the age of the release it was built from.
    """
    parsed = {file.filename: parse_filename(file.filename, page.name) for file in page.files}
    judge = _Judge(rules, known, parsed, _released(page, parsed, known), _replaced(parsed, known))
    grounds = {file.filename: judge.ground(file, at) for file in page.files}
    files = tuple(file for file in page.files if grounds[file.filename] is None)
    kept = {parsed[file.filename].version for file in files}
    versions = tuple(str(version) for version in sorted(v for v in kept if v is not None))
    left_out = tuple(ground for ground in grounds.values() if ground is not None)
    return replace(page, files=files, versions=versions), left_out


@dataclass(frozen=True, slots=True)
class _Judge:
    rules: Rules
    known: Known
    parsed: Mapping[str, ParsedFile]
    released: Mapping[str, datetime]
    replaced: frozenset[str]

    def ground(self, file: ListedFile, at: datetime) -> LeftOut | None:
        checks = (self._licence(file), self._age(file, at), self._build(file))
        return next((ground for ground in checks if ground is not None), None)

    def _licence(self, file: ListedFile) -> LeftOut | None:
        if not self.rules.licences:
            return None
        licence = self.known.licences.get(self._version(file), "")
        if not licence:
            return LeftOut(file.filename, Ground.LICENCE_UNKNOWN)
        if is_allowed(licence, self.rules.licences):
            return None
        return LeftOut(file.filename, Ground.LICENCE, licence)

    def _age(self, file: ListedFile, at: datetime) -> LeftOut | None:
        if not self.rules.min_age_days:
            return None
        is_ours = file.filename in self.known.ours
        since = self.released.get(self._version(file)) if is_ours else file.uploaded_at
        if since is None:
            return LeftOut(file.filename, Ground.AGE_UNKNOWN)
        due = since + timedelta(days=self.rules.min_age_days)
        if due <= at:
            return None
        return LeftOut(file.filename, Ground.TOO_YOUNG, f"listed from {due:%Y-%m-%d %H:%M} UTC")

    def _build(self, file: ListedFile) -> LeftOut | None:
        """Sources are what a build is made from: nobody has to make them again."""
        is_source = self.parsed[file.filename].kind is FileKind.SDIST
        is_shown = self.known.ours.get(file.filename) is True
        if self.rules.reproducible_only and not is_source and not is_shown:
            return LeftOut(file.filename, Ground.NOT_REPRODUCIBLE)
        if self.rules.without_superseded and file.filename in self.replaced | self.known.overtaken:
            return LeftOut(file.filename, Ground.SUPERSEDED)
        return None

    def _version(self, file: ListedFile) -> str:
        return str(self.parsed[file.filename].version or "")


def _released(
    page: ProjectPage, parsed: Mapping[str, ParsedFile], known: Known
) -> Mapping[str, datetime]:
    """When upstream first uploaded a file of each version."""
    released: dict[str, datetime] = {}
    for file in page.files:
        if file.uploaded_at is not None and file.filename not in known.ours:
            version = str(parsed[file.filename].version or "")
            released[version] = min(released.get(version, file.uploaded_at), file.uploaded_at)
    return released


def _replaced(parsed: Mapping[str, ParsedFile], known: Known) -> frozenset[str]:
    """Files of ours that installers pass over for another of ours with a higher build tag."""
    ours = {filename: parsed[filename] for filename in parsed if filename in known.ours}
    return frozenset(filename for filename, file in ours.items() if _has_later(file, ours.values()))


def _has_later(file: ParsedFile, others: Iterable[ParsedFile]) -> bool:
    return any(
        other.version == file.version
        and other.tags >= file.tags
        and other.build_tag > file.build_tag
        for other in others
    )
