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
    SerialChanged,
    StatusChanged,
    VersionsChanged,
    YankReasonChanged,
    apply,
    diff,
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
