"""Whatever acts came to, a row that was changed, added or taken away is found and named."""

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from portal.ledger.effects import EFFECTS, Act, Subject
from portal.ledger.replay import Mismatch, mismatches, replay
from portal.ledger.verbs import VERBS, public_actor, public_facts
from tests.portal.people import AT

PROJECTS = ["docopt", "mmh3"]
IDS = ["1", "2", "3"]
texts = st.sampled_from(["", "a", "b"])


KEYS = (
    *("appeal", "attempt", "ban", "build", "case", "consent", "decision", "delegation"),
    *("evidence", "filename", "index", "invitation", "link", "member", "organisation", "permit"),
    *("proof", "refusal", "replay", "report", "request", "rule", "suspension", "token", "version"),
)
LISTS = ("appeals", "consents", "filenames", "holds", "instead_of", "reports")
SAID = ("after", "decision", "reason", "specifiers", "state", "text", "to")


@st.composite
def acts(draw) -> Act:
    verb = draw(st.sampled_from(sorted([*VERBS, *EFFECTS, "nobody-knows-it"])))
    facts = {name: draw(texts) for name in SAID}
    facts |= {name: draw(st.sampled_from(IDS)) for name in KEYS}
    listed = draw(st.lists(st.sampled_from(IDS), max_size=3))
    facts |= dict.fromkeys(LISTS, listed)
    facts |= {"sha256": "f" * 64, "owners": 2, "is_granted": True}
    facts |= {"is_to_be_remade": False, "is_whole": False}
    return Act(
        draw(st.integers(1, 99)), draw(texts), verb, draw(st.sampled_from(PROJECTS)), facts, AT
    )


histories = st.lists(acts(), max_size=30)


def found_in(recorded, actual, people=()) -> list[Mismatch]:
    return list(mismatches(recorded, actual, people=people))


@given(histories)
def test_what_acts_come_to_is_explained_by_them(history):
    assert found_in(replay(history), replay(history)) == []


@given(histories.filter(replay), st.data())
def test_any_one_change_is_found_and_no_other(history, data):
    recorded = replay(history)
    actual = deepcopy(recorded)
    subject = data.draw(st.sampled_from(sorted(actual)))
    name = data.draw(st.sampled_from(sorted(actual[subject])))
    actual[subject][name] = "something else"
    [found] = found_in(recorded, actual)
    assert found.subject == subject


@given(histories.filter(replay), st.data())
def test_a_row_of_no_act_is_found(history, data):
    recorded = replay(history)
    actual = deepcopy(recorded)
    stranger = Subject("permit", "99")
    actual[stranger] = {"project": "docopt"}
    assert found_in(recorded, actual) == [
        Mismatch("docopt", stranger, "is in the tables, and no entry made it")
    ]


GO_WITH_PERSON = {"token", "member", "invitation"}


@given(histories)
def test_a_row_that_is_gone_is_found_unless_it_may_go(history):
    recorded = {
        subject: state
        for subject, state in replay(history).items()
        if subject.kind not in GO_WITH_PERSON
    }
    assert len(found_in(recorded, {})) == len(recorded)


def test_a_token_goes_with_its_person_and_not_alone():
    issued = Act(1, "ada", "token-issued", "", {"token": "1", "scopes": []}, AT)
    assert found_in(replay([issued]), {}) == []
    assert len(found_in(replay([issued]), {}, people={"ada"})) == 1


def test_who_has_a_case_is_forgotten_with_their_account_only():
    assigned = Act(1, "root", "case-assigned", "docopt", {"case": "1", "to": "ada"}, AT)
    forgotten = {Subject("case", "1"): {"assignee": None}}
    assert found_in(replay([assigned]), forgotten) == []
    assert len(found_in(replay([assigned]), forgotten, people={"ada"})) == 1


def test_what_is_taken_away_by_an_entry_is_not_missed():
    index = {"organisation": "acme", "index": "main"}
    made, deleted = (
        Act(number, "ada", verb, "", index, AT)
        for number, verb in enumerate(("index-created", "index-deleted"))
    )
    assert len(found_in(replay([made]), {})) == 1
    assert found_in(replay([made, deleted]), {}) == []


def test_whatever_has_effects_has_words():
    assert set(EFFECTS) <= set(VERBS)


def test_an_act_that_cannot_be_understood_is_told_of():
    [found] = found_in(replay([Act(7, "builds", "build-queued", "docopt", {}, AT)]), {})
    assert str(found) == "entry 7 does not say what its verb needs"


@given(acts())
def test_the_public_is_told_no_name_and_only_what_is_listed(act):
    told = public_facts(act.verb, act.facts)
    assert set(told) <= set(VERBS[act.verb].public if act.verb in VERBS else ())
    assert not {"user", "proof", "consent", "permit", "token", "salt"} & set(told)
    assert public_actor("ada") != "ada"
