from datetime import timedelta

import pytest

from indexes.upstream import UpstreamUnreachable
from indexes.upstream.fake import Fault
from portal.errors import (
    AdministratorNeeded,
    AnotherAdministratorNeeded,
    CheckedJustNow,
    ProofFactMissing,
    ProofMethodClosed,
    UnknownProofMethod,
)
from portal.ledger.models import Entry
from portal.ownership.methods import METHODS
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import (
    check_proof,
    has_proof,
    instructions,
    review_proof,
    start_proof,
)
from tests.portal.people import (
    AT,
    LATER,
    REVIEW,
    attest,
    know,
    make_administrator,
    make_user,
    prove,
)

pytestmark = pytest.mark.django_db

RELEASED = AT + timedelta(minutes=10)


def review(user, project, by, at=AT, **changes) -> Proof:
    return review_proof(user=user, project=project, facts=REVIEW | changes, by=by, at=at)


def challenge(user, project, at=AT) -> Proof:
    return start_proof(
        user=user, project=project, method="release-challenge", facts={}, by=user, at=at
    )


def table(code: str) -> dict[str, str]:
    return {"pyproject.toml": f'[tool.affineur]\nchallenge = "{code}"\n'}


def metadata(name: str = "docopt", **fields: str) -> dict[str, str]:
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.6.3\n"]
    lines += [f"{field.replace('_', '-')}: {value}\n" for field, value in fields.items()]
    return {"PKG-INFO": "".join(lines)}


def test_every_method_says_what_it_is():
    assert len({method.name for method in METHODS}) == len(METHODS) == 9
    assert all(method.label and method.explanation and method.needs for method in METHODS)


def test_an_unknown_method_is_named(maintainer, docopt):
    with pytest.raises(UnknownProofMethod, match="release-challenge"):
        start_proof(user=maintainer, project=docopt, method="x", facts={}, by=maintainer, at=AT)


class TestStaffReview:
    def test_the_word_of_two_administrators_is_a_proof(self, maintainer, docopt, administrator):
        proof = prove(maintainer, docopt, administrator)
        assert proof.state == ProofState.PROVEN
        reviews = proof.evidence["reviews"]
        assert [word["administrator"] for word in reviews] == ["root", "second"]
        assert all(word["reason"] and word["evidence"] for word in reviews)
        assert not proof.is_for_development
        assert has_proof(user=maintainer, project=docopt, at=LATER) == proof

    def test_the_word_of_one_is_none(self, maintainer, docopt, administrator):
        proof = review(maintainer, docopt, administrator)
        assert proof.state == ProofState.PENDING
        assert "another administrator's turn" in proof.refusal
        assert has_proof(user=maintainer, project=docopt, at=LATER) is None

    def test_nobody_is_two_administrators(self, maintainer, docopt, administrator):
        review(maintainer, docopt, administrator)
        with pytest.raises(AnotherAdministratorNeeded, match="another one's turn"):
            review(maintainer, docopt, administrator)
        assert has_proof(user=maintainer, project=docopt, at=LATER) is None

    def test_nobody_reviews_themself_first_or_second(self, docopt, administrator):
        with pytest.raises(AnotherAdministratorNeeded):
            review(administrator, docopt, administrator)
        review(administrator, docopt, make_administrator("second"))
        with pytest.raises(AnotherAdministratorNeeded):
            review(administrator, docopt, administrator)

    def test_it_is_for_one_person_and_one_project(
        self, proof, stranger, maintainer, docopt, upstream
    ):
        upstream.add_sdist("other", "1.0")
        assert has_proof(user=stranger, project=docopt, at=AT) is None
        assert has_proof(user=maintainer, project=know("other"), at=AT) is None

    @pytest.mark.parametrize("fact", ["reason", "evidence"])
    def test_each_word_needs_a_reason_and_evidence(self, maintainer, docopt, administrator, fact):
        with pytest.raises(ProofFactMissing, match=fact):
            review(maintainer, docopt, administrator, **{fact: "  "})
        review(maintainer, docopt, administrator)
        with pytest.raises(ProofFactMissing, match=fact):
            review(maintainer, docopt, make_administrator("second"), **{fact: ""})

    def test_an_administrators_token_is_not_an_administrator(
        self, maintainer, docopt, administrator
    ):
        with pytest.raises(AdministratorNeeded):
            start_proof(
                user=maintainer,
                project=docopt,
                method="staff-review",
                facts=REVIEW,
                by=administrator,
                at=AT,
            )

    def test_staff_without_a_second_factor_is_none(self, maintainer, docopt):
        with pytest.raises(AdministratorNeeded):
            review(maintainer, docopt, make_user("staff", is_staff=True))

    def test_a_review_that_nobody_joins_ends(self, maintainer, docopt, administrator):
        review(maintainer, docopt, administrator)
        late = review(maintainer, docopt, make_administrator("second"), at=AT + timedelta(days=15))
        assert late.state == ProofState.PENDING
        assert len(late.evidence["reviews"]) == 1

    def test_it_is_in_the_ledger_with_who_and_why(self, proof):
        entry = Entry.objects.get(verb="proof-proven")
        assert entry.actor == "second"
        assert entry.facts["user"] == "maintainer"
        assert entry.facts["evidence"]["reviews"]


