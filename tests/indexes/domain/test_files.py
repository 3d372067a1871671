import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.tags import parse_tag

from indexes.domain.files import FileKind, is_superseded, parse_filename
from indexes.domain.names import NormalizedName

PROJECT = NormalizedName("python-levenshtein")


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("python_levenshtein-0.12.2.tar.gz", "0.12.2"),
        ("python-Levenshtein-0.12.2.tar.gz", "0.12.2"),
        ("python-Levenshtein-0.12.2.zip", "0.12.2"),
        ("python-Levenshtein-0.12.tar.bz2", "0.12"),
        ("python.Levenshtein-1.0-rc1.tgz", "1.0rc1"),
        ("python-Levenshtein-1.0-2.tar.gz", "1.0.post2"),
    ],
)
def test_sdists_of_all_ages_are_known(filename, version):
    parsed = parse_filename(filename, PROJECT)
    assert (parsed.kind, str(parsed.version)) == (FileKind.SDIST, version)


def test_a_wheels_name_says_its_version_tags_and_build():
    parsed = parse_filename(
        "python_Levenshtein-0.12.2-1affineur-cp39-cp39-manylinux1_x86_64.whl", PROJECT
    )
    assert (parsed.kind, str(parsed.version)) == (FileKind.WHEEL, "0.12.2")
    assert parsed.build_tag == (1, "affineur")
    assert parsed.tags == parse_tag("cp39-cp39-manylinux1_x86_64")


@pytest.mark.parametrize(
    "filename",
    [
        "other-1.0.tar.gz",
        "other-1.0-py3-none-any.whl",
        "python-levenshtein-latest.tar.gz",
        "python_levenshtein-1.0-py3.whl",
        "python-levenshtein-1.0.win32.exe",
        "python_levenshtein-1.0-py3.8.egg",
        "python-levenshtein.zip",
    ],
)
def test_anything_else_is_other(filename):
    parsed = parse_filename(filename, PROJECT)
    assert (parsed.kind, parsed.version, parsed.tags) == (FileKind.OTHER, None, frozenset())


@given(st.text(max_size=80), st.sampled_from(["", ".tar.gz", ".zip", ".whl", "-1.tar.gz"]))
def test_no_filename_is_too_odd(name, ending):
    assert parse_filename(name + ending, PROJECT).kind in FileKind


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("cp312-cp312-manylinux_2_36_x86_64", "cp312-cp312-manylinux_2_36_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp312-cp312-manylinux_2_17_x86_64"),
        ("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux2014_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp38-abi3-manylinux1_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "py3-none-any"),
        ("cp312-cp312-manylinux_2_36_x86_64", "py2.py3-none-any"),
        ("py3-none-any", "py2.py3-none-any"),
        ("cp39-abi3-manylinux_2_36_x86_64", "cp38-abi3-manylinux_2_28_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp312-none-manylinux_2_17_x86_64"),
        ("cp312-cp312-musllinux_1_2_x86_64", "cp312-cp312-musllinux_1_1_x86_64"),
        ("cp313-cp313t-manylinux_2_36_x86_64", "py3-none-any"),
    ],
)
def test_what_serves_all_that_ours_does_supersedes_it(ours, theirs):
    assert is_superseded(parse_tag(ours), parse_tag(theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_36_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp311-cp311-manylinux_2_36_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp312-cp312-manylinux_2_36_aarch64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp312-cp312-musllinux_1_1_x86_64"),
        ("cp312-cp312-manylinux_2_36_x86_64", "cp313-abi3-manylinux_2_17_x86_64"),
        ("cp38-abi3-manylinux_2_36_x86_64", "cp39-abi3-manylinux_2_17_x86_64"),
        ("cp38-abi3-manylinux_2_36_x86_64", "cp38-cp38-manylinux_2_17_x86_64"),
        ("cp313-cp313t-manylinux_2_36_x86_64", "cp38-abi3-manylinux_2_17_x86_64"),
        ("py3-none-any", "cp312-cp312-manylinux_2_17_x86_64"),
        ("py3-none-any", "py38-none-any"),
        ("py3-none-any", "py2-none-any"),
        ("py2.py3-none-any", "py3-none-any"),
        ("cp312-none-any", "cp311-none-any"),
    ],
)
def test_what_leaves_somebody_without_does_not(ours, theirs):
    assert not is_superseded(parse_tag(ours), parse_tag(theirs))


def test_nothing_upstream_supersedes_nothing():
    assert not is_superseded(parse_tag("py3-none-any"), ())
