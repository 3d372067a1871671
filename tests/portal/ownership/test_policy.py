"""Which proofs are enough: rules that hold for every table and everything that somebody holds."""

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from hypothesis import given
from hypothesis import strategies as st

from portal.ownership.methods import METHODS
from portal.ownership.owners import policy
from portal.ownership.policy import InvalidPolicy, Policy, Say, Strength, parse_policy

NAMES = list("abcdef")
names = st.frozensets(st.sampled_from(NAMES))
policies = st.dictionaries(
    st.sampled_from(Say), st.lists(names.filter(bool), max_size=4).map(tuple)
).map(Policy)
says = st.sampled_from(Say)
strengths = st.fixed_dictionaries({name: st.sampled_from(Strength) for name in NAMES})
tables = st.dictionaries(
    st.sampled_from([*Say, "rule"]), st.lists(st.lists(st.sampled_from([*NAMES, "x"]), max_size=3))
)


@given(policies, says, names, names)
def test_more_proofs_are_never_less(rules, say, held, more):
    assert rules.met(say, held) is None or rules.met(say, held | more) is not None


@given(policies, says, names)
def test_what_is_met_is_held_and_in_the_table(rules, say, held):
    met = rules.met(say, held)
    assert met is None or (met <= held and met in rules.enough[say])


@given(policies, says, names)
def test_what_is_missing_would_be_enough_and_no_less_of_it(rules, say, held):
    for needed in rules.missing(say, held):
        assert rules.met(say, held | needed) is not None
    assert (frozenset() in rules.missing(say, held)) == (rules.met(say, held) is not None)


@given(policies, says)
def test_nothing_is_enough_for_nothing(rules, say):
    assert rules.met(say, ()) is None


@given(tables, strengths)
def test_no_table_lets_in_who_has_shown_nobody(table, kinds):
    try:
        rules = parse_policy(table, strengths=kinds)
    except InvalidPolicy:
        return
    scopes = [name for name, kind in kinds.items() if kind is Strength.SCOPE]
    weak = [name for name, kind in kinds.items() if kind is Strength.CORROBORATION]
    for say in rules.enough:
        assert rules.met(say, scopes) is None
        assert all(rules.met(say, [*scopes, one]) is None for one in weak)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"rule": [["release-challenge"]]}, "none of build"),
        ({"build": [["astrology"]]}, "no proof by astrology"),
        ({"build": [["upstream-roles"]]}, "would not show who somebody is"),
        ({"build": [["consent-as-code"]]}, "would not show who somebody is"),
        ({"build": [["consent-as-code", "upstream-roles"]]}, "would not show"),
        ({"build": [[]]}, "would not show"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_by_check(settings, table, problem):
    settings.AFFINEUR_PROOF_POLICY = table
    with pytest.raises(InvalidPolicy, match=problem):
        policy()
    with pytest.raises(SystemCheckError, match="AFFINEUR_PROOF_POLICY"):
        call_command("check")


def test_the_default_is_what_the_methods_say_of_themselves(settings):
    rules = policy()
    alone = {m.name for m in METHODS if m.strength is Strength.SUFFICIENT} - {"attestation"}
    for say in Say:
        for method in METHODS:
            assert (rules.met(say, [method.name]) is not None) == (method.name in alone)
        assert rules.met(say, ["attested-repository", "upstream-roles"])
        assert not rules.met(say, ["repository-file", "upstream-roles", "consent-as-code"])
    settings.AFFINEUR_DEVELOPMENT = True
    assert policy().met(Say.BUILD, ["attestation"])
