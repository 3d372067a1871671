"""What differs between two states of a project upstream, as typed changes.

`apply(before, diff(before, after)) == after` for any two states of one project. None is a
project that upstream does not have. What files come to for a release is `release_changes`, and
what upstream says beside the page `fact_changes`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from indexes.domain.facts import ProjectFacts, Role
from indexes.domain.files import FileKind, parse_filename
from indexes.domain.simple import ListedFile, ProjectPage
from indexes.domain.status import ProjectStatus, UpstreamRelease, release_of


@dataclass(frozen=True, slots=True)
class ProjectAppeared:
    """There is such a project upstream, for the first time or again."""

    page: ProjectPage


@dataclass(frozen=True, slots=True)
class ProjectDeleted:
    pass


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """PEP 792's status, or only its reason."""

    before: ProjectStatus
    after: ProjectStatus
    reason: str


@dataclass(frozen=True, slots=True)
class VersionsChanged:
    added: frozenset[str]
    removed: frozenset[str]
    versions: tuple[str, ...]
    """All of them, in upstream's order."""


@dataclass(frozen=True, slots=True)
class FileAdded:
    file: ListedFile


@dataclass(frozen=True, slots=True)
class FileRemoved:
    filename: str


@dataclass(frozen=True, slots=True)
class FileYanked:
    filename: str
    reason: str


@dataclass(frozen=True, slots=True)
class YankReasonChanged:
    filename: str
    before: str
    reason: str


@dataclass(frozen=True, slots=True)
class FileUnyanked:
    filename: str


@dataclass(frozen=True, slots=True)
class FileChanged:
    """Anything else of a file, its bytes included; `file` has it as it is now."""

    before: ListedFile
    file: ListedFile


@dataclass(frozen=True, slots=True)
class SerialChanged:
    serial: int | None


@dataclass(frozen=True, slots=True)
class Renamed:
    """Upstream writes the project's name in another way; normalised it is the same."""

    before: str
    display_name: str


@dataclass(frozen=True, slots=True)
class RolesChanged:
    """Who has which part in the project. Seeing them for the first time is no change."""

    added: frozenset[Role]
    removed: frozenset[Role]


@dataclass(frozen=True, slots=True)
class ReleaseAdded:
    version: str


@dataclass(frozen=True, slots=True)
class ReleaseRemoved:
    version: str


@dataclass(frozen=True, slots=True)
class ReleaseQuarantined:
    """None of its files is listed any more, while upstream still names the version (PEP 700)."""

    version: str


@dataclass(frozen=True, slots=True)
class ReleaseCleared:
    """The files of a quarantined release are listed again."""

    version: str


@dataclass(frozen=True, slots=True)
class ReleaseYanked:
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseYankReasonChanged:
    version: str
    before: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReleaseUnyanked:
    version: str


type ReleaseChange = (
    ReleaseAdded
    | ReleaseRemoved
    | ReleaseQuarantined
    | ReleaseCleared
    | ReleaseYanked
    | ReleaseYankReasonChanged
    | ReleaseUnyanked
)
type FactChange = Renamed | RolesChanged
type Change = (
    ProjectAppeared
    | ProjectDeleted
    | StatusChanged
    | VersionsChanged
    | FileAdded
    | FileRemoved
    | FileYanked
    | YankReasonChanged
    | FileUnyanked
    | FileChanged
    | SerialChanged
)


def diff(before: ProjectPage | None, after: ProjectPage | None) -> tuple[Change, ...]:
    """What happened between the two."""
    if after is None:
        return () if before is None else (ProjectDeleted(),)
    if before is None:
        return (ProjectAppeared(after),)
    return (*_project_changes(before, after), *_file_changes(before, after))


def _project_changes(before: ProjectPage, after: ProjectPage) -> Iterator[Change]:
    if (before.status, before.status_reason) != (after.status, after.status_reason):
        yield StatusChanged(before.status, after.status, after.status_reason)
    if before.versions != after.versions:
        old, new = frozenset(before.versions), frozenset(after.versions)
        yield VersionsChanged(new - old, old - new, after.versions)
    if before.serial != after.serial:
        yield SerialChanged(after.serial)


def _file_changes(before: ProjectPage, after: ProjectPage) -> Iterator[Change]:
    old = {file.filename: file for file in before.files}
    new = {file.filename: file for file in after.files}
    for filename in sorted(old.keys() | new.keys()):
        if filename not in new:
            yield FileRemoved(filename)
        elif filename not in old:
            yield FileAdded(new[filename])
        else:
            yield from _changes_of(old[filename], new[filename])


