import pytest
from packaging.specifiers import SpecifierSet

from builds.domain.planning import (
    InvalidSpecifiers,
    RefusalCode,
    parse_specifiers,
    plan,
)
from builds.domain.targets import parse_target, parse_targets
from indexes.domain.status import ProjectStatus, Standing
from tests.builds.domain.listings import listed, of_ours, project

CP39, CP311, CP312 = (f"cp3{minor}-manylinux_2_36_x86_64" for minor in (9, 11, 12))


def planned(facts, specifiers="", targets=(CP312,)):
    return plan(facts, specifiers=SpecifierSet(specifiers), targets=parse_targets(targets))


def gaps(result):
    return [(gap.version, gap.target) for gap in result.gaps]


def served(result):
    return [(answer.target, answer.filename) for answer in result.served]


def codes(result):
    return [refusal.code.value for refusal in result.refusals]


# What serves a target


def test_a_release_with_sources_only_is_a_gap_on_every_target():
    result = planned(project("demo-1.0.tar.gz"), targets=(CP312, CP39))
    assert gaps(result) == [("1.0", CP312), ("1.0", CP39)]
    assert result.gaps[0].sdist == "demo-1.0.tar.gz"
    assert not result.served
    assert not result.refusals


@pytest.mark.parametrize(
    "wheel",
    [
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-py2.py3-none-any.whl",
        "demo-1.0-py38-none-any.whl",
        "demo-1.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux1_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_36_x86_64.whl",
        "demo-1.0-cp312-none-manylinux_2_5_x86_64.whl",
        "demo-1.0-1build2-py3-none-any.whl",
        "Demo-1.0-py3-none-any.whl",
        "demo-1.0.0-py3-none-any.whl",
    ],
)
def test_a_wheel_that_pip_would_take_serves(wheel):
    result = planned(project("demo-1.0.tar.gz", wheel))
    assert served(result) == [(CP312, wheel)]
    assert not result.gaps


@pytest.mark.parametrize(
    "wheel",
    [
        "demo-1.0-py2-none-any.whl",
        "demo-1.0-py313-none-any.whl",
        "demo-1.0-cp38-none-any.whl",
        "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
        "demo-1.0-cp313-abi3-manylinux_2_17_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_39_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_17_aarch64.whl",
        "demo-1.0-cp312-cp312-musllinux_1_1_x86_64.whl",
        "demo-1.0-cp312-cp312-win_amd64.whl",
        "demo-1.0-cp312-cp312t-manylinux_2_17_x86_64.whl",
        # No wheels at all, whatever they end in.
        "demo-1.0-py3-none.whl",
        "demo-1.0-x1-py3-none-any.whl",
        "demo-1.0-py3--any.whl",
        "demo-next-py3-none-any.whl",
        "other-1.0-py3-none-any.whl",
        "demo-1.0.win-amd64.exe",
        "demo-1.0-py3.12.egg",
    ],
)
def test_a_wheel_that_pip_would_not_take_leaves_a_gap(wheel):
    result = planned(project("demo-1.0.tar.gz", wheel))
    assert gaps(result) == [("1.0", CP312)]
    assert not result.refusals


