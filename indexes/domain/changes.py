"""What differs between two states of a project upstream, as typed changes.

`apply(before, diff(before, after)) == after` for any two states of one project. None is a
project that upstream does not have.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from indexes.domain.simple import ListedFile, ProjectPage
from indexes.domain.status import ProjectStatus


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
