"""What a release lacks: for each target a wheel that serves it, a gap, or a refusal.

A target is served if and only if `pip download --only-binary :all:` of that release, told the
target's tags and Python, finds a wheel. Everything here comes from what an index says of its
files; nothing of a project is opened, let alone run.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import BuildTag
from packaging.version import Version

from builds.domain.targets import Target
from builds.errors import BuildsError
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.names import NormalizedName
from indexes.domain.status import ProjectStatus, Standing

SDIST_ENDINGS = (".tar.gz", ".tar.bz2", ".zip")
"""Archives that builders unpack, the preferred first."""

SPECIFIERS_LENGTH = 255

_OTHER_ARCHIVES = (".tgz", ".tar.xz", ".tar.Z", ".tar")


class InvalidSpecifiers(BuildsError):
    """Version specifiers that PEP 440 does not know."""

    code = "invalid-specifiers"

    def __init__(self, given: str) -> None:
        self.given = given
        super().__init__(
            f"{given[:SPECIFIERS_LENGTH]!r} are no version specifiers: write them as in PEP 440, "
            f"such as '==1.4.2' or '>=1.4,<2', in at most {SPECIFIERS_LENGTH} characters."
        )


def parse_specifiers(value: str) -> SpecifierSet:
    """The specifiers (PEP 440); raises `InvalidSpecifiers`."""
    if len(value) > SPECIFIERS_LENGTH:
        raise InvalidSpecifiers(value)
    try:
        return SpecifierSet(value)
    except InvalidSpecifier as error:
        raise InvalidSpecifiers(value) from error


def pins(specifiers: SpecifierSet) -> tuple[Specifier, ...]:
    """Those that name one version exactly; only they bring back what is yanked (PEP 592).

    >>> pins(SpecifierSet("==1.0")), pins(SpecifierSet("==1.*,>=1.2"))
    ((<Specifier('==1.0')>,), ())
    """
    return tuple(
        specifier
        for specifier in specifiers
        if specifier.operator == "==="
        or (specifier.operator == "==" and not specifier.version.endswith(".*"))
    )


class RefusalCode(StrEnum):
    """Why something that was asked for is not built. Stable: they stand in the API."""

    PROJECT_GONE = "project-gone"
    QUARANTINED = "quarantined"
    UNKNOWN_RELEASE = "unknown-release"
    NO_RELEASE_MATCHES = "no-release-matches"
    UNPARSABLE_VERSION = "unparsable-version"
    YANKED = "yanked"
    NO_SDIST = "no-sdist"
    UNSUPPORTED_SDIST = "unsupported-sdist"
    NO_HASH = "no-hash"
    REQUIRES_PYTHON = "requires-python"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def is_of_target(self) -> bool:
        """Whether it is about one target, and not about the whole release or project."""
        return self in {RefusalCode.REQUIRES_PYTHON, RefusalCode.WITHDRAWN}


_LABELS = {
    RefusalCode.PROJECT_GONE: "Project gone upstream",
    RefusalCode.QUARANTINED: "Quarantined upstream",
    RefusalCode.UNKNOWN_RELEASE: "No such release",
    RefusalCode.NO_RELEASE_MATCHES: "No release matches",
    RefusalCode.UNPARSABLE_VERSION: "Version cannot be read",
    RefusalCode.YANKED: "Yanked upstream",
    RefusalCode.NO_SDIST: "No source distribution",
    RefusalCode.UNSUPPORTED_SDIST: "Source archive not supported",
    RefusalCode.NO_HASH: "No hash to check by",
    RefusalCode.REQUIRES_PYTHON: "Needs another Python",
    RefusalCode.WITHDRAWN: "Withdrawn here",
}


@dataclass(frozen=True, slots=True)
class Served:
    """A release has a wheel for the target: `filename`, ours or upstream's."""

    version: str
    target: str
    filename: str
    is_ours: bool
    is_yanked: bool = False
    yanked_reason: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A release has no wheel for the target, and a source distribution to make one from."""

    version: str
    target: str
    sdist: str
    """Its filename."""
    age: int = 0
    """How many newer releases the project has."""
    remakes: str = ""
    """The yanked file of ours whose place a build would take; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was asked for and cannot be; `message` says what to do.

    `version`, `target` and `filename` are empty where it is not about one.
    """

    code: RefusalCode
    message: str
    version: str = ""
    target: str = ""
    filename: str = ""


type Settled = Served | Gap | Refusal


@dataclass(frozen=True, slots=True)
class Plan:
    """What a wish comes to: newest release first, targets in the order they were asked in."""

    served: tuple[Served, ...] = ()
    gaps: tuple[Gap, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file of a project, upstream's or ours, as an index lists it.

    `version` is normalised, and empty when the filename has none. `standing` is that of a file
    of ours; `reason` says why it, or upstream's yanked file, is where it is.
    """

    filename: str
    kind: FileKind
    version: str
    requires_python: str = ""
    sha256: str = ""
    is_yanked: bool = False
    reason: str = ""
    uploaded_at: datetime | None = None
    standing: Standing | None = None
    is_to_be_remade: bool = False
    """Whether it is a bad wheel of ours whose place another build may take."""

    @property
    def is_ours(self) -> bool:
        return self.standing is not None

    @property
    def is_on_pages(self) -> bool:
        return self.standing in {None, Standing.LISTED, Standing.YANKED}

    @property
    def is_unparsable(self) -> bool:
        """Whether it looks like a source distribution whose name has no version we can read."""
        return self.kind is FileKind.OTHER and self.filename.endswith(
            (*SDIST_ENDINGS, *_OTHER_ARCHIVES)
        )


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """A project as upstream last showed it, with our files beside upstream's."""

    name: str
    status: ProjectStatus
    status_reason: str
    files: tuple[ReleaseFile, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one version."""

    name: str
    """The version, normalised."""
    version: Version
    upstream: tuple[ReleaseFile, ...]
    ours: tuple[ReleaseFile, ...]
    age: int
    """How many newer releases there are."""

    @property
    def is_yanked(self) -> bool:
        return all(file.is_yanked for file in self.upstream)

    @property
    def yanked_reason(self) -> str:
        return next((file.reason for file in self.upstream if self.is_yanked and file.reason), "")

    @property
    def uploaded_at(self) -> datetime | None:
        return min((file.uploaded_at for file in self.upstream if file.uploaded_at), default=None)

    def sdists(self) -> list[ReleaseFile]:
        """Those that builders unpack: not yanked before yanked, then the preferred archive."""
        known = [
            file
            for file in self.upstream
            if file.kind is FileKind.SDIST and file.filename.endswith(SDIST_ENDINGS)
        ]
        return sorted(
            known, key=lambda file: (file.is_yanked, _archive_rank(file.filename), file.filename)
        )

    def sdist(self, *, is_pinned: bool) -> ReleaseFile | None:
        """The one that a build takes, if there is one to take and to check by its hash."""
        return next(
            (file for file in self.sdists() if file.sha256 and (is_pinned or not file.is_yanked)),
            None,
        )


def _archive_rank(filename: str) -> int:
    return next(rank for rank, end in enumerate(SDIST_ENDINGS) if filename.endswith(end))


def releases_of(project: ProjectFacts) -> list[Release]:
    """The releases that upstream has, newest first; a file of ours alone makes none.

    Versions that are equal are one release, however they are written: it goes by the name that
    its sources have.
    """
    upstream: dict[Version, list[ReleaseFile]] = {}
    ours: dict[Version, list[ReleaseFile]] = {}
    for file in project.files:
        if file.kind is not FileKind.OTHER:
            (ours if file.is_ours else upstream).setdefault(_version(file.version), []).append(file)
    return [
        Release(
            name=min(upstream[version], key=lambda file: file.kind is not FileKind.SDIST).version,
            version=version,
            upstream=tuple(upstream[version]),
            ours=tuple(ours.get(version, ())),
            age=age,
        )
        for age, version in enumerate(sorted(upstream, reverse=True))
    ]


@lru_cache(maxsize=4096)
def _version(name: str) -> Version:
    return Version(name)


@lru_cache(maxsize=4096)
def _tags(expression: str) -> frozenset[Tag]:
    return parse_tag(expression)


@lru_cache(maxsize=4096)
def _allows_python(requires_python: str, version: Version) -> bool:
    """As pip: a `requires-python` that cannot be read forbids nothing."""
    try:
        return version in SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True


class Settler:
    """Decides what stands between releases of one project and targets.

    It remembers which targets a tag serves: a project's wheels have few different ones.
    """

    def __init__(self, project: ProjectFacts, targets: Sequence[Target]) -> None:
        self._project = project
        self._project_refusal = _project_refusal(project)
        self._targets = targets
        self._pythons = {target.name: target.full_python_version for target in targets}
        self._ranks: dict[tuple[str, str], Mapping[str, int]] = {}

    def settle(self, release: Release, *, is_pinned: bool) -> list[Settled]:
        """One answer for each target, in their order; `is_pinned` brings back what is yanked."""
        wheels = self._wheels(release)
        return [
            self._settle(release, target, wheels[target.name], is_pinned=is_pinned)
            for target in self._targets
        ]

    def _wheels(self, release: Release) -> dict[str, list[tuple[int, ReleaseFile]]]:
        """For each target the wheels that it accepts by tag and Python, each with its rank."""
        wheels: dict[str, list[tuple[int, ReleaseFile]]] = {
            target.name: [] for target in self._targets
        }
        for file in (*release.upstream, *release.ours):
            if file.kind is FileKind.WHEEL:
                for target, rank in self._ranks_of(file).items():
                    wheels[target].append((rank, file))
        return wheels

    def _ranks_of(self, wheel: ReleaseFile) -> Mapping[str, int]:
        expression = "-".join(wheel.filename.removesuffix(".whl").rsplit("-", 3)[1:])
        key = (expression, wheel.requires_python)
        if key not in self._ranks:
            tags = _tags(expression)
            self._ranks[key] = {
                target.name: min(target.ranks[tag] for tag in tags if tag in target.ranks)
                for target in self._targets
                if not target.ranks.keys().isdisjoint(tags)
                and _allows_python(wheel.requires_python, self._pythons[target.name])
            }
        return self._ranks[key]

    def _settle(
        self,
        release: Release,
        target: Target,
        wheels: list[tuple[int, ReleaseFile]],
        *,
        is_pinned: bool,
    ) -> Settled:
        bad = [file.filename for _, file in wheels if file.is_to_be_remade]
        wheels = [ranked for ranked in wheels if not ranked[1].is_to_be_remade]
        offered = [ranked for ranked in wheels if ranked[1].is_on_pages]
        fresh = [ranked for ranked in offered if not ranked[1].is_yanked]
        if usable := fresh or (offered if is_pinned else []):
            return _served(release, target, usable)
        for _, file in wheels:
            if file.is_ours and file.standing is not Standing.SUPERSEDED:
                return self._withdrawn(release, target, file)
        if self._project_refusal is not None:
            return replace(self._project_refusal, version=release.name, target=target.name)
        sdist = release.sdist(is_pinned=is_pinned)
        if sdist is None:
            return self._unbuildable(release, target, is_pinned=is_pinned)
        if not _allows_python(sdist.requires_python, self._pythons[target.name]):
            return Refusal(
                RefusalCode.REQUIRES_PYTHON,
                f"{self._project.name} {release.name} says that it needs Python "
                f"{sdist.requires_python}, which {target.name} is not. Ask for another of its "
                "releases, or for a target that it supports.",
                release.name,
                target.name,
                sdist.filename,
            )
        return Gap(
            release.name,
            target.name,
            sdist.filename,
            release.age,
            remakes=max(bad, key=self._build_tag, default=""),
        )

    def _build_tag(self, filename: str) -> BuildTag:
        return parse_filename(filename, NormalizedName(self._project.name)).build_tag

    def _withdrawn(self, release: Release, target: Target, file: ReleaseFile) -> Refusal:
        because = f" ({file.reason.rstrip('.')})" if file.reason else ""
        return Refusal(
            RefusalCode.WITHDRAWN,
            f"{self._project.name} {release.name}: our wheel {file.filename} was "
            f"{file.standing}{because}, and is not built a second time: it is listed again when"
            " that holds no more.",
            release.name,
            target.name,
            file.filename,
        )

    def _unbuildable(self, release: Release, target: Target, *, is_pinned: bool) -> Refusal:
        """Why no source distribution of the release can be taken."""
        name = f"{self._project.name} {release.name}"
        sdists = [file for file in release.upstream if file.kind is FileKind.SDIST]
        known = release.sdists()
        if not sdists:
            return Refusal(
                RefusalCode.NO_SDIST,
                f"{name} has no source distribution upstream, so there is nothing to build from. "
                "Its maintainers can upload one.",
                release.name,
                target.name,
            )
        if not known:
            return Refusal(
                RefusalCode.UNSUPPORTED_SDIST,
                f"{name} has its sources as {sdists[0].filename}, and builders unpack "
                f"{', '.join(SDIST_ENDINGS)}. Its maintainers can upload one of these.",
                release.name,
                target.name,
                sdists[0].filename,
            )
        if not is_pinned and known[0].is_yanked:
            return Refusal(
                RefusalCode.YANKED,
                f"the source distribution of {name} was yanked upstream. Ask for another release, "
                f"or for exactly this one with '=={release.name}'.",
                release.name,
                target.name,
                known[0].filename,
            )
        return Refusal(
            RefusalCode.NO_HASH,
            f"upstream gives no SHA-256 for {known[0].filename}, so what is fetched could not be "
            f"checked and {name} is not built. The operators of that index can add it.",
            release.name,
            target.name,
            known[0].filename,
        )


def _served(release: Release, target: Target, wheels: Sequence[tuple[int, ReleaseFile]]) -> Served:
    """Upstream's wheel rather than ours, then the one pip prefers."""
    _, file = min(wheels, key=lambda ranked: (ranked[1].is_ours, ranked[0], ranked[1].filename))
    return Served(
        version=release.name,
        target=target.name,
        filename=file.filename,
        is_ours=file.is_ours,
        is_yanked=file.is_yanked,
        yanked_reason=file.reason if file.is_yanked else "",
    )


def _yanked(project: ProjectFacts, release: Release) -> Refusal:
    because = f" ({release.yanked_reason})" if release.yanked_reason else ""
    return Refusal(
        RefusalCode.YANKED,
        f"{project.name} {release.name} was yanked upstream{because}. Ask for another release, "
        f"or for exactly this one with '=={release.name}'.",
        release.name,
    )


def plan(project: ProjectFacts, *, specifiers: SpecifierSet, targets: Sequence[Target]) -> Plan:
    """What it takes to serve the releases that were asked for on these targets.

    Empty specifiers ask for the newest release, as `pip install` would: final where there is
    one, and not yanked. Otherwise every release that matches is meant; pre-releases are when a
    specifier names one, or when nothing else matches (PEP 440).
    """
    if refusal := _project_refusal(project):
        return Plan(refusals=(refusal,))
    releases = releases_of(project)
    is_pinned = bool(pins(specifiers))
    matching = list(specifiers.filter(releases, key=lambda release: release.version))
    yanked = [release for release in matching if release.is_yanked and not is_pinned]
    chosen = [release for release in matching if release not in yanked]
    if len(specifiers) == 0:
        chosen = chosen[:1]
        yanked = [] if chosen else yanked[:1]
    settler = Settler(project, targets)
    settled = [
        answer for release in chosen for answer in settler.settle(release, is_pinned=is_pinned)
    ]
    refusals = (
        *(_of_release(answer) for answer in settled if isinstance(answer, Refusal)),
        *(_yanked(project, release) for release in yanked),
        *_unplanned(project, releases, matching, specifiers),
    )
    return Plan(
        served=tuple(answer for answer in settled if isinstance(answer, Served)),
        gaps=tuple(answer for answer in settled if isinstance(answer, Gap)),
        refusals=tuple(dict.fromkeys(refusals)),
    )


def _project_refusal(project: ProjectFacts) -> Refusal | None:
    because = f" ({project.status_reason})" if project.status_reason else ""
    if project.status is ProjectStatus.QUARANTINED:
        return Refusal(
            RefusalCode.QUARANTINED,
            f"{project.name} is quarantined upstream{because}, so nothing of it is built. Ask "
            "again once upstream has let it out.",
        )
    if project.status is ProjectStatus.DELETED:
        return Refusal(
            RefusalCode.PROJECT_GONE,
            f"{project.name} is gone upstream, so there is nothing to build from. Check the "
            "name, or ask its maintainers.",
        )
    return None


def _of_release(refusal: Refusal) -> Refusal:
    """The refusal without its target, unless it is about that."""
    return refusal if refusal.code.is_of_target else replace(refusal, target="")


def _unplanned(
    project: ProjectFacts,
    releases: Sequence[Release],
    matching: Sequence[Release],
    specifiers: SpecifierSet,
) -> Iterator[Refusal]:
    """What was asked for and is no release upstream."""
    if matching and pins(specifiers):
        return
    unparsable = [
        file.filename
        for file in project.files
        if file.is_unparsable and _is_meant(file.filename, specifiers, has_releases=bool(releases))
    ]
    for filename in unparsable:
        yield Refusal(
            RefusalCode.UNPARSABLE_VERSION,
            f"{project.name}: the name of {filename} has no version that PEP 440 can read, so "
            "installers do not see it and nothing is built from it. Its maintainers can release "
            "it under another version.",
            filename=filename,
        )
    if matching or unparsable:
        return
    newest = f"the newest is {releases[0].name}" if releases else "it has none at all"
    for pin in pins(specifiers):
        if not any(pin.contains(release.version, prereleases=True) for release in releases):
            yield Refusal(
                RefusalCode.UNKNOWN_RELEASE,
                f"{project.name} has no release {pin.version} upstream; {newest}. Check the "
                "version.",
                version=pin.version,
            )
            return
    yield Refusal(
        RefusalCode.NO_RELEASE_MATCHES,
        f"{project.name} has no release upstream that matches {str(specifiers) or 'any version'}; "
        f"{newest}. Ask for other versions.",
    )


def _is_meant(filename: str, specifiers: SpecifierSet, *, has_releases: bool) -> bool:
    """Whether a file in no release may be what was asked for.

    A range may mean any; a pin means those with its text in their names; a wish for the newest
    release means one only when there is no other.
    """
    if pinned := pins(specifiers):
        return any(
            re.search(rf"-{re.escape(pin.version)}(?![0-9a-z])", filename, re.IGNORECASE)
            for pin in pinned
        )
    return len(specifiers) > 0 or not has_releases
