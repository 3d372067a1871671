import time
import uuid
from datetime import UTC, datetime

import pytest

from builds.domain.coverage import BuildFacts, CellStatus, cover
from builds.domain.states import LIVE, BuildState
from builds.domain.targets import parse_target, parse_targets
from indexes.domain.status import ProjectStatus, Standing
from tests.builds.domain.listings import listed, of_ours, project

CP39, CP312 = (f"cp3{minor}-manylinux_2_36_x86_64" for minor in (9, 12))
ID = uuid.UUID(int=7)


def a_build(state, *, outcome="", filename="", version="1.0", target=CP312, build_id=ID):
    return BuildFacts(build_id, version, target, state, outcome, filename)


def only_cell(facts, *builds):
    matrix = cover(facts, targets=[parse_target(CP312)], builds=builds)
    ((cell,),) = (row.cells for row in matrix.rows)
    return cell


def test_releases_stand_newest_first_and_cells_in_the_order_of_the_targets():
    facts = project("demo-1.9.tar.gz", "demo-1.10.tar.gz", "demo-2.0rc1.tar.gz")
    matrix = cover(facts, targets=parse_targets([CP312, CP39]), builds=[])
    assert matrix.project == "demo"
    assert matrix.targets == (CP312, CP39)
    assert [row.version for row in matrix.rows] == ["2.0rc1", "1.10", "1.9"]
    assert [row.is_prerelease for row in matrix.rows] == [True, False, False]
    assert [cell.target for cell in matrix.rows[0].cells] == [CP312, CP39]


def test_a_row_says_its_release():
    facts = project(listed("demo-1.0.tar.gz", yanked="bad"), "demo-0.9-py3-none-any.whl")
    yanked, wheel_only = cover(facts, targets=[parse_target(CP312)], builds=[]).rows
    assert (yanked.is_yanked, yanked.yanked_reason) == (True, "bad")
    assert yanked.sdist == "demo-1.0.tar.gz"
    assert yanked.uploaded_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert (wheel_only.is_yanked, wheel_only.sdist) == (False, "")


def test_upstreams_wheel():
    cell = only_cell(project("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"))
    assert cell.status is CellStatus.UPSTREAM
    assert cell.filename == "demo-1.0-py3-none-any.whl"


def test_a_wheel_of_ours_names_its_build():
    ours = of_ours("demo-1.0-1affineur-py3-none-any.whl")
    build = a_build(BuildState.PUBLISHED, filename=ours.filename, target=CP39)
    cell = only_cell(project("demo-1.0.tar.gz", ours), build)
    assert (cell.status, cell.filename, cell.build) == (CellStatus.OURS, ours.filename, ID)


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_build_in_progress(state):
    cell = only_cell(project("demo-1.0.tar.gz"), a_build(state))
    assert (cell.status, cell.build, cell.text) == (CellStatus.IN_PROGRESS, ID, state.value)


def test_a_failure_says_its_outcome():
    cell = only_cell(
        project("demo-1.0.tar.gz"), a_build(BuildState.FAILED, outcome="import-failed")
    )
    assert (cell.status, cell.build, cell.text) == (CellStatus.CANNOT, ID, "Import failed")


@pytest.mark.parametrize("state", [BuildState.CANCELLED, BuildState.COVERED])
def test_a_build_that_was_given_up_leaves_the_gap(state):
    cell = only_cell(project("demo-1.0.tar.gz"), a_build(state))
    assert (cell.status, cell.build) == (CellStatus.MISSING, None)


def test_of_two_builds_the_later_counts():
    other = uuid.UUID(int=8)
    cell = only_cell(
        project("demo-1.0.tar.gz"),
        a_build(BuildState.FAILED, outcome="build-failed"),
        a_build(BuildState.QUEUED, build_id=other),
    )
    assert (cell.status, cell.build) == (CellStatus.IN_PROGRESS, other)


def test_a_gap_nobody_works_on():
    assert only_cell(project("demo-1.0.tar.gz")).status is CellStatus.MISSING


def test_what_cannot_be_built_says_why_in_short_and_at_length():
    cell = only_cell(project(listed("demo-1.0.tar.gz", requires_python="<3.12")))
    assert (cell.status, cell.text) == (CellStatus.REFUSED, "Needs another Python")
    assert "<3.12" in cell.detail


def test_gaps_of_a_quarantined_project_are_refused():
    facts = project("demo-1.0.tar.gz", status=ProjectStatus.QUARANTINED)
    cell = only_cell(facts, a_build(BuildState.FAILED, outcome="build-failed"))
    assert (cell.status, cell.text) == (CellStatus.REFUSED, "Quarantined upstream")


def test_a_yanked_wheel_and_a_yanked_release():
    served = project(
        listed("demo-1.0.tar.gz", yanked="bad"),
        of_ours("demo-1.0-1affineur-py3-none-any.whl", standing=Standing.YANKED, reason="bad"),
    )
    assert only_cell(served).status is CellStatus.YANKED
    assert only_cell(served).text == "bad"
    unserved = project(listed("demo-1.0.tar.gz", yanked="bad"))
    assert (only_cell(unserved).status, only_cell(unserved).text) == (CellStatus.YANKED, "bad")


def test_files_without_a_readable_version_are_told_apart():
    matrix = cover(
        project("demo-1.0.tar.gz", "demo-snapshot.tar.gz", "demo-1.0.exe"), targets=[], builds=[]
    )
    assert matrix.unparsable == ("demo-snapshot.tar.gz",)


def test_the_counts_name_every_status():
    facts = project("demo-1.0.tar.gz", "demo-0.9-py3-none-any.whl")
    counts = cover(facts, targets=parse_targets([CP312, CP39]), builds=[]).counts
    assert counts == {
        CellStatus.UPSTREAM: 2,
        CellStatus.OURS: 0,
        CellStatus.IN_PROGRESS: 0,
        CellStatus.MISSING: 2,
        CellStatus.CANNOT: 0,
        CellStatus.REFUSED: 0,
        CellStatus.YANKED: 0,
    }


def test_every_status_has_words():
    assert all(status.label for status in CellStatus)


def test_a_large_project_is_quick():
    wheels = [
        f"demo-{release}.0-cp3{minor}-cp3{minor}-{platform}.whl"
        for release in range(300)
        for minor in range(8, 14)
        for platform in (
            "manylinux_2_17_x86_64.manylinux2014_x86_64",
            "manylinux_2_17_aarch64.manylinux2014_aarch64",
            "musllinux_1_2_x86_64",
            "macosx_11_0_arm64",
            "win_amd64",
        )
    ]
    facts = project(*(f"demo-{release}.0.tar.gz" for release in range(300)), *wheels)
    targets = parse_targets(
        f"cp3{minor}-{platform}"
        for minor in range(8, 14)
        for platform in (
            "manylinux_2_17_x86_64",
            "manylinux_2_36_x86_64",
            "manylinux_2_28_aarch64",
            "musllinux_1_2_x86_64",
            "musllinux_1_2_aarch64",
        )
    )
    before = time.process_time()
    matrix = cover(facts, targets=targets, builds=[])
    spent = time.process_time() - before
    assert len(matrix.rows) == 300
    assert len(matrix.targets) == 30
    # Meant to take a tenth of this; a machine under load gets its share.
    assert spent < 1.5
