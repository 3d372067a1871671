from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.changes import (
    FileAdded,
    FileChanged,
    FileRemoved,
    FileUnyanked,
    FileYanked,
    ProjectAppeared,
    ProjectDeleted,
    ReleaseAdded,
    ReleaseCleared,
    ReleaseQuarantined,
    ReleaseRemoved,
    ReleaseUnyanked,
    ReleaseYanked,
    ReleaseYankReasonChanged,
    SerialChanged,
    StatusChanged,
    VersionsChanged,
    YankReasonChanged,
    apply,
    diff,
    release_changes,
)
from indexes.domain.names import NormalizedName
from indexes.domain.simple import ListedFile, ProjectPage
from indexes.domain.status import ProjectStatus
from tests.indexes.domain.strategies import TEXT, pages

STATES = st.one_of(st.none(), pages())
FILE = ListedFile("demo-1.0.tar.gz", "https://files.example/demo-1.0.tar.gz")
PAGE = ProjectPage(NormalizedName("demo"), files=(FILE,), versions=("1.0",), serial=1)


@given(STATES, STATES)
def test_changes_lead_from_the_old_state_to_the_new(before, after):
    assert apply(before, diff(before, after)) == after


@given(STATES)
def test_nothing_changes_between_equal_states(state):
    assert diff(state, state) == ()


@given(pages(), TEXT)
def test_a_yank_and_its_end_lead_back(page, reason):
    yanked = replace(
        page,
        files=tuple(replace(file, is_yanked=True, yanked_reason=reason) for file in page.files),
    )
    there, back = diff(page, yanked), diff(yanked, page)
    assert apply(apply(page, there), back) == page
    assert {type(change) for change in there} <= {FileYanked, YankReasonChanged}
    assert {type(change) for change in back} <= {FileUnyanked, YankReasonChanged}


def with_file(**fields):
    return replace(PAGE, files=(replace(FILE, **fields),))


def test_each_change_is_named():
    yanked = with_file(is_yanked=True, yanked_reason="broken")
    other_reason = with_file(is_yanked=True, yanked_reason="worse")
    wheel = ListedFile("demo-1.0-py3-none-any.whl", "https://files.example/w")
    assert diff(PAGE, yanked) == (FileYanked(FILE.filename, "broken"),)
    assert diff(yanked, other_reason) == (YankReasonChanged(FILE.filename, "broken", "worse"),)
    assert diff(yanked, PAGE) == (FileUnyanked(FILE.filename),)
    assert diff(PAGE, replace(PAGE, files=(wheel, FILE))) == (FileAdded(wheel),)
    assert diff(PAGE, replace(PAGE, files=())) == (FileRemoved(FILE.filename),)
    assert diff(PAGE, with_file(size=5)) == (FileChanged(FILE, replace(FILE, size=5)),)
    assert diff(PAGE, replace(PAGE, status=ProjectStatus.QUARANTINED, status_reason="bad")) == (
        StatusChanged(ProjectStatus.ACTIVE, ProjectStatus.QUARANTINED, "bad"),
    )
    assert diff(PAGE, replace(PAGE, versions=("1.0", "2.0"))) == (
        VersionsChanged(frozenset({"2.0"}), frozenset(), ("1.0", "2.0")),
    )
    assert diff(PAGE, replace(PAGE, serial=2)) == (SerialChanged(2),)
    assert diff(None, PAGE) == (ProjectAppeared(PAGE),)
    assert diff(PAGE, None) == (ProjectDeleted(),)


# Of releases

SDIST = ListedFile("demo-2.0.tar.gz", "https://files.example/s")
WITH_TWO = replace(PAGE, files=(FILE, SDIST), versions=("1.0", "2.0"))


def yanked(reason):
    return replace(WITH_TWO, files=(FILE, replace(SDIST, is_yanked=True, yanked_reason=reason)))


def test_each_change_of_a_release_is_named():
    assert release_changes(PAGE, WITH_TWO) == (ReleaseAdded("2.0"),)
    assert release_changes(WITH_TWO, PAGE) == (ReleaseRemoved("2.0"),)
    assert release_changes(WITH_TWO, yanked("bad")) == (ReleaseYanked("2.0", "bad"),)
    assert release_changes(yanked("bad"), yanked("worse")) == (
        ReleaseYankReasonChanged("2.0", "bad", "worse"),
    )
    assert release_changes(yanked("bad"), WITH_TWO) == (ReleaseUnyanked("2.0"),)
    withheld = replace(WITH_TWO, files=(FILE,))
    assert release_changes(WITH_TWO, withheld) == (ReleaseQuarantined("2.0"),)
    assert release_changes(withheld, WITH_TWO) == (ReleaseCleared("2.0"),)
    assert release_changes(withheld, PAGE) == ()
    assert release_changes(PAGE, yanked("bad")) == (
        ReleaseAdded("2.0"),
        ReleaseYanked("2.0", "bad"),
    )


def test_a_quarantined_project_says_nothing_of_its_releases():
    hidden = replace(WITH_TWO, status=ProjectStatus.QUARANTINED, files=())
    assert release_changes(WITH_TWO, hidden) == release_changes(hidden, WITH_TWO) == ()


@given(pages())
def test_no_release_changes_between_equal_states(page):
    assert release_changes(page, page) == ()


@given(pages(), pages())
def test_what_comes_to_releases_is_undone_by_the_way_back(before, after):
    there = {type(change) for change in release_changes(before, after)}
    back = {type(change) for change in release_changes(after, before)}
    assert (ReleaseCleared in there) == (ReleaseQuarantined in back)
    assert (ReleaseAdded in there) <= (ReleaseRemoved in back)
