"""Whether a project is alive upstream (PEP 792) and whether a file of ours is listed."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from indexes.domain.files import FileKind


class ProjectStatus(StrEnum):
    ACTIVE = "active"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    DEPRECATED = "deprecated"
    DELETED = "deleted"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class Decision(StrEnum):
    """What our side decided of a file of ours; strongest last."""

    YANKED = "yanked"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class Standing(StrEnum):
    """Where a file of ours stands.

    listed, yanked: on the pages (yanked with its reason, PEP 592). superseded: off the pages,
    still downloadable, because lock files name it. withdrawn: off the pages, still
    downloadable. quarantined: off the pages and not downloadable.
    """

    LISTED = "listed"
    YANKED = "yanked"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    QUARANTINED = "quarantined"

    @property
    def label(self) -> str:
        return self.value.capitalize()


@dataclass(frozen=True, slots=True)
class UpstreamRelease:
    """What upstream says of one release: whether it is there, and whether it is yanked."""

    is_there: bool = False
    is_yanked: bool = False
    yanked_reason: str = ""


def release_of(files: Iterable[tuple[FileKind, bool, str]]) -> UpstreamRelease:
    """What a release's files upstream, as (kind, is yanked, reason), say of the release.

    It is yanked when all of them are, or when an sdist is: ours were made from one.
    """
    listed = list(files)
    yanked = [(kind, reason) for kind, is_yanked, reason in listed if is_yanked]
    is_yanked = bool(yanked) and (
        len(yanked) == len(listed) or any(kind is FileKind.SDIST for kind, _ in yanked)
    )
    # The sdist's reason before any other's.
    yanked.sort(key=lambda item: item[0] is not FileKind.SDIST)
    reason = next((reason for _, reason in yanked if reason), "") if is_yanked else ""
    return UpstreamRelease(bool(listed), is_yanked, reason)


def standing_of(
    decision: Decision | None,
    *,
    decision_reason: str = "",
    withheld: str = "",
    upstream_is_there: bool = True,
    source_is_there: bool = True,
    upstream_yanked: bool,
    upstream_reason: str,
    project_status: ProjectStatus,
    status_reason: str = "",
    was_quarantined: bool = False,
    is_superseded: bool,
) -> tuple[Standing, str]:
    """Where a file of ours stands, and why; of several grounds the one that hides most wins.

    `withheld` is why it is kept off the pages for now, whatever was decided of it; empty: it is
    not. What upstream has deleted stays downloadable, because lock files name it. What upstream
    has quarantined does not, also when it `was_quarantined` and is deleted now: it may be
    malicious. A release that is there again with another source may be somebody else's: what was
    built from the former is not listed in it.
    """
    grounds = (
        (decision is Decision.QUARANTINED, Standing.QUARANTINED, decision_reason),
        (
            project_status is ProjectStatus.QUARANTINED,
            Standing.QUARANTINED,
            status_reason or "The project is quarantined upstream.",
        ),
        (
            was_quarantined,
            Standing.QUARANTINED,
            "The project was quarantined upstream, and then deleted.",
        ),
        (decision is Decision.WITHDRAWN, Standing.WITHDRAWN, decision_reason),
        (bool(withheld), Standing.WITHDRAWN, withheld),
        (
            project_status is ProjectStatus.DELETED,
            Standing.WITHDRAWN,
            "The project was deleted upstream.",
        ),
        (not upstream_is_there, Standing.WITHDRAWN, "The release was deleted upstream."),
        (
            not source_is_there,
            Standing.WITHDRAWN,
            "Upstream has no longer the source that it was built from.",
        ),
        (
            is_superseded,
            Standing.SUPERSEDED,
            "Upstream serves a wheel for the same installers.",
        ),
        (decision is Decision.YANKED, Standing.YANKED, decision_reason),
        (upstream_yanked, Standing.YANKED, upstream_reason),
    )
    return next(
        ((standing, reason) for holds, standing, reason in grounds if holds),
        (Standing.LISTED, ""),
    )
