import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.names import (
    InvalidProjectName,
    InvalidVersionName,
    parse_project_name,
    parse_version,
)


@pytest.mark.parametrize(
    ("given_name", "normalized"),
    [("Django", "django"), ("zope.interface", "zope-interface"), ("a__b--.c", "a-b-c"), ("X", "x")],
)
def test_names_are_normalised(given_name, normalized):
    assert parse_project_name(given_name) == normalized


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "../etc", "a b", "a/b", "a\n", "é", "a" * 215, "a\0b"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InvalidProjectName) as caught:
        parse_project_name(name)
    assert caught.value.given == name


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,40}[A-Za-z0-9])?", fullmatch=True))
def test_a_normalised_name_stays_as_it_is(name):
    normalized = parse_project_name(name)
    assert parse_project_name(normalized) == normalized


def test_versions_are_parsed():
    assert str(parse_version("1.0-rc.1")) == "1.0rc1"


@pytest.mark.parametrize("version", ["", "latest", "1.0;x", "1" * 129])
def test_what_is_no_version_is_refused(version):
    with pytest.raises(InvalidVersionName):
        parse_version(version)