def test_of_several_wheels_the_one_pip_prefers_is_named():
    result = planned(
        project(
            "demo-1.0.tar.gz",
            "demo-1.0-py3-none-any.whl",
            "demo-1.0-cp38-abi3-manylinux_2_17_x86_64.whl",
            "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        )
    )
    assert served(result) == [(CP312, "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl")]


def test_a_wheel_of_ours_serves_until_upstream_has_one():
    ours = of_ours("demo-1.0-1affineur-cp312-cp312-manylinux_2_17_x86_64.whl")
    alone = planned(project("demo-1.0.tar.gz", ours))
    assert served(alone) == [(CP312, ours.filename)]
    assert alone.served[0].is_ours
    both = planned(project("demo-1.0.tar.gz", ours, "demo-1.0-py3-none-any.whl"))
    assert served(both) == [(CP312, "demo-1.0-py3-none-any.whl")]
    assert not both.served[0].is_ours


def test_a_wheel_serves_only_the_pythons_it_allows():
    result = planned(
        project(
            listed("demo-1.0.tar.gz"), listed("demo-1.0-py3-none-any.whl", requires_python=">=3.10")
        ),
        targets=(CP39, CP312),
    )
    assert served(result) == [(CP312, "demo-1.0-py3-none-any.whl")]
    assert gaps(result) == [("1.0", CP39)]


@pytest.mark.parametrize("requires_python", [">=3.12.4", "!=3.12.0", "==3.12.*", ">3.12"])
def test_a_patch_release_that_is_asked_for_is_there(requires_python):
    wheel = listed("demo-1.0-py3-none-any.whl", requires_python=requires_python)
    assert served(planned(project(wheel))) == [(CP312, wheel.filename)]


def test_a_requires_python_that_cannot_be_read_forbids_nothing():
    wheel = listed("demo-1.0-py3-none-any.whl", requires_python="3.x or so")
    assert served(planned(project(wheel))) == [(CP312, wheel.filename)]


def test_a_yanked_wheel_serves_only_who_pins_its_release():
    facts = project("demo-1.0.tar.gz", listed("demo-1.0-py3-none-any.whl", yanked="broken"))
    assert gaps(planned(facts, ">=1")) == [("1.0", CP312)]
    pinned = planned(facts, "==1.0")
    assert served(pinned) == [(CP312, "demo-1.0-py3-none-any.whl")]
    assert pinned.served[0].yanked_reason == "broken"


def test_a_yanked_wheel_does_not_stand_in_for_one_that_is_not():
    facts = project(
        "demo-1.0.tar.gz",
        "demo-1.0-py3-none-any.whl",
        listed("demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl", yanked=""),
    )
    assert served(planned(facts, "==1.0")) == [(CP312, "demo-1.0-py3-none-any.whl")]


# Which releases are meant


SEVERAL = ("demo-0.9.tar.gz", "demo-1.0.tar.gz", "demo-1.1.tar.gz", "demo-2.0rc1.tar.gz")


@pytest.mark.parametrize(
    ("specifiers", "versions"),
    [
        ("", ["1.1"]),
        (">=1", ["1.1", "1.0"]),
        (">=0", ["1.1", "1.0", "0.9"]),
        ("==1.0", ["1.0"]),
        ("===1.0", ["1.0"]),
        ("==1.*", ["1.1", "1.0"]),
        ("~=0.9", ["1.1", "1.0", "0.9"][2:]),
        ("!=1.0,<2", ["1.1", "0.9"]),
        ("==2.0rc1", ["2.0rc1"]),
        (">=2.0rc1", ["2.0rc1"]),
        (">=1.1rc0", ["2.0rc1", "1.1"]),
        (">1.1", ["2.0rc1"]),
        ("== 1.0.0", ["1.0"]),
    ],
)
def test_specifiers_choose_as_pip_does_newest_first(specifiers, versions):
    assert [gap.version for gap in planned(project(*SEVERAL), specifiers).gaps] == versions


def test_one_version_written_in_two_ways_is_one_release():
    facts = project("demo-1.0.0-cp39-cp39-manylinux_2_17_x86_64.whl", "demo-1.0.tar.gz")
    assert gaps(planned(facts, ">=0", targets=(CP39, CP312))) == [("1.0", CP312)]


def test_versions_are_compared_and_not_their_text():
    facts = project("demo-1.9.tar.gz", "demo-1.10.tar.gz", "demo-1!0.1.tar.gz")
    assert [gap.version for gap in planned(facts, ">=0").gaps] == ["1!0.1", "1.10", "1.9"]
    assert [gap.age for gap in planned(facts, ">=0").gaps] == [0, 1, 2]


def test_without_specifiers_a_prerelease_is_meant_when_there_is_nothing_else():
    result = planned(project("demo-1.0a1.tar.gz", "demo-1.0b1.tar.gz"))
    assert gaps(result) == [("1.0b1", CP312)]


def test_without_specifiers_a_yanked_release_is_passed_over():
    facts = project("demo-1.0.tar.gz", listed("demo-1.1.tar.gz", yanked="broken"))
    result = planned(facts)
    assert gaps(result) == [("1.0", CP312)]
    assert not result.refusals


def test_a_file_of_ours_alone_makes_no_release():
    result = planned(project(of_ours("demo-1.0-1affineur-py3-none-any.whl")))
    assert codes(result) == ["no-release-matches"]


def test_the_preferred_archive_is_built_from():
    facts = project("demo-1.0.zip", "demo-1.0.tar.bz2", "demo-1.0.tar.gz")
    assert planned(facts).gaps[0].sdist == "demo-1.0.tar.gz"
    assert planned(project("demo-1.0.zip", "demo-1.0.tar.bz2")).gaps[0].sdist == "demo-1.0.tar.bz2"


# Refusals: each says the project, and what to do


def test_a_yanked_release_is_refused_unless_it_is_pinned():
    facts = project("demo-1.0.tar.gz", listed("demo-1.1.tar.gz", yanked="eats files"))
    result = planned(facts, ">=1")
    assert gaps(result) == [("1.0", CP312)]
    assert codes(result) == ["yanked"]
    refusal = result.refusals[0]
    assert (refusal.version, refusal.target) == ("1.1", "")
    assert "eats files" in refusal.message
    assert "==1.1" in refusal.message
    assert gaps(planned(facts, "==1.1")) == [("1.1", CP312)]
    assert gaps(planned(facts, "===1.1")) == [("1.1", CP312)]


def test_a_wildcard_is_no_pin():
    facts = project(listed("demo-1.1.tar.gz", yanked=""))
    assert codes(planned(facts, "==1.*")) == ["yanked"]


def test_when_all_is_yanked_the_newest_is_named():
    facts = project(listed("demo-1.0.tar.gz", yanked=""), listed("demo-1.1.tar.gz", yanked=""))
    result = planned(facts)
    assert [(refusal.code, refusal.version) for refusal in result.refusals] == [
        (RefusalCode.YANKED, "1.1")
    ]


def test_yanked_sources_beside_other_files_are_refused():
    facts = project(
        listed("demo-1.0.tar.gz", yanked="leaks a key"), "demo-1.0-cp39-cp39-win_amd64.whl"
    )
    assert codes(planned(facts)) == ["yanked"]
    assert gaps(planned(facts, "==1.0")) == [("1.0", CP312)]


def test_a_pin_takes_sources_that_are_not_yanked_first():
    facts = project(listed("demo-1.0.tar.gz", yanked=""), "demo-1.0.zip")
    assert planned(facts, "==1.0").gaps[0].sdist == "demo-1.0.zip"


def test_a_release_without_sources_is_refused_once_whatever_the_targets():
    facts = project("demo-1.0-cp39-cp39-manylinux_2_17_x86_64.whl")
    result = planned(facts, targets=(CP39, CP311, CP312))
    assert served(result) == [(CP39, "demo-1.0-cp39-cp39-manylinux_2_17_x86_64.whl")]
    assert not result.gaps
    assert [(r.code.value, r.version, r.target) for r in result.refusals] == [
        ("no-sdist", "1.0", "")
    ]
    assert "demo 1.0" in result.refusals[0].message


def test_sources_in_an_archive_that_builders_do_not_unpack_are_refused():
    result = planned(project("demo-1.0.tar.xz"))
    assert codes(result) == ["unsupported-sdist"]
    assert ".tar.gz" in result.refusals[0].message


def test_sources_without_a_hash_are_refused():
    result = planned(project(listed("demo-1.0.tar.gz", sha256="")))
    assert codes(result) == ["no-hash"]
    assert result.refusals[0].filename == "demo-1.0.tar.gz"


def test_a_target_that_the_sources_do_not_support_is_refused_alone():
    facts = project(listed("demo-1.0.tar.gz", requires_python=">=3.11"))
    result = planned(facts, targets=(CP39, CP312))
    assert gaps(result) == [("1.0", CP312)]
    assert [(r.code.value, r.version, r.target) for r in result.refusals] == [
        ("requires-python", "1.0", CP39)
    ]
    assert ">=3.11" in result.refusals[0].message


@pytest.mark.parametrize(
    ("status", "code"),
    [(ProjectStatus.QUARANTINED, "quarantined"), (ProjectStatus.DELETED, "project-gone")],
)
def test_a_project_that_upstream_took_away_is_refused_whole(status, code):
    facts = project("demo-1.0.tar.gz", "demo-1.0-py3-none-any.whl", status=status, reason="malware")
    result = planned(facts, "==1.0")
    assert codes(result) == [code]
    assert not result.served
    assert not result.gaps
    assert result.refusals[0].message.startswith("demo is ")


@pytest.mark.parametrize("status", [ProjectStatus.ARCHIVED, ProjectStatus.DEPRECATED])
def test_a_project_that_only_rests_is_built(status):
    assert gaps(planned(project("demo-1.0.tar.gz", status=status))) == [("1.0", CP312)]


def test_a_version_that_upstream_does_not_have_is_refused():
    result = planned(project("demo-1.0.tar.gz"), "==9.9")
    assert [(r.code.value, r.version) for r in result.refusals] == [("unknown-release", "9.9")]
    assert "the newest is 1.0" in result.refusals[0].message


def test_specifiers_that_match_nothing_are_refused():
    result = planned(project("demo-1.0.tar.gz"), ">=3")
    assert codes(result) == ["no-release-matches"]
    assert ">=3" in result.refusals[0].message


def test_a_pin_that_another_specifier_rules_out_matches_nothing():
    assert codes(planned(project("demo-1.0.tar.gz"), "==1.0,>=2")) == ["no-release-matches"]


def test_a_project_without_files_is_refused():
    assert codes(planned(project())) == ["no-release-matches"]


@pytest.mark.parametrize("filename", ["demo-2004-final.tar.gz", "demo-snapshot.zip", "demo.tar.gz"])
def test_sources_whose_version_cannot_be_read_are_refused_by_name(filename):
    result = planned(project(filename, "demo-1.0.tar.gz"), ">=0")
    assert gaps(result) == [("1.0", CP312)]
    assert [(r.code.value, r.filename) for r in result.refusals] == [
        ("unparsable-version", filename)
    ]
    assert result.refusals[0].message.startswith("demo: ")


def test_an_unreadable_version_answers_who_asks_for_it_by_its_text():
    facts = project("demo-snapshot.tar.gz", "demo-1.0.tar.gz")
    assert codes(planned(facts, "===snapshot")) == ["unparsable-version"]
    assert codes(planned(facts, "===snap")) == ["unknown-release"]


def test_an_unreadable_version_is_told_when_there_is_no_other():
    assert codes(planned(project("demo-snapshot.tar.gz"))) == ["unparsable-version"]


@pytest.mark.parametrize("specifiers", ["", "==1.0"])
def test_an_unreadable_version_that_was_not_asked_for_is_not_told(specifiers):
    facts = project("demo-1.0.linux-x86_64.tar.gz", "demo-snapshot.tar.gz", "demo-1.0.tar.gz")
    result = planned(facts, specifiers)
    assert gaps(result) == [("1.0", CP312)]
    assert not result.refusals


@pytest.mark.parametrize("standing", [Standing.WITHDRAWN, Standing.QUARANTINED, Standing.YANKED])
def test_what_we_took_back_is_not_built_a_second_time(standing):
    ours = of_ours("demo-1.0-1affineur-py3-none-any.whl", standing=standing, reason="objection")
    result = planned(project("demo-1.0.tar.gz", ours), targets=(CP312, CP39))
    assert [(r.code.value, r.target) for r in result.refusals] == [
        ("withdrawn", CP312),
        ("withdrawn", CP39),
    ]
    assert "objection" in result.refusals[0].message


def test_a_withdrawn_wheel_of_another_target_is_in_nobodys_way():
    ours = of_ours(
        "demo-1.0-1affineur-cp39-cp39-manylinux_2_36_x86_64.whl", standing=Standing.WITHDRAWN
    )
    assert gaps(planned(project("demo-1.0.tar.gz", ours))) == [("1.0", CP312)]


def test_a_superseded_wheel_of_ours_neither_serves_nor_hinders():
    ours = of_ours("demo-1.0-1affineur-py3-none-any.whl", standing=Standing.SUPERSEDED)
    assert gaps(planned(project("demo-1.0.tar.gz", ours))) == [("1.0", CP312)]


def test_a_yanked_wheel_of_ours_serves_who_pins_its_release():
    ours = of_ours("demo-1.0-1affineur-py3-none-any.whl", standing=Standing.YANKED, reason="bad")
    result = planned(project(listed("demo-1.0.tar.gz", yanked="bad"), ours), "==1.0")
    assert served(result) == [(CP312, ours.filename)]


# Specifiers


@pytest.mark.parametrize("text", ["1.0", "==", "=>1.0", "==1.0;", "== banana", ">=1" + " " * 300])
def test_what_are_no_specifiers_is_refused(text):
    with pytest.raises(InvalidSpecifiers) as caught:
        parse_specifiers(text)
    assert caught.value.code == "invalid-specifiers"
    assert len(str(caught.value)) < 600


def test_every_refusal_has_words():
    assert all(code.label for code in RefusalCode)
    assert parse_target(CP312).name == CP312