class TestDevelopment:
    def test_there_one_attests_for_oneself(self, maintainer, docopt, settings):
        settings.AFFINEUR_DEVELOPMENT = True
        proof = attest(maintainer, docopt)
        assert proof.is_for_development
        assert has_proof(user=maintainer, project=docopt, at=AT) == proof

    def test_nobody_attests_for_another(self, maintainer, stranger, docopt, settings):
        settings.AFFINEUR_DEVELOPMENT = True
        with pytest.raises(AdministratorNeeded):
            start_proof(
                user=maintainer,
                project=docopt,
                method="attestation",
                facts={"reason": "Known."},
                by=stranger,
                at=AT,
            )

    def test_elsewhere_it_is_closed_and_says_so(self, maintainer, docopt):
        with pytest.raises(ProofMethodClosed, match="for development only"):
            attest(maintainer, docopt)

    def test_it_counts_for_nothing_in_production(self, maintainer, docopt, settings):
        settings.AFFINEUR_DEVELOPMENT = True
        attest(maintainer, docopt)
        challenge(maintainer, docopt)
        settings.AFFINEUR_DEVELOPMENT = False
        assert has_proof(user=maintainer, project=docopt, at=AT) is None
        assert not challenge(maintainer, docopt).is_for_development


class TestReleaseChallenge:
    def test_each_code_is_its_own(self, maintainer, stranger, docopt, upstream):
        upstream.add_sdist("other", "1.0")
        codes = {
            challenge(maintainer, docopt).challenge,
            challenge(stranger, docopt).challenge,
            challenge(maintainer, know("other")).challenge,
        }
        assert len(codes) == 3
        assert all(len(code) > 40 for code in codes)

    def test_asking_again_gives_the_same_code_while_it_is_good(self, maintainer, docopt):
        first = challenge(maintainer, docopt)
        assert challenge(maintainer, docopt, at=LATER) == first
        assert challenge(maintainer, docopt, at=AT + timedelta(days=14)) != first

    def test_the_way_is_shown(self, maintainer, docopt):
        proof = challenge(maintainer, docopt)
        assert all(proof.challenge in way.snippet for way in instructions(proof))
        assert "[tool.affineur]" in instructions(proof)[0].snippet

    @pytest.mark.parametrize(
        ("files_of", "place"),
        [
            (table, "[tool.affineur] challenge"),
            (lambda code: metadata(Keywords=f"a,{code},b"), "Keywords"),
            (
                lambda code: metadata(Project_URL=f"Affineur, https://x.example/{code}"),
                "Project-URL Affineur",
            ),
            (lambda code: metadata(Description=f"A text.\n        {code}"), "Description"),
        ],
        ids=["table", "keywords", "url", "description"],
    )
    def test_the_code_in_a_new_release_is_a_proof(
        self, maintainer, docopt, upstream, files_of, place
    ):
        proof = challenge(maintainer, docopt)
        upstream.add_sdist("docopt", "0.6.3", files=files_of(proof.challenge), uploaded_at=RELEASED)
        proof = check_proof(proof=proof, at=LATER)
        assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
        assert proof.evidence["filename"] == "docopt-0.6.3.tar.gz"
        assert proof.evidence["place"] == place
        assert proof.proven_at == LATER
        assert has_proof(user=maintainer, project=docopt, at=AT + timedelta(days=365)) == proof
        assert Entry.objects.filter(verb="proof-proven").count() == 1

    def test_a_wheels_metadata_will_do(self, maintainer, docopt, upstream):
        proof = challenge(maintainer, docopt)
        text = metadata(Keywords=proof.challenge)["PKG-INFO"].encode()
        upstream.add_file(
            "docopt",
            "docopt-0.6.3-py3-none-any.whl",
            b"never opened",
            metadata=text,
            uploaded_at=RELEASED,
        )
        assert check_proof(proof=proof, at=LATER).state == ProofState.PROVEN
        assert not any(path.endswith(".whl") for path in upstream.seen)

    def test_without_a_new_release_it_waits(self, maintainer, docopt):
        proof = check_proof(proof=challenge(maintainer, docopt), at=LATER)
        assert proof.state == ProofState.PENDING
        assert "Nothing was uploaded to docopt since 2026-03-01 12:00 UTC" in proof.refusal
        assert proof.challenge
        assert proof.checked_at == LATER

    def test_a_release_from_before_proves_nothing(self, maintainer, docopt, upstream):
        proof = challenge(maintainer, docopt)
        upstream.add_sdist("docopt", "0.6.3", files=table(proof.challenge), uploaded_at=AT)
        assert check_proof(proof=proof, at=LATER).state == ProofState.PENDING

    @pytest.mark.parametrize(
        "files_of",
        [
            lambda code: {"README": code},
            lambda code: {"docopt.egg-info/PKG-INFO": f"Name: docopt\nKeywords: {code}\n"},
            lambda code: {"pyproject.toml": f"[tool.other]\nchallenge = '{code}'"},
            lambda code: {"pyproject.toml": f"challenge = {code}"},
            lambda code: {"pyproject.toml": f"tool = '{code}'"},
            lambda code: metadata(Keywords=code[:-1]),
            lambda code: metadata(Keywords=f"{code}0"),
            lambda code: metadata("other", Keywords=code),
        ],
        ids=[
            "other file",
            "nested metadata",
            "other table",
            "no TOML",
            "no table",
            "cut short",
            "part of a longer word",
            "metadata of another project",
        ],
    )
    def test_the_code_anywhere_else_proves_nothing(self, maintainer, docopt, upstream, files_of):
        proof = challenge(maintainer, docopt)
        upstream.add_sdist("docopt", "0.6.3", files=files_of(proof.challenge), uploaded_at=RELEASED)
        proof = check_proof(proof=proof, at=LATER)
        assert proof.state == ProofState.PENDING
        assert "docopt-0.6.3.tar.gz" in proof.refusal

    def test_somebody_elses_code_proves_nothing(self, maintainer, stranger, docopt, upstream):
        theirs = challenge(maintainer, docopt)
        mine = challenge(stranger, docopt)
        upstream.add_sdist("docopt", "0.6.3", files=table(theirs.challenge), uploaded_at=RELEASED)
        assert check_proof(proof=mine, at=LATER).state == ProofState.PENDING
        assert check_proof(proof=theirs, at=LATER).state == ProofState.PROVEN

    def test_the_code_in_another_project_proves_nothing(self, maintainer, docopt, upstream):
        proof = challenge(maintainer, docopt)
        upstream.add_sdist("other", "1", files=table(proof.challenge), uploaded_at=RELEASED)
        know("other", at=RELEASED)
        assert check_proof(proof=proof, at=LATER).state == ProofState.PENDING

    def test_an_expired_code_proves_nothing(self, maintainer, docopt, upstream):
        proof = challenge(maintainer, docopt)
        upstream.add_sdist("docopt", "0.6.3", files=table(proof.challenge), uploaded_at=RELEASED)
        proof = check_proof(proof=proof, at=AT + timedelta(days=14))
        assert proof.state == ProofState.EXPIRED
        assert "Start again" in proof.refusal

    def test_a_hostile_archive_is_refused_and_named(self, maintainer, docopt, upstream):
        proof = challenge(maintainer, docopt)
        upstream.add_file("docopt", "docopt-0.6.3.tar.gz", b"garbage", uploaded_at=RELEASED)
        proof = check_proof(proof=proof, at=LATER)
        assert proof.state == ProofState.PENDING
        assert "docopt-0.6.3.tar.gz (it cannot be read as an archive" in proof.refusal

    def test_without_upload_times_it_says_what_else_to_do(self, maintainer, upstream):
        upstream.add_sdist("old", "1.0", uploaded_at=None)
        proof = check_proof(proof=challenge(maintainer, know("old")), at=LATER)
        assert "Ask an administrator" in proof.refusal

    def test_upstream_down_leaves_it_pending(self, maintainer, docopt, upstream):
        proof = challenge(maintainer, docopt)
        upstream.fail(Fault.UNAVAILABLE, times=99)
        with pytest.raises(UpstreamUnreachable):
            check_proof(proof=proof, at=LATER)
        proof.refresh_from_db()
        assert proof.state == ProofState.PENDING

    def test_what_is_proven_is_not_looked_at_again(self, maintainer, docopt, administrator):
        proof = prove(maintainer, docopt, administrator)
        assert check_proof(proof=proof, at=LATER).checked_at == AT


def test_a_proof_is_looked_for_once_in_a_while(maintainer, docopt, upstream):
    proof = start_proof(
        user=maintainer,
        project=docopt,
        method="release-challenge",
        facts={},
        by=maintainer,
        at=AT,
    )
    check_proof(proof=proof, at=AT)
    asked = len(upstream.seen)

    with pytest.raises(CheckedJustNow):
        check_proof(proof=proof, at=AT + timedelta(seconds=9))

    assert len(upstream.seen) == asked
    check_proof(proof=proof, at=AT + timedelta(seconds=10))
    assert len(upstream.seen) > asked
