"""The coverage matrix as a page shows it: releases by minor, newest first, old ones folded."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from packaging.version import Version

from builds.domain.coverage import Cell, CellStatus, Coverage, Row
from portal.target_names import TargetName, read_target_name

ROWS_SHOWN = 30
"""Releases whose cells come with the page; what is older is a line a minor until it is opened."""

type Counts = tuple[tuple[CellStatus, int], ...]


@dataclass(frozen=True, slots=True)
class RowShown:
    row: Row
    counts: Counts

    @property
    def cells(self) -> tuple[Cell, ...]:
        return self.row.cells


@dataclass(frozen=True, slots=True)
class Minor:
    """The releases of one minor version."""

    label: str
    rows: tuple[RowShown, ...]
    counts: Counts
    is_open: bool

    @property
    def as_list(self) -> list["Minor"]:
        return [self]


@dataclass(frozen=True, slots=True)
class Platform:
    """Columns side by side that differ in their interpreter alone."""

    name: str
    columns: tuple[TargetName, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    platforms: tuple[Platform, ...]
    shown: tuple[Minor, ...]
    folded: tuple[Minor, ...]

    @property
    def columns(self) -> tuple[TargetName, ...]:
        return tuple(column for platform in self.platforms for column in platform.columns)


def matrix_of(coverage: Coverage, *, opened: str = "") -> Matrix:
    """The matrix, with the newest minors shown, and the one asked to be `opened`."""
    names = [read_target_name(target) for target in coverage.targets]
    platforms = tuple(
        Platform(platform, tuple(columns))
        for platform, columns in groupby(names, key=lambda name: name.platform)
    )
    shown: list[Minor] = []
    folded: list[Minor] = []
    rows_shown = 0
    for minor in _minors(coverage.rows, opened):
        if not shown or (rows_shown + len(minor.rows) <= ROWS_SHOWN and not folded):
            shown.append(minor)
            rows_shown += len(minor.rows)
        else:
            folded.append(minor)
    return Matrix(platforms, tuple(shown), tuple(folded))


def minor_of(version: str) -> str:
    """The minor that a release belongs to.

    >>> minor_of("1.2.3rc1"), minor_of("7"), minor_of("1!2.0")
    ('1.2', '7.0', '1!2.0')
    """
    parsed = Version(version)
    epoch = f"{parsed.epoch}!" if parsed.epoch else ""
    return f"{epoch}{parsed.major}.{parsed.minor}"


def _minors(rows: Iterable[Row], opened: str) -> list[Minor]:
    return [
        Minor(
            label=label,
            rows=(shown := tuple(RowShown(row, _counts(row.cells)) for row in group)),
            counts=_counts(cell for row in shown for cell in row.cells),
            is_open=label == opened,
        )
        for label, group in groupby(rows, key=lambda row: minor_of(row.version))
    ]


def _counts(cells: Iterable[Cell]) -> Counts:
    counted = Counter(cell.status for cell in cells)
    return tuple((status, counted[status]) for status in CellStatus if counted[status])
