import subprocess
import sys

import pytest
from packaging.tags import Tag
from packaging.version import Version

from builds.domain.targets import UnknownTarget, parse_target, parse_targets

LINUX = "cp312-manylinux_2_36_x86_64"


def tags(*written):
    return [Tag(*tag.split("-")) for tag in written]


def test_a_target_says_its_parts():
    target = parse_target(LINUX)
    assert (target.interpreter, target.abi, target.platform, target.python_version) == (
        "cp312",
        "cp312",
        "manylinux_2_36_x86_64",
        "3.12",
    )
    assert str(target) == LINUX


def test_any_patch_release_of_the_interpreter_is_meant():
    assert parse_target("cp39-manylinux_2_17_x86_64").full_python_version > Version("3.9.25")


def test_older_glibc_comes_after_newer_with_the_legacy_name_behind_its_own():
    platforms = parse_target("cp312-manylinux_2_18_x86_64").platforms
    assert platforms == (
        "manylinux_2_18_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
        "manylinux_2_16_x86_64",
        "manylinux_2_15_x86_64",
        "manylinux_2_14_x86_64",
        "manylinux_2_13_x86_64",
        "manylinux_2_12_x86_64",
        "manylinux2010_x86_64",
        "manylinux_2_11_x86_64",
        "manylinux_2_10_x86_64",
        "manylinux_2_9_x86_64",
        "manylinux_2_8_x86_64",
        "manylinux_2_7_x86_64",
        "manylinux_2_6_x86_64",
        "manylinux_2_5_x86_64",
        "manylinux1_x86_64",
    )


def test_other_architectures_begin_at_glibc_2_17():
    platforms = parse_target("cp312-manylinux_2_18_aarch64").platforms
    assert platforms == (
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    )


def test_musl_has_platforms_of_its_own():
    target = parse_target("cp312-musllinux_1_2_x86_64")
    assert target.platforms == (
        "musllinux_1_2_x86_64",
        "musllinux_1_1_x86_64",
        "musllinux_1_0_x86_64",
    )


def test_the_own_abi_is_preferred_to_the_stable_one_and_that_to_pure_wheels():
    target = parse_target(LINUX)
    own, stable, older, pure = tags(
        "cp312-cp312-manylinux_2_36_x86_64",
        "cp312-abi3-manylinux_2_36_x86_64",
        "cp38-abi3-manylinux_2_5_x86_64",
        "py3-none-any",
    )
    assert target.ranks[own] < target.ranks[stable] < target.ranks[older] < target.ranks[pure]


def test_a_target_accepts_nothing_of_another_interpreter_libc_or_machine():
    accepted = set(parse_target(LINUX).tags)
    assert accepted.isdisjoint(
        tags(
            "cp311-cp311-manylinux_2_36_x86_64",
            "cp313-abi3-manylinux_2_36_x86_64",
            "cp312-cp312-manylinux_2_37_x86_64",
            "cp312-cp312-manylinux_2_36_aarch64",
            "cp312-cp312-musllinux_1_1_x86_64",
            "cp312-cp312-macosx_11_0_x86_64",
            "py2-none-any",
        )
    )


def test_a_wheel_for_this_linux_alone_is_accepted_nowhere():
    # What glibc it wants is unknown: only auditwheel's word counts.
    assert Tag("cp312", "cp312", "linux_x86_64") not in parse_target(LINUX).ranks


def test_free_threaded_targets_do_not_take_the_stable_abi_of_the_others():
    target = parse_target("cp313t-manylinux_2_36_x86_64")
    own, stable = tags("cp313-cp313t-manylinux_2_36_x86_64", "cp313-abi3-manylinux_2_36_x86_64")
    assert target.abi == "cp313t"
    assert own in target.ranks
    assert stable not in target.ranks


def test_old_interpreters_have_the_allocator_in_their_abi():
    assert parse_target("cp37-manylinux_2_17_x86_64").abi == "cp37m"


def test_tags_do_not_come_from_the_running_machine():
    # An interpreter that says it is somewhere else gives the same answer.
    program = (
        "import platform, sys, sysconfig\n"
        "sysconfig.get_platform = lambda: 'win-amd64'\n"
        "platform.system = lambda: 'Windows'\n"
        "sys.platform = 'win32'\n"
        "from builds.domain.targets import parse_target\n"
        f"print(*parse_target({LINUX!r}).tags)\n"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert elsewhere.stdout.split() == [str(tag) for tag in parse_target(LINUX).tags]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "not written as one"),
        ("cp312", "not written as one"),
        ("cp312-linux_x86_64", "not written as one"),
        ("cp312-manylinux2014_x86_64", "not written as one"),
        ("cp312-macosx_11_0_arm64", "not written as one"),
        ("CP312-manylinux_2_36_x86_64", "not written as one"),
        ("cp312-manylinux_2_36_x86_64\n", "not written as one"),
        ("cp3012-manylinux_2_36_x86_64", "not written as one"),
        ("pp310-manylinux_2_36_x86_64", "not written as one"),
        ("cp399-manylinux_2_36_x86_64", "no CPython 3.99"),
        ("cp30-manylinux_2_36_x86_64", "no CPython 3.0"),
        ("cp312t-manylinux_2_36_x86_64", "no free-threaded"),
        ("cp312-manylinux_2_99_x86_64", "no glibc 2.99"),
        ("cp312-manylinux_3_0_x86_64", "no glibc 3.0"),
        ("cp312-manylinux_2_16_aarch64", "no glibc 2.16 for aarch64"),
        ("cp312-musllinux_2_0_x86_64", "no musl 2.0"),
    ],
)
def test_what_is_no_target_is_refused_with_a_reason_and_an_example(name, reason):
    with pytest.raises(UnknownTarget) as caught:
        parse_target(name)
    assert caught.value.code == "unknown-target"
    assert reason in str(caught.value)
    assert LINUX in str(caught.value)


def test_a_list_keeps_its_order_and_each_target_once():
    names = [LINUX, "cp39-manylinux_2_36_x86_64", LINUX]
    assert [target.name for target in parse_targets(names)] == names[:2]
