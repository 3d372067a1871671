"""Proofs are looked at again: they lapse without their ground, and hold when it is back."""

from datetime import timedelta
from hashlib import sha256

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken

from indexes.services.refresh import refresh_project
from portal.ledger.models import Entry
from portal.notices import services as notices
from portal.notices.models import Notice
from portal.ownership.announcements import Topic
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import (
    RECHECK_BATCH,
    check_proof,
    has_proof,
    prove,
    recheck_due,
    recheck_proofs,
    start_proof,
)
from portal.ownership.tasks import recheck
from tests.portal.ownership.sigstore_kit import Workflow
from tests.portal.people import AT, LATER, attest, know
from tests.portal.people import prove as review

pytestmark = pytest.mark.django_db

ISSUER = "https://issuer.example"
DAY = timedelta(days=1)
TABLE = '[tool.affineur]\nproject = "docopt"\nconsent = ["build"]\n'


def look(user, project, method, at=AT, **facts) -> Proof:
    return prove(user=user, project=project, method=method, facts=facts, at=at, is_at_session=True)


@pytest.fixture
def github(settings, answers):
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {}}
    settings.AFFINEUR_ACTIONS_ISSUER = ISSUER
    answers.repository("docopt/docopt", 1001, 501)
    answers.collaborator("docopt/docopt", "alice", 31, "admin")
    answers.roles("docopt", alice="Owner", bob="Owner")
    return answers


@pytest.fixture
def publish(docopt, upstream, sigstore):
    def release(version: str, at, **changes):
        name = f"docopt-{version}.tar.gz"
        digest = sha256(version.encode()).hexdigest()
        provenance = sigstore.provenance(name, digest, Workflow(issuer=ISSUER, **changes))
        upstream.add_file("docopt", name, version.encode(), uploaded_at=at, provenance=provenance)
        refresh_project(name="docopt", at=at)

    return release


@pytest.fixture
def alice(maintainer):
    account = SocialAccount.objects.create(
        user=maintainer, provider="github", uid="31", extra_data={"login": "alice"}
    )
    SocialToken.objects.create(account=account, token="gho_alice")
    return maintainer


def again(proof: Proof, at=LATER) -> Proof:
    recheck_proofs(proof.project, at=at)
    proof.refresh_from_db()
    return proof


