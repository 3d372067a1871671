import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.files import FileKind
from indexes.domain.status import (
    Decision,
    ProjectStatus,
    Standing,
    UpstreamRelease,
    release_of,
    standing_of,
)

SDIST, WHEEL = FileKind.SDIST, FileKind.WHEEL


def yanked(reason):
    return UpstreamRelease(is_there=True, is_yanked=True, yanked_reason=reason)


PLAIN = {
    "decision": None,
    "decision_reason": "ours",
    "upstream_is_there": True,
    "upstream_yanked": False,
    "upstream_reason": "theirs",
    "project_status": ProjectStatus.ACTIVE,
    "status_reason": "",
    "is_superseded": False,
}


@pytest.mark.parametrize(
    ("facts", "standing", "reason"),
    [
        ({}, Standing.LISTED, ""),
        ({"upstream_yanked": True}, Standing.YANKED, "theirs"),
        ({"decision": Decision.YANKED}, Standing.YANKED, "ours"),
        ({"decision": Decision.YANKED, "upstream_yanked": True}, Standing.YANKED, "ours"),
        ({"decision": Decision.WITHDRAWN}, Standing.WITHDRAWN, "ours"),
        ({"decision": Decision.QUARANTINED}, Standing.QUARANTINED, "ours"),
        ({"project_status": ProjectStatus.ARCHIVED}, Standing.LISTED, ""),
        ({"project_status": ProjectStatus.DEPRECATED}, Standing.LISTED, ""),
        (
            {"project_status": ProjectStatus.QUARANTINED, "status_reason": "malware"},
            Standing.QUARANTINED,
            "malware",
        ),
    ],
)
def test_a_file_stands_where_its_strongest_ground_puts_it(facts, standing, reason):
    assert standing_of(**PLAIN | facts) == (standing, reason)


@pytest.mark.parametrize(
    ("facts", "standing"),
    [
        ({"is_superseded": True}, Standing.SUPERSEDED),
        ({"is_superseded": True, "upstream_yanked": True}, Standing.SUPERSEDED),
        ({"upstream_is_there": False}, Standing.WITHDRAWN),
        ({"project_status": ProjectStatus.DELETED}, Standing.WITHDRAWN),
        (
            {"project_status": ProjectStatus.QUARANTINED, "decision": Decision.WITHDRAWN},
            Standing.QUARANTINED,
        ),
    ],
)
def test_what_takes_a_file_off_the_pages_says_why(facts, standing):
    found, reason = standing_of(**PLAIN | facts)
    assert found is standing
    assert reason


@given(
    st.sampled_from([None, *Decision]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(ProjectStatus),
    st.booleans(),
)
def test_what_upstream_withholds_is_never_offered_plainly(
    decision, is_there, is_yanked, status, is_superseded
):
    standing, _ = standing_of(
        decision,
        upstream_is_there=is_there,
        upstream_yanked=is_yanked,
        upstream_reason="",
        project_status=status,
        is_superseded=is_superseded,
    )
    is_plain = (
        decision is None
        and is_there
        and not is_yanked
        and not is_superseded
        and status not in {ProjectStatus.QUARANTINED, ProjectStatus.DELETED}
    )
    assert (standing is Standing.LISTED) == is_plain


@pytest.mark.parametrize(
    ("files", "release"),
    [
        ([], UpstreamRelease()),
        ([(SDIST, False, "")], UpstreamRelease(is_there=True)),
        ([(SDIST, False, ""), (WHEEL, True, "bad wheel")], UpstreamRelease(is_there=True)),
        ([(SDIST, True, "bad")], yanked("bad")),
        ([(SDIST, True, "bad"), (WHEEL, False, "")], yanked("bad")),
        ([(WHEEL, True, "w"), (SDIST, True, "s")], yanked("s")),
        ([(WHEEL, True, "w"), (SDIST, True, "")], yanked("w")),
        ([(WHEEL, True, ""), (WHEEL, True, "")], yanked("")),
    ],
)
def test_a_release_is_what_its_files_make_it(files, release):
    assert release_of(files) == release
