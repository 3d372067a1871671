"""The seam between us and the index that we follow."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Protocol

from indexes.domain.facts import ProjectFacts
from indexes.domain.names import NormalizedName
from indexes.domain.schedule import Doubt
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


@dataclass(frozen=True, slots=True)
class RootSerials:
    """What the root listing says of projects: `_last-serial` of each that has one."""

    etag: str
    serials: Mapping[str, int]


class Upstream(Protocol):
    """An index that speaks the JSON form of the simple API (PEP 691)."""

    def project_page(self, name: NormalizedName, etag: str = "") -> UpstreamPage | NotModified:
        """The project's page, unless `etag` is still its ETag.

        Raises `ProjectNotUpstream`, `UpstreamUnreachable`, `UpstreamInvalid`.
        """

    def project_facts(self, name: NormalizedName) -> ProjectFacts | None:
        """What it says of the project beside its page; None where it says nothing.

        Raises `UpstreamUnreachable`.
        """

    def serials(self, names: Container[str], etag: str = "") -> RootSerials | NotModified:
        """The serials of these projects as the root listing has them, unless it is unchanged.

        Raises `UpstreamUnreachable`, `UpstreamInvalid`.
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

    def __init__(
        self,
        what: str,
        problem: str,
        *,
        retry_after: float | None = None,
        is_limit: bool = False,
    ) -> None:
        self.what = what
        self.problem = problem
        self.retry_after = retry_after
        """Seconds that upstream asks us to wait (RFC 9110, 10.2.3)."""
        self.is_limit = is_limit
        """Whether it says that we ask too often (429)."""
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


class UpstreamDoubtful(UpstreamError):
    """It answered with what a broken cache would answer too: not believed at once."""

    code = "upstream-doubtful"

    def __init__(self, project: str, doubt: Doubt) -> None:
        self.project = project
        self.doubt = doubt
        problem = (
            "says that it has no such project, and had one"
            if doubt is Doubt.MISSING
            else "gives a page from before the one we know"
        )
        super().__init__(
            f"Upstream {problem}: {project}. What we knew before stands; it is believed when it "
            f"answers so for {doubt.seconds:.0f} s and we ask again by ourselves."
        )
