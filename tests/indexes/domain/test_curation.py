from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.curation import Ground, Known, Rules, curate
from indexes.domain.names import NormalizedName
from indexes.domain.simple import ListedFile, ProjectPage
from tests.indexes.domain.strategies import pages

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIT = Known({"1.0": "MIT", "2.0": "GPL-3.0-only"}, {})
RULES = st.builds(
    Rules,
    licences=st.sampled_from([(), ("MIT",), ("MIT", "GPL-3.0-only")]),
    reproducible_only=st.booleans(),
    min_age_days=st.integers(0, 3650),
    without_superseded=st.booleans(),
)


@st.composite
def known(draw, page):
    names = [file.filename for file in page.files]
    ours = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    return Known(
        draw(st.dictionaries(st.sampled_from(["1.0", "2.0"]), st.sampled_from(["", "MIT", "ISC"]))),
        {name: draw(st.sampled_from([None, True, False])) for name in draw(ours)},
    )


def page(*files):
    return ProjectPage(NormalizedName("demo"), files=files, versions=("1.0", "2.0"))


def listed(filename, *, days=100):
    return ListedFile(filename, f"/{filename}", uploaded_at=AT - timedelta(days=days))


def grounds(page, rules, known=MIT, at=AT):
    return {each.filename: each.ground for each in curate(page, rules, known, at=at)[1]}


@given(st.data(), pages(), RULES)
def test_every_file_is_listed_or_left_out_and_none_is_changed(data, whole, rules):
    kept, left_out = curate(whole, rules, data.draw(known(whole)), at=AT)
    names = {file.filename for file in kept.files}
    dropped = [each.filename for each in left_out]
    assert set(kept.files) <= set(whole.files)
    assert sorted([*names, *dropped]) == sorted(file.filename for file in whole.files)
    assert (kept.name, kept.status, kept.status_reason) == (
        whole.name,
        whole.status,
        whole.status_reason,
    )


@given(st.data(), pages())
def test_no_rules_leave_nothing_out(data, whole):
    kept, left_out = curate(whole, Rules(), data.draw(known(whole)), at=AT)
    assert (kept.files, left_out) == (whole.files, ())


@given(st.data(), pages(), RULES, st.integers(0, 3650))
def test_time_lists_more_and_never_less(data, whole, rules, days):
    facts = data.draw(known(whole))
    now, _ = curate(whole, rules, facts, at=AT)
    later, _ = curate(whole, rules, facts, at=AT + timedelta(days=days))
    assert set(now.files) <= set(later.files)


@given(st.data(), pages(), RULES, RULES)
def test_rules_together_list_what_each_lists(data, whole, one, other):
    facts = data.draw(known(whole))
    both = Rules(
        licences=tuple(set(one.licences) & set(other.licences)) or one.licences or other.licences,
        reproducible_only=one.reproducible_only or other.reproducible_only,
        min_age_days=max(one.min_age_days, other.min_age_days),
        without_superseded=one.without_superseded or other.without_superseded,
    )
    kept = set(curate(whole, both, facts, at=AT)[0].files)
    assert kept == set(curate(whole, one, facts, at=AT)[0].files) & set(
        curate(whole, other, facts, at=AT)[0].files
    )


def test_a_licence_is_the_releases():
    whole = page(listed("demo-1.0.tar.gz"), listed("demo-2.0.tar.gz"), listed("demo-3.0.tar.gz"))
    kept, left_out = curate(whole, Rules(licences=("MIT",)), MIT, at=AT)
    assert (kept.versions, [file.filename for file in kept.files]) == (
        ("1.0",),
        ["demo-1.0.tar.gz"],
    )
    assert [(each.ground, each.detail) for each in left_out] == [
        (Ground.LICENCE, "GPL-3.0-only"),
        (Ground.LICENCE_UNKNOWN, ""),
    ]


def test_what_upstream_adds_late_waits_and_what_we_build_late_does_not():
    ours = "demo-1.0-1affineur-py3-none-any.whl"
    whole = page(
        listed("demo-1.0.tar.gz"),
        listed("demo-1.0-py3-none-any.whl", days=2),
        listed(ours, days=0),
        ListedFile("demo-1.0.zip", "/x"),
    )
    facts = Known({}, {ours: None})
    assert grounds(whole, Rules(min_age_days=7), facts) == {
        "demo-1.0-py3-none-any.whl": Ground.TOO_YOUNG,
        "demo-1.0.zip": Ground.AGE_UNKNOWN,
    }
    # On the minute that it comes of age, it is listed.
    assert list(grounds(whole, Rules(min_age_days=2), facts)) == ["demo-1.0.zip"]
    assert ours in grounds(whole, Rules(min_age_days=101), facts)


def test_only_what_was_built_again_is_reproducible_and_sources_need_not_be():
    names = ["demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl"]
    ours = [f"demo-1.0-{number}a-py3-none-any.whl" for number in (1, 2, 3)]
    facts = Known({}, dict(zip(ours, (True, False, None), strict=True)))
    left_out = grounds(page(*map(listed, names + ours)), Rules(reproducible_only=True), facts)
    assert set(left_out) == {names[1], ours[1], ours[2]}


def test_a_later_build_supersedes_and_another_target_does_not():
    ours = [
        "demo-1.0-1a-cp312-cp312-linux_x86_64.whl",
        "demo-1.0-10a-cp312-cp312-linux_x86_64.whl",
        "demo-1.0-1a-cp313-cp313-linux_x86_64.whl",
        "demo-2.0-1a-cp312-cp312-linux_x86_64.whl",
    ]
    facts = Known({}, dict.fromkeys(ours))
    left_out = grounds(page(*map(listed, ours)), Rules(without_superseded=True), facts)
    assert left_out == {ours[0]: Ground.SUPERSEDED}
