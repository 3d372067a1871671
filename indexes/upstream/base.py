"""The seam between us and the index that we follow."""

from dataclasses import dataclass
from typing import Protocol

from indexes.domain.names import NormalizedName
from indexes.domain.simple import ProjectPage
from indexes.errors import IndexesError


@dataclass(frozen=True, slots=True)
class UpstreamPage:
    """An answer of upstream for one project."""

    digest: str
    """SHA-256 of the body: what changed is known by it where upstream sends no ETag."""
    etag: str
    page: ProjectPage


@dataclass(frozen=True, slots=True)
class NotModified:
    """Upstream's page is still the one with the ETag that we gave."""


class Upstream(Protocol):
    """An index that speaks the JSON form of the simple API (PEP 691)."""

    def project_page(self, name: NormalizedName, etag: str = "") -> UpstreamPage | NotModified:
        """The project's page, unless `etag` is still its ETag.

        Raises `ProjectNotUpstream`, `UpstreamUnreachable`, `UpstreamInvalid`.
        """

    def project_url(self, name: NormalizedName) -> str:
        """Where people and installers find that page."""

    def fetch_file(self, url: str, *, max_bytes: int, sha256: str) -> bytes:
        """A file's bytes, of that hash and at most that long.

        Raises `UpstreamUnreachable`, `UpstreamInvalid`.
        """


class UpstreamError(IndexesError):
    """Base of what an `Upstream` raises."""

    code = "upstream-error"


class ProjectNotUpstream(UpstreamError):
    code = "unknown-project"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no project {name} upstream: check how its name is written.")


class UpstreamUnreachable(UpstreamError):
    """It did not answer, or answered that it cannot now."""

    code = "upstream-unreachable"

    def __init__(self, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(
            f"Upstream did not give {what} ({problem}). It is upstream's turn; try again later."
        )


class UpstreamInvalid(UpstreamError):
    """It answered with something that is not what it should be."""

    code = "upstream-invalid"

    def __init__(self, what: str, problem: str) -> None:
        self.what = what
        self.problem = problem
        super().__init__(
            f"Upstream's answer for {what} cannot be used ({problem}). "
            "What we knew before stands; we ask again at the next refresh."
        )
