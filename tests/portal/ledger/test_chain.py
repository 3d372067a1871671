from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ledger.chain import GENESIS, Broken, Link, broken_link

LINK = Link(
    sequence=1,
    at=datetime(2026, 3, 1, tzinfo=UTC),
    actor="maintainer",
    verb="consent-given",
    project="docopt",
    facts={"é": [1, None, True], "a": "b"},
    previous_hash=GENESIS,
)


def test_the_hash_is_of_canonical_json():
    again = replace(LINK, facts={"a": "b", "é": [1, None, True]})
    assert again.hash() == LINK.hash()


def test_the_hash_knows_the_moment_and_not_its_zone():
    elsewhere = LINK.at.astimezone(timezone(timedelta(hours=5)))
    assert replace(LINK, at=elsewhere).hash() == LINK.hash()


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 2},
        {"at": LINK.at + timedelta(microseconds=1)},
        {"actor": "somebody"},
        {"verb": "consent-revoked"},
        {"project": "docopt2"},
        {"facts": {}},
        {"previous_hash": "1" * 64},
    ],
)
def test_every_field_is_part_of_the_hash(change):
    assert replace(LINK, **change).hash() != LINK.hash()


def test_a_whole_link_is_not_broken():
    assert broken_link(LINK, LINK.hash(), previous_sequence=0, previous_hash=GENESIS) is None


@given(st.integers(0, 50).filter(lambda sequence: sequence != 1))
def test_a_gap_is_named_by_what_is_missing(sequence):
    link = replace(LINK, sequence=sequence)
    broken = broken_link(link, link.hash(), previous_sequence=0, previous_hash=GENESIS)
    assert broken == Broken(1, "is missing")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), json_values), st.dictionaries(st.text(), json_values))
def test_facts_that_differ_hash_differently(one, other):
    hashes = {replace(LINK, facts=facts).hash() for facts in (one, other)}
    assert len(hashes) == len({_typed(one), _typed(other)})


def _typed(value):
    """JSON tells 1 from true, which Python's equality does not."""
    return repr(_sorted(value))


def _sorted(value):
    match value:
        case dict():
            return sorted((key, _sorted(inner)) for key, inner in value.items())
        case list():
            return [_sorted(inner) for inner in value]
        case _:
            return value
