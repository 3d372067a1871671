import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.changes import Renamed, RolesChanged, fact_changes
from indexes.domain.facts import ProjectFacts, Role, parse_facts
from indexes.domain.names import NormalizedName

NAME = NormalizedName("python-levenshtein")
ADA, GRACE = Role("Owner", "ada"), Role("Maintainer", "grace")


def body(**data) -> bytes:
    return json.dumps({"info": {"name": "python_Levenshtein"}} | data).encode()


def test_the_name_is_read_as_upstream_writes_it():
    assert parse_facts(body(), name=NAME) == ProjectFacts("python_Levenshtein")


def test_roles_and_an_organisation_are_read():
    owned = {"roles": [{"role": "Owner", "user": "ada"}], "organization": "levenshtein"}
    facts = parse_facts(body(ownership=owned), name=NAME)
    assert facts.roles == {ADA, ("Organization", "levenshtein")}


@pytest.mark.parametrize(
    "ownership",
    [None, [], {}, {"roles": None}, {"roles": [1]}, {"roles": [{"role": "Owner"}]}]
    + [{"roles": [{"role": ["x"], "user": {}}]}, {"roles": [{"role": "", "user": "x"}]}],
)
def test_roles_that_are_none_are_not_said(ownership):
    assert parse_facts(body(ownership=ownership), name=NAME).roles is None


@pytest.mark.parametrize(
    "given",
    [b"", b"[]", b"null", b"{}", b'{"info": []}', b'{"info": {"name": 5}}', b"[" * 100_000]
    + [b'{"info": {"name": "other"}}', b'{"info": {"name": "../x"}}'],
)
def test_what_is_no_json_of_the_project_says_nothing(given):
    assert parse_facts(given, name=NAME) is None


@given(st.binary())
def test_any_bytes_are_read_or_refused(given):
    parse_facts(given, name=NAME)


def test_changes_of_facts_are_named():
    before, after = ProjectFacts("a-b", frozenset({ADA})), ProjectFacts("A_b", frozenset({GRACE}))
    assert fact_changes(before, after) == (
        Renamed("a-b", "A_b"),
        RolesChanged(frozenset({GRACE}), frozenset({ADA})),
    )


def test_roles_seen_first_or_not_said_are_no_change():
    known, unsaid = ProjectFacts("a", frozenset({ADA})), ProjectFacts("a")
    assert fact_changes(unsaid, known) == fact_changes(known, unsaid) == ()
