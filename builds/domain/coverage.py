"""The matrix of a project: each release against each target, and what stands in each cell."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from builds.domain.outcomes import Outcome
from builds.domain.planning import (
    Gap,
    ProjectFacts,
    Refusal,
    Release,
    Served,
    Settler,
    releases_of,
)
from builds.domain.states import LIVE, BuildState
from builds.domain.targets import Target


class CellStatus(StrEnum):
    """What stands in one cell."""

    UPSTREAM = "upstream"
    OURS = "ours"
    IN_PROGRESS = "in-progress"
    MISSING = "missing"
    CANNOT = "cannot"
    REFUSED = "refused"
    YANKED = "yanked"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    CellStatus.UPSTREAM: "Upstream has a wheel",
    CellStatus.OURS: "Ours",
    CellStatus.IN_PROGRESS: "In progress",
    CellStatus.MISSING: "Missing",
    CellStatus.CANNOT: "Does not build",
    CellStatus.REFUSED: "Not possible",
    CellStatus.YANKED: "Yanked",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One release for one target. `text` is a short reason for people."""

    target: str
    status: CellStatus
    text: str
    detail: str = ""
    """A whole sentence, where there is more to say."""
    filename: str = ""
    """Of the wheel that serves: upstream, ours, yanked."""
    build: UUID | None = None
    """Of ours, in-progress, cannot."""


@dataclass(frozen=True, slots=True)
class Row:
    """One release; its cells are in the order of `Coverage.targets`."""

    version: str
    is_prerelease: bool
    is_yanked: bool
    yanked_reason: str
    uploaded_at: datetime | None
    sdist: str
    """Filename of the source distribution that builds take; empty when there is none."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Releases newest first."""

    project: str
    targets: tuple[str, ...]
    rows: tuple[Row, ...]
    unparsable: tuple[str, ...] = ()
    """Filenames upstream whose version cannot be read, so that they stand in no row."""

    @property
    def counts(self) -> Mapping[CellStatus, int]:
        """How many cells there are of each status, none left out."""
        counted = Counter(cell.status for row in self.rows for cell in row.cells)
        return {status: counted[status] for status in CellStatus}


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """The latest build of a release for a target."""

    id: UUID
    version: str
    target: str
    state: BuildState
    outcome: str
    filename: str


def cover(
    project: ProjectFacts, *, targets: Sequence[Target], builds: Sequence[BuildFacts]
) -> Coverage:
    """The matrix. Of several builds for one cell the last given counts."""
    by_cell = {(build.version, build.target): build for build in builds}
    by_filename = {build.filename: build.id for build in builds if build.filename}
    settler = Settler(project, targets)
    return Coverage(
        project=project.name,
        targets=tuple(target.name for target in targets),
        rows=tuple(
            _row(release, settler, by_cell, by_filename) for release in releases_of(project)
        ),
        unparsable=tuple(file.filename for file in project.files if file.is_unparsable),
    )


def _row(
    release: Release,
    settler: Settler,
    by_cell: Mapping[tuple[str, str], BuildFacts],
    by_filename: Mapping[str, UUID],
) -> Row:
    sdist = release.sdist(is_pinned=True)
    return Row(
        version=release.name,
        is_prerelease=release.version.is_prerelease,
        is_yanked=release.is_yanked,
        yanked_reason=release.yanked_reason,
        uploaded_at=release.uploaded_at,
        sdist="" if sdist is None else sdist.filename,
        cells=tuple(
            _cell(settled, by_cell.get((release.name, settled.target)), by_filename, release)
            for settled in settler.settle(release, is_pinned=True)
        ),
    )


def _cell(
    settled: Served | Gap | Refusal,
    build: BuildFacts | None,
    by_filename: Mapping[str, UUID],
    release: Release,
) -> Cell:
    match settled:
        case Served():
            return Cell(
                target=settled.target,
                status=_status_of(settled),
                text=settled.yanked_reason or ("yanked" if settled.is_yanked else settled.filename),
                filename=settled.filename,
                build=by_filename.get(settled.filename),
            )
        case Refusal():
            return Cell(
                settled.target, CellStatus.REFUSED, settled.code.label, detail=settled.message
            )
        case Gap():
            return _gap_cell(settled, build, release)


def _status_of(served: Served) -> CellStatus:
    if served.is_yanked:
        return CellStatus.YANKED
    return CellStatus.OURS if served.is_ours else CellStatus.UPSTREAM


def _gap_cell(gap: Gap, build: BuildFacts | None, release: Release) -> Cell:
    if build is not None and build.state in LIVE:
        return Cell(gap.target, CellStatus.IN_PROGRESS, build.state.value, build=build.id)
    if build is not None and build.state is BuildState.FAILED:
        text = Outcome(build.outcome).label if build.outcome else BuildState.FAILED.label
        return Cell(gap.target, CellStatus.CANNOT, text, build=build.id)
    if release.is_yanked:
        return Cell(gap.target, CellStatus.YANKED, release.yanked_reason or "yanked")
    return Cell(gap.target, CellStatus.MISSING, "no wheel yet")