class TestEachGround:
    def test_a_role_that_is_taken_away(self, maintainer, docopt, github):
        proof = look(maintainer, docopt, "upstream-roles", account="alice")
        assert again(proof).state == ProofState.PROVEN
        github.roles("docopt", bob="Owner")
        assert again(proof).state == ProofState.LAPSED
        assert "alice has no role" in proof.refusal
        github.roles("docopt", alice="Maintainer", bob="Owner")
        assert (again(proof).state, proof.refusal) == (ProofState.PROVEN, "")

    def test_a_role_on_the_repository(self, alice, docopt, github, publish):
        publish("0.6.3", AT)
        proof = look(alice, docopt, "attested-repository")
        assert again(proof).state == ProofState.PROVEN
        github.collaborator("docopt/docopt", "alice", 31, "read")
        assert again(proof).state == ProofState.LAPSED
        assert "is read" in proof.refusal
        github.collaborator("docopt/docopt", "alice", 31, "maintain")
        assert again(proof).state == ProofState.PROVEN
        assert proof.evidence["role"] == "maintain"

    def test_a_repository_that_is_given_away(self, alice, docopt, github, publish):
        publish("0.6.3", AT)
        proof = look(alice, docopt, "attested-repository")
        github.repository("docopt/docopt", 1001, 777)
        assert again(proof).state == ProofState.LAPSED
        assert "belongs to another owner" in proof.refusal

    def test_a_sign_in_that_is_taken_back(self, alice, docopt, github, publish):
        publish("0.6.3", AT)
        proof = look(alice, docopt, "attested-repository")
        SocialToken.objects.all().delete()
        assert again(proof).state == ProofState.LAPSED
        assert "sign in with GitHub" in proof.refusal

    def test_another_repository_publishes(self, maintainer, docopt, github, publish):
        publish("0.6.3", AT)
        proof = start_proof(
            user=maintainer, project=docopt, method="actions-token", facts={}, by=maintainer, at=AT
        )
        Proof.objects.filter(pk=proof.pk).update(
            state=ProofState.PROVEN,
            proven_at=AT,
            evidence={"repository_id": "1001", "owner_id": "501"},
        )
        assert again(proof).state == ProofState.PROVEN
        publish("0.6.4", LATER, repository="new/docopt", repository_id="1001", owner_id="9")
        assert again(proof).state == ProofState.LAPSED
        assert "is published from new/docopt now" in proof.refusal

    def test_a_linked_repository_that_is_another_now(self, maintainer, docopt, github):
        proof = Proof.objects.create(
            user=maintainer,
            project=docopt,
            method="repository-file",
            state=ProofState.PROVEN,
            evidence={"repository": "docopt/docopt", "repository_id": "1001", "owner_id": "501"},
            created_at=AT,
            proven_at=AT,
        )
        assert again(proof).state == ProofState.PROVEN
        github.repository("docopt/docopt", 6666, 501)
        assert again(proof).state == ProofState.LAPSED
        github.take("/repos/docopt/docopt")
        assert "no repository docopt/docopt" in again(proof).refusal

    @pytest.mark.parametrize("method", ["upstream-roles", "staff-review", "repository-file"])
    def test_a_doubtful_answer_is_seen_twice(
        self, *, maintainer, docopt, administrator, github, told, method
    ):
        """Nobody has a role, or no repository is there: that may be a fault of who was asked."""
        proof = review(maintainer, docopt, administrator)
        repository = {"repository": "docopt/docopt", "repository_id": "1001", "owner_id": "501"}
        evidence = {"account": "alice"} | repository | proof.evidence
        Proof.objects.filter(pk=proof.pk).update(method=method, evidence=evidence)

        def vanish(*, is_gone: bool) -> None:
            github.roles("docopt", **({} if is_gone else {"alice": "Owner"}))
            github.repository("docopt/docopt", 1001, 501)
            if is_gone:
                github.take("/repos/docopt/docopt")

        vanish(is_gone=True)
        assert again(proof, AT).state == ProofState.PROVEN
        assert again(proof, LATER - timedelta(seconds=1)).state == ProofState.PROVEN
        vanish(is_gone=False)
        assert (again(proof, LATER).state, proof.doubted_at) == (ProofState.PROVEN, None)
        vanish(is_gone=True)
        assert again(proof, LATER).state == ProofState.PROVEN
        assert [(one.topic, one.people) for one in told] == [
            (Topic.PROOF_LAPSING, (maintainer,))
        ] * 2
        words = notices.words_of(Notice.objects.filter(person=maintainer).first())
        assert "in doubt" in words.body
        recheck_due(at=LATER + timedelta(hours=1))
        proof.refresh_from_db()
        assert (proof.state, proof.doubted_at) == (ProofState.LAPSED, None)

    def test_a_table_that_the_next_sdist_drops(self, maintainer, docopt, github, upstream):
        upstream.add_sdist("docopt", "0.6.3", files={"pyproject.toml": TABLE}, uploaded_at=AT)
        proof = look(maintainer, docopt, "consent-as-code")
        assert again(proof).state == ProofState.PROVEN
        upstream.add_sdist("docopt", "0.6.4", uploaded_at=LATER)
        assert again(proof).state == ProofState.LAPSED

    @pytest.mark.parametrize("method", ["release-challenge", "staff-review"])
    def test_a_project_in_other_hands(self, maintainer, docopt, administrator, github, method):
        """Who could release it once can do so no more, and nobody is left who vouches for them."""
        proof = review(maintainer, docopt, administrator)
        Proof.objects.filter(pk=proof.pk).update(method=method)
        assert proof.evidence["upstream"]["roles"] == {"alice": "Owner", "bob": "Owner"}
        github.roles("docopt", bob="Owner", carol="Owner")
        assert again(proof).state == ProofState.PROVEN
        github.roles("docopt", carol="Owner")
        assert again(proof).state == ProofState.LAPSED
        assert "it is in other hands" in proof.refusal


