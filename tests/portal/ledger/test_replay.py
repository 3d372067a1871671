"""Whatever acts came to, a row that was changed, added or taken away is found and named."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from portal.ledger.replay import Act, Mismatch, Subject, mismatches, replay
from portal.ledger.verbs import VERBS, public_actor, public_facts

PROJECTS = ["docopt", "mmh3"]
IDS = ["1", "2", "3"]
texts = st.sampled_from(["", "a", "b"])


@st.composite
def acts(draw) -> Act:
    verb = draw(st.sampled_from(sorted([*VERBS, "proof-lapsed", "nobody-knows-it"])))
    facts = {name: draw(st.sampled_from(IDS)) for name in ("permit", "build", "consent", "token")}
    facts |= {name: draw(texts) for name in ("state", "after", "reason", "text", "specifiers")}
    facts |= {
        "proof": draw(st.sampled_from(IDS)),
        "filename": draw(st.sampled_from(IDS)),
        "filenames": draw(st.lists(st.sampled_from(IDS), max_size=3)),
        "decision": draw(texts),
        "version": draw(st.sampled_from(IDS)),
        "rule": draw(st.sampled_from(IDS)),
        "holds": draw(st.lists(st.sampled_from(IDS), max_size=3)),
        "ban": draw(st.sampled_from(IDS)),
    }
    project = draw(st.sampled_from(PROJECTS))
    return Act(draw(st.integers(1, 99)), draw(texts), verb, project, facts)


histories = st.lists(acts(), max_size=30)


@given(histories)
def test_what_acts_come_to_is_explained_by_them(history):
    assert list(mismatches(replay(history), replay(history))) == []


@given(histories.filter(replay), st.data())
def test_any_one_change_is_found_and_no_other(history, data):
    recorded = replay(history)
    actual = deepcopy(recorded)
    subject = data.draw(st.sampled_from(sorted(actual)))
    name = data.draw(st.sampled_from(sorted(actual[subject])))
    actual[subject][name] = "something else"
    [found] = mismatches(recorded, actual)
    assert found.subject == subject


@given(histories.filter(replay), st.data())
def test_a_row_of_no_act_is_found(history, data):
    recorded = replay(history)
    actual = deepcopy(recorded)
    stranger = Subject("permit", "99")
    actual[stranger] = {"project": "docopt"}
    assert list(mismatches(recorded, actual)) == [
        Mismatch("docopt", stranger, "is in the tables, and no entry made it")
    ]


@given(histories, st.data())
def test_a_row_that_is_gone_is_found_unless_it_may_go(history, data):
    recorded = {
        subject: state for subject, state in replay(history).items() if subject.kind != "token"
    }
    assert len(list(mismatches(recorded, {}))) == len(recorded)


def test_a_token_goes_with_its_person():
    issued = Act(1, "ada", "token-issued", "", {"token": "1", "scopes": []})
    assert list(mismatches(replay([issued]), {})) == []


def test_an_act_that_cannot_be_understood_is_told_of():
    [found] = mismatches(replay([Act(7, "builds", "build-queued", "docopt", {})]), {})
    assert str(found) == "entry 7 does not say what its verb needs"


@given(acts())
def test_the_public_is_told_no_name_and_only_what_is_listed(act):
    told = public_facts(act.verb, act.facts)
    assert set(told) <= set(VERBS[act.verb].public if act.verb in VERBS else ())
    assert not {"user", "proof", "consent", "permit", "token", "salt"} & set(told)
    assert public_actor("ada") != "ada"
