from datetime import UTC, date, datetime

import pytest

from indexes.domain.names import NormalizedName
from indexes.domain.selection import as_of, end_of, for_platform, is_platform
from indexes.domain.simple import ListedFile, ProjectPage

DAY = date(2024, 5, 1)


def page(*files):
    return ProjectPage(NormalizedName("demo"), files=files, versions=("1.0", "2.0"))


def listed(*filenames, **fields):
    return [ListedFile(name, f"/{name}", **fields) for name in filenames]


@pytest.mark.parametrize(
    "tag",
    ["win32", "win_amd64", "manylinux_2_28_x86_64", "manylinux2014_aarch64", "linux_armv7l"]
    + ["musllinux_1_2_ppc64le", "macosx_14_0_arm64"],
)
def test_platforms_of_wheels_are_known(tag):
    assert is_platform(tag)


@pytest.mark.parametrize("tag", ["", "any", "linux", "cp312", "manylinux_2_28_" + "x" * 64, "a-b"])
def test_what_is_no_platform_is_refused(tag):
    assert not is_platform(tag)


@pytest.mark.parametrize(
    ("platform", "kept"),
    [
        ("manylinux_2_28_x86_64", ["manylinux2014_x86_64", "manylinux_2_28_x86_64", "any"]),
        ("manylinux_2_17_x86_64", ["manylinux2014_x86_64", "any"]),
        ("musllinux_1_2_x86_64", ["any"]),
        ("macosx_14_0_arm64", ["macosx_11_0_arm64", "macosx_10_9_universal2", "any"]),
        ("win_amd64", ["win_amd64", "any"]),
    ],
)
def test_a_platform_has_the_wheels_that_it_takes_and_every_sdist(platform, kept):
    wheels = {
        tag: f"demo-1.0-cp312-cp312-{tag}.whl"
        for tag in ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_28_aarch64")
        + ("macosx_11_0_arm64", "macosx_10_9_universal2", "win_amd64", "any")
    }
    whole = page(*listed("demo-1.0.tar.gz", "demo-1.0.egg", *wheels.values()))
    shown = {file.filename for file in for_platform(whole, platform).files}
    assert shown == {"demo-1.0.tar.gz", *(wheels[tag] for tag in kept)}


def test_a_day_lasts_to_its_end():
    last = datetime(2024, 5, 1, 23, 59, 59, 999999, tzinfo=UTC)
    early = listed("demo-1.0.tar.gz", uploaded_at=last)
    late = listed("demo-2.0.tar.gz", uploaded_at=end_of(DAY))
    unknown = listed("demo-0.1.tar.gz")
    shown = as_of(page(*early, *late, *unknown), DAY)
    assert shown.files == tuple(early)
    assert shown.versions == ("1.0",)