class TestWhatIsKept:
    def test_roles_that_were_not_told_at_first_are_kept_when_they_are(
        self, maintainer, docopt, administrator, answers
    ):
        answers.put("/pypi/docopt/json", {}, status=503)
        proof = review(maintainer, docopt, administrator)
        assert "upstream" not in proof.evidence
        answers.roles("docopt", alice="Owner")
        again(proof)
        answers.roles("docopt", carol="Owner")
        assert again(proof).state == ProofState.LAPSED

    @pytest.mark.parametrize("path", ["/pypi/docopt/json", "/repos/docopt/docopt"])
    def test_what_cannot_be_looked_at_stays(self, *, alice, docopt, github, publish, path, told):
        publish("0.6.3", AT)
        proof = look(alice, docopt, "attested-repository")
        github.put(path, {}, status=503)
        assert again(proof).state == ProofState.PROVEN
        assert not told

    def test_one_ground_that_cannot_be_looked_at_is_not_in_the_way_of_another(
        self, alice, docopt, github, publish
    ):
        publish("0.6.3", AT)
        held = look(alice, docopt, "attested-repository")
        named = look(alice, docopt, "upstream-roles", account="alice")
        github.put("/repos/docopt/docopt", {}, status=503)
        github.roles("docopt", bob="Owner")
        recheck_proofs(docopt, at=LATER)
        held.refresh_from_db()
        named.refresh_from_db()
        assert (held.state, named.state) == (ProofState.PROVEN, ProofState.LAPSED)

    def test_what_was_never_proven_is_not_looked_at(self, maintainer, docopt, github):
        refused = look(maintainer, docopt, "upstream-roles", account="mallory")
        github.roles("docopt", mallory="Owner")
        assert again(refused).state == ProofState.REFUSED

    def test_a_lapsed_proof_is_not_checked_but_started_again(self, maintainer, docopt, github):
        proof = look(maintainer, docopt, "upstream-roles", account="alice")
        github.roles("docopt", bob="Owner")
        again(proof)
        assert check_proof(proof=proof, at=LATER).state == ProofState.LAPSED
        assert look(maintainer, docopt, "upstream-roles", LATER, account="bob").pk != proof.pk


def test_people_are_told_and_the_ledger_has_it(maintainer, stranger, docopt, github, told):
    proof = look(maintainer, docopt, "upstream-roles", account="alice")
    other = look(stranger, docopt, "upstream-roles", account="bob")
    github.roles("docopt", bob="Owner")
    again(proof)
    again(other)
    assert [one.topic for one in told] == [Topic.PROOF_LAPSED]
    # A role upstream that anybody can name makes nobody an owner who is told of others.
    assert set(told[0].people) == {maintainer}
    assert "maintainer may speak for docopt" in told[0].text
    assert "an owner can add the account there again" in told[0].text
    assert Entry.objects.get(verb="proof-lapsed").actor == "portal"
    github.roles("docopt", alice="Owner", bob="Owner")
    again(proof)
    assert [one.topic for one in told][1:] == [Topic.PROOF_RESTORED]
    assert Entry.objects.filter(verb="proof-proven", actor="portal").count() == 1


class TestSchedule:
    def test_each_is_looked_at_once_a_day(self, maintainer, docopt, github, settings):
        look(maintainer, docopt, "upstream-roles", account="alice")
        seen = len(github.seen)
        recheck_due(at=AT + DAY - timedelta(seconds=1))
        assert len(github.seen) == seen
        recheck_due(at=AT + DAY)
        assert len(github.seen) > seen
        seen = len(github.seen)
        recheck_due(at=AT + DAY + timedelta(hours=23))
        assert len(github.seen) == seen

    def test_one_that_cannot_be_looked_at_waits_its_turn(self, maintainer, docopt, github):
        look(maintainer, docopt, "upstream-roles", account="alice")
        github.put("/pypi/docopt/json", {}, status=503)
        recheck_due(at=AT + DAY)
        seen = len(github.seen)
        recheck_due(at=AT + DAY)
        assert len(github.seen) == seen

    def test_a_batch_is_bounded(self, maintainer, docopt, upstream, github):
        for number in range(RECHECK_BATCH + 3):
            upstream.add_sdist(f"p{number}", "1.0")
            Proof.objects.create(
                user=maintainer,
                project=know(f"p{number}"),
                method="release-challenge",
                state=ProofState.PROVEN,
                created_at=AT,
                proven_at=AT,
            )
        seen = len(github.seen)
        recheck_due(at=AT + DAY)
        assert len(github.seen) == seen + RECHECK_BATCH
        recheck_due(at=AT + DAY)
        assert len(github.seen) == seen + RECHECK_BATCH + 3

    def test_the_task_does_it(self, maintainer, docopt, github):
        proof = look(maintainer, docopt, "upstream-roles", account="alice")
        github.roles("docopt", bob="Owner")
        recheck()
        proof.refresh_from_db()
        assert proof.state == ProofState.LAPSED


def test_a_word_for_development_holds(maintainer, docopt, github, settings):
    settings.AFFINEUR_DEVELOPMENT = True
    proof = attest(maintainer, docopt)
    assert again(proof).state == ProofState.PROVEN
    assert has_proof(user=maintainer, project=docopt, at=LATER) == proof
