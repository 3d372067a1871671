"""Upstream's roles: names that corroborate, and notice when a project changes hands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import CheckedJustNow, EvidenceUnreachable, ProofFactMissing, ProofNeeded
from portal.ownership.models import ProofState
from portal.ownership.roles import Roles, has_changed_hands, parse_roles, roles_upstream
from portal.ownership.services import check_proof, has_proof, prove
from tests.portal.people import AT, LATER, consent

PATH = "/pypi/docopt/json"


def say(user, project, account="alice", at=AT):
    return prove(
        user=user,
        project=project,
        method="upstream-roles",
        facts={"account": account},
        at=at,
        is_at_session=True,
    )


@pytest.mark.django_db
class TestProof:
    def test_a_role_upstream_is_seen_with_everybody_elses(self, maintainer, docopt, answers):
        answers.roles("docopt", alice="Owner", bob="Maintainer")
        proof = say(maintainer, docopt, "Alice")
        assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
        assert proof.evidence["role"] == "Owner"
        assert proof.evidence["upstream"]["roles"] == {"alice": "Owner", "bob": "Maintainer"}

    def test_a_name_alone_lets_nobody_in(self, stranger, docopt, answers):
        """The same name here as upstream, or on GitHub, is anybody's to choose."""
        answers.roles("docopt", stranger="Owner")
        assert say(stranger, docopt, "stranger").state == ProofState.PROVEN
        assert has_proof(user=stranger, project=docopt, at=LATER) is None
        with pytest.raises(ProofNeeded, match=r"upstream-roles.*not enough by itself") as error:
            consent(stranger, docopt)
        assert error.value.have == ["upstream-roles"]
        assert ["release-challenge"] in error.value.would_do

    def test_an_account_without_a_role_is_refused(self, maintainer, docopt, answers):
        answers.roles("docopt", alice="Owner")
        proof = say(maintainer, docopt, "mallory")
        assert proof.state == ProofState.REFUSED
        assert "alice has" in proof.refusal
        assert "as upstream spells it" in proof.refusal

    def test_refused_once_one_may_start_again(self, maintainer, docopt, answers):
        answers.roles("docopt", alice="Owner")
        say(maintainer, docopt, "alcie")
        with pytest.raises(CheckedJustNow):
            say(maintainer, docopt, "alice")
        assert say(maintainer, docopt, "alice", at=LATER).state == ProofState.PROVEN

    def test_an_upstream_that_tells_none_says_so(self, maintainer, docopt, answers):
        proof = say(maintainer, docopt)
        assert proof.state == ProofState.REFUSED
        assert "choose another way" in proof.refusal

    def test_an_upstream_that_does_not_answer_decides_nothing(self, maintainer, docopt, answers):
        answers.put(PATH, {}, status=503)
        with pytest.raises(EvidenceUnreachable, match="It is not your turn"):
            say(maintainer, docopt)
        proof = maintainer.proofs.get()
        assert proof.state == ProofState.PENDING
        answers.roles("docopt", alice="Owner")
        with pytest.raises(CheckedJustNow):
            check_proof(proof=proof, at=AT)
        assert check_proof(proof=proof, at=LATER).state == ProofState.PROVEN

    def test_the_account_has_to_be_named(self, maintainer, docopt, answers):
        with pytest.raises(ProofFactMissing, match="account"):
            say(maintainer, docopt, " ")


@pytest.mark.parametrize(
    ("ownership", "known"),
    [
        (None, None),
        ({}, None),
        ({"roles": "x"}, None),
        ({"roles": []}, {}),
        ({"roles": [{"role": "Owner"}, 3, {"user": "a", "role": 1}]}, {}),
        ({"organization": None, "roles": [{"role": "Owner", "user": "a"}]}, {"a": "Owner"}),
    ],
)
def test_what_upstream_says_is_read_with_care(ownership, known):
    roles = parse_roles(ownership)
    assert (roles.of if roles else None) == known


def test_what_is_no_json_decides_nothing(answers):
    answers.put(PATH, ["x"])
    with pytest.raises(EvidenceUnreachable):
        roles_upstream("docopt")


accounts = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["Owner", "Maintainer"]))
snapshots = st.builds(Roles, st.sampled_from(["", "org"]), accounts)


@given(snapshots, snapshots)
def test_a_project_is_in_other_hands_when_nobody_stayed(before, now):
    changed = has_changed_hands(before.as_evidence(), now)
    stayed = set(before.of) & set(now.of)
    assert not (changed and stayed)
    assert not (changed and before.organization and before.organization == now.organization)
    assert changed or stayed or not before.of or before.organization == now.organization != ""


@given(snapshots)
def test_what_is_not_told_changes_nothing(now):
    assert not has_changed_hands(None, now)
    assert not has_changed_hands(now.as_evidence(), None)
    assert not has_changed_hands(now.as_evidence(), now)
