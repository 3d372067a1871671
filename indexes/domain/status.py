"""Whether a project is alive upstream (PEP 792) and whether a file of ours is listed."""

from enum import StrEnum


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