def _changes_of(was: ListedFile, file: ListedFile) -> Iterator[Change]:
    kept = replace(file, is_yanked=was.is_yanked, yanked_reason=was.yanked_reason)
    if kept != was:
        yield FileChanged(was, kept)
    if file.is_yanked and not was.is_yanked:
        yield FileYanked(file.filename, file.yanked_reason)
    elif was.is_yanked and not file.is_yanked:
        yield FileUnyanked(file.filename)
    elif was.yanked_reason != file.yanked_reason:
        yield YankReasonChanged(file.filename, was.yanked_reason, file.yanked_reason)


def apply(page: ProjectPage | None, changes: Iterable[Change]) -> ProjectPage | None:
    """The state that the changes lead to."""
    for change in changes:
        match change:
            case ProjectAppeared(page=appeared):
                page = appeared
            case ProjectDeleted():
                page = None
            case _ if page is None:
                raise ValueError(change)
            case StatusChanged(after=status, reason=reason):
                page = replace(page, status=status, status_reason=reason)
            case VersionsChanged(versions=versions):
                page = replace(page, versions=versions)
            case SerialChanged(serial=serial):
                page = replace(page, serial=serial)
            case _:
                page = replace(page, files=_applied(page.files, change))
    return page


def _applied(files: tuple[ListedFile, ...], change: Change) -> tuple[ListedFile, ...]:
    listed = {file.filename: file for file in files}
    match change:
        case FileAdded(file=file) | FileChanged(file=file):
            listed[file.filename] = file
        case FileRemoved(filename=filename):
            del listed[filename]
        case (
            FileYanked(filename=filename, reason=reason)
            | YankReasonChanged(filename=filename, reason=reason)
        ):
            listed[filename] = replace(listed[filename], is_yanked=True, yanked_reason=reason)
        case FileUnyanked(filename=filename):
            listed[filename] = replace(listed[filename], is_yanked=False, yanked_reason="")
        case _:
            raise ValueError(change)
    return tuple(listed[filename] for filename in sorted(listed))


def release_changes(before: ProjectPage, after: ProjectPage) -> tuple[ReleaseChange, ...]:
    """What the differing files come to for releases, by version; a project's own status aside.

    A quarantined project lists nothing (PEP 792): that says nothing of its releases.
    """
    if ProjectStatus.QUARANTINED in {before.status, after.status}:
        return ()
    old, new = _releases(before), _releases(after)
    return tuple(
        change
        for version in sorted(old.keys() | new.keys())
        for change in _release_changes(version, old.get(version), new.get(version))
    )


def _release_changes(
    version: str, was: UpstreamRelease | None, now: UpstreamRelease | None
) -> Iterator[ReleaseChange]:
    if now is None:
        if was is not None and was.is_there:
            yield ReleaseRemoved(version)
        return
    if not now.is_there:
        if was is not None and was.is_there:
            yield ReleaseQuarantined(version)
        return
    if was is None:
        yield ReleaseAdded(version)
    elif not was.is_there:
        yield ReleaseCleared(version)
    yield from _yank_changes(version, was or now, now, is_new=was is None)


def _yank_changes(
    version: str, was: UpstreamRelease, now: UpstreamRelease, *, is_new: bool
) -> Iterator[ReleaseChange]:
    if now.is_yanked and (is_new or not was.is_yanked):
        yield ReleaseYanked(version, now.yanked_reason)
    elif was.is_yanked and not now.is_yanked:
        yield ReleaseUnyanked(version)
    elif was.yanked_reason != now.yanked_reason:
        yield ReleaseYankReasonChanged(version, was.yanked_reason, now.yanked_reason)


def _releases(page: ProjectPage) -> Mapping[str, UpstreamRelease]:
    """By normalised version; one that is named and has no file is not there."""
    files: dict[str, list[tuple[FileKind, bool, str]]] = defaultdict(list)
    for version in page.versions:
        try:
            files[str(Version(version))] = []
        except InvalidVersion:
            continue
    for file in page.files:
        parsed = parse_filename(file.filename, page.name)
        if parsed.version is not None:
            files[str(parsed.version)].append((parsed.kind, file.is_yanked, file.yanked_reason))
    return {version: release_of(listed) for version, listed in files.items()}


def fact_changes(before: ProjectFacts, after: ProjectFacts) -> tuple[FactChange, ...]:
    """What is new of what upstream says beside the page; what it does not say changes nothing."""
    changes: list[FactChange] = []
    if before.display_name != after.display_name:
        changes.append(Renamed(before.display_name, after.display_name))
    if None not in {before.roles, after.roles} and before.roles != after.roles:
        old, new = before.roles or frozenset(), after.roles or frozenset()
        changes.append(RolesChanged(new - old, old - new))
    return tuple(changes)
