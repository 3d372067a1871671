"""Proof by a token of GitHub Actions: the true case, and what an attacker would try."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone
from rest_framework.test import APIClient

from indexes.domain.names import NormalizedName
from indexes.services.refresh import refresh_project
from portal.errors import EvidenceUnreachable
from portal.ownership.methods.actions_token import audience_for, workflow_for
from portal.ownership.methods.base import Brought
from portal.ownership.models import Proof, ProofState, SpentToken
from portal.ownership.services import check_proof, has_proof, instructions, start_proof
from tests.portal.ownership.issuers import Issuer, OwnIssuer
from tests.portal.ownership.sigstore_kit import Workflow
from tests.portal.people import AT, LATER, know

pytestmark = pytest.mark.django_db

RELEASE = b"docopt 0.6.3"
RELEASE_NAME = "docopt-0.6.3.tar.gz"
REF = "docopt/docopt/.github/workflows/release.yml@refs/heads/main"
RUN = {
    "repository": "docopt/docopt",
    "repository_id": "1001",
    "repository_owner": "docopt",
    "repository_owner_id": "501",
    "event_name": "workflow_dispatch",
    "ref": "refs/heads/main",
    "workflow_ref": REF,
    "job_workflow_ref": REF,
    "actor": "vladimir",
    "run_id": "77",
    "sha": "f" * 40,
}


@pytest.fixture(params=["own", "certified"])
def issuer(request, answers, settings) -> Issuer:
    """Each test runs with tokens of our own making, and with those of a certified provider."""
    issuer = OwnIssuer(answers) if request.param == "own" else request.getfixturevalue("certified")
    settings.AFFINEUR_ACTIONS_ISSUER = issuer.url
    return issuer


@pytest.fixture
def own(answers, settings) -> OwnIssuer:
    issuer = OwnIssuer(answers)
    settings.AFFINEUR_ACTIONS_ISSUER = issuer.url
    return issuer


@pytest.fixture
def publish(docopt, upstream, sigstore, settings):
    """A release whose file GitHub Actions attested; parts of it by keyword."""

    def upload(**changes):
        workflow = Workflow(issuer=settings.AFFINEUR_ACTIONS_ISSUER, **changes)
        digest = sha256(RELEASE).hexdigest()
        upstream.add_file(
            "docopt",
            RELEASE_NAME,
            RELEASE,
            uploaded_at=AT,
            provenance=sigstore.provenance(RELEASE_NAME, digest, workflow),
        )
        return know("docopt")

    return upload


@pytest.fixture
def attested(issuer, publish):
    return publish()


def now() -> datetime:
    return timezone.now()


def begin(user, project) -> Proof:
    return start_proof(user=user, project=project, method="actions-token", facts={}, by=user, at=AT)


def moment(issuer: Issuer) -> datetime:
    """When the token is shown: a certified provider's clock is the real one."""
    return AT if isinstance(issuer, OwnIssuer) else now()


def show(proof: Proof, token: str, at: datetime) -> Proof:
    Proof.objects.filter(pk=proof.pk).update(expires_at=at + timedelta(days=1))
    proof.refresh_from_db()
    return check_proof(proof=proof, at=at, brought=Brought({"token": token}))


def run(proof: Proof, issuer: Issuer, **claims: str) -> Proof:
    token = issuer.token(audience_for(proof), RUN | claims)
    return show(proof, token, moment(issuer))


def test_a_run_of_the_publishing_workflow_is_a_proof(maintainer, attested, issuer):
    proof = run(begin(maintainer, attested), issuer)
    assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
    assert proof.evidence["repository_id"] == "1001"
    assert proof.evidence["attested_file"] == RELEASE_NAME
    assert proof.evidence["workflow_ref"] == REF
    assert has_proof(user=maintainer, project=attested, at=now(), say="publish") == proof


def test_a_token_for_another_audience_is_refused(maintainer, attested, issuer):
    proof = begin(maintainer, attested)
    proof = show(proof, issuer.token("https://elsewhere.example/x", RUN), moment(issuer))
    assert proof.state == ProofState.PENDING
    assert "not for us" in proof.refusal
    assert audience_for(proof) in proof.refusal


def test_a_token_shown_twice_is_refused(maintainer, attested, issuer):
    proof = begin(maintainer, attested)
    token = issuer.token(audience_for(proof), RUN | {"event_name": "schedule"})
    assert "schedule" in show(proof, token, moment(issuer)).refusal
    proof = show(proof, token, moment(issuer))
    assert proof.state == ProofState.PENDING
    assert "was shown before" in proof.refusal
    assert "run the workflow again" in proof.refusal
    assert SpentToken.objects.count() == 1


def test_the_code_of_another_person_is_refused(maintainer, stranger, attested, issuer):
    theirs, mine = begin(maintainer, attested), begin(stranger, attested)
    mine = show(mine, issuer.token(audience_for(theirs), RUN), moment(issuer))
    assert mine.state == ProofState.PENDING
    assert "the code of another proof" in mine.refusal


def test_the_code_of_another_project_is_refused(maintainer, attested, issuer, upstream):
    upstream.add_sdist("other", "1.0")
    other = begin(maintainer, know("other"))
    proof = begin(maintainer, attested)
    proof = show(proof, issuer.token(audience_for(other), RUN), moment(issuer))
    assert proof.state == ProofState.PENDING
    assert "for docopt alone" in proof.refusal


@pytest.mark.parametrize(
    ("claims", "reason", "advice"),
    [
        (
            {"repository": "mallory/docopt", "repository_id": "9", "repository_owner_id": "8"},
            "A fork shows nothing",
            "run the workflow in docopt/docopt",
        ),
        (
            {"repository_id": "2002", "repository_owner_id": "501"},
            "its name given to another",
            "where the project lives now",
        ),
        ({"repository_owner_id": "777"}, "belongs to another owner", "publish a release from"),
        ({"event_name": "pull_request_target"}, "pull_request_target", "workflow_dispatch"),
        ({"event_name": "pull_request"}, "people from outside", "workflow_dispatch"),
        ({"event_name": "workflow_run"}, "workflow_run", "workflow_dispatch"),
        (
            {"workflow_ref": "docopt/docopt/.github/workflows/ci.yml@refs/heads/main"},
            "The run was of .github/workflows/ci.yml",
            "add the job to .github/workflows/release.yml",
        ),
        (
            {"job_workflow_ref": "mallory/tools/.github/workflows/steal.yml@refs/heads/main"},
            "only calls",
            "put the job into .github/workflows/release.yml itself",
        ),
        ({"ref": "refs/pull/3/merge"}, "refs/pull/3/merge", "on the default branch"),
        ({"ref": "refs/heads/topic"}, "refs/heads/topic", "on the default branch"),
        ({"ref": "refs/tags/v9"}, "refs/tags/v9", "on the default branch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_run_is_refused(*, maintainer, attested, issuer, answers, claims, reason, advice):
    answers.repository("docopt/docopt", 1001, 501)
    proof = run(begin(maintainer, attested), issuer, **claims)
    assert proof.state == ProofState.PENDING
    assert reason in proof.refusal
    assert "It is your turn" in proof.refusal
    assert advice in proof.refusal
    assert has_proof(user=maintainer, project=attested, at=now()) is None


def test_a_repository_that_published_before_is_refused(
    *, maintainer, own, publish, upstream, sigstore
):
    """Nobody follows a project without a consent: upstream is asked anew."""
    project = publish()
    digest = sha256(b"moved").hexdigest()
    elsewhere = Workflow(issuer=own.url, repository="jazz/docopt", repository_id="3003")
    provenance = sigstore.provenance("docopt-0.7.tar.gz", digest, elsewhere)
    upstream.add_file(
        "docopt", "docopt-0.7.tar.gz", b"moved", uploaded_at=LATER, provenance=provenance
    )
    proof = run(begin(maintainer, project), own)
    assert proof.state == ProofState.PENDING
    assert "docopt-0.7.tar.gz was published from jazz/docopt" in proof.refusal


def test_a_mistake_can_be_put_right(maintainer, attested, issuer):
    proof = run(begin(maintainer, attested), issuer, event_name="pull_request")
    assert run(proof, issuer).state == ProofState.PROVEN


def test_the_default_branch_will_do_when_another_published(maintainer, own, publish, answers):
    project = publish(ref="refs/heads/stable")
    answers.repository("docopt/docopt", 1001, 501)
    assert run(begin(maintainer, project), own).state == ProofState.PROVEN


def test_a_tag_will_do_where_tags_publish(maintainer, own, publish):
    project = publish(ref="refs/tags/v0.6.3")
    proof = run(begin(maintainer, project), own, ref="refs/tags/v0.6.4")
    assert proof.state == ProofState.PROVEN


def test_an_expired_code_is_refused(maintainer, own, publish):
    proof = begin(maintainer, publish())
    token = own.token(audience_for(proof), RUN)
    late = AT + timedelta(days=14)
    proof = check_proof(proof=proof, at=late, brought=Brought({"token": token}))
    assert proof.state == ProofState.EXPIRED
    assert "Start again" in proof.refusal


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": int((AT - timedelta(hours=1)).timestamp())}, "it ended at"),
        ({"nbf": int((AT + timedelta(hours=1)).timestamp())}, "it is good from"),
        ({"iss": "https://mallory.example"}, "it was not issued by"),
        ({"jti": ""}, 'missing the "jti" claim'),
        ({"exp": None}, 'missing the "exp" claim'),
    ],
    ids=["expired", "from the future", "another issuer", "no jti", "endless"],
)
def test_a_token_that_is_not_good_is_refused(maintainer, own, publish, changes, reason):
    proof = begin(maintainer, publish())
    proof = show(proof, own.token(audience_for(proof), RUN, **changes), AT)
    assert proof.state == ProofState.PENDING
    assert reason in proof.refusal
    assert "run the workflow again" in proof.refusal
    assert not SpentToken.objects.exists()


def test_a_token_of_somebody_elses_key_is_refused(maintainer, own, publish):
    proof = begin(maintainer, publish())
    own.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    proof = show(proof, own.token(audience_for(proof), RUN), AT)
    assert "Signature verification failed" in proof.refusal


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_without_the_issuers_signature_is_refused(maintainer, own, publish, algorithm):
    proof = begin(maintainer, publish())
    claims = RUN | {"iss": own.url, "aud": audience_for(proof), "iat": 1, "exp": 9, "jti": "x"}
    key = "" if algorithm == "none" else "k" * 32
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "one"})
    assert show(proof, token, AT).state == ProofState.PENDING
    assert show(proof, "no token at all", AT).state == ProofState.PENDING


def test_an_issuer_that_does_not_answer_decides_nothing(maintainer, own, publish, answers):
    proof = begin(maintainer, publish())
    token = own.token(audience_for(proof), RUN)
    answers.put("/issuer/keys", {}, status=503)
    with pytest.raises(EvidenceUnreachable, match="nothing is decided"):
        show(proof, token, AT)
    proof.refresh_from_db()
    assert proof.state == ProofState.PENDING
    assert not SpentToken.objects.exists()


class TestAttestations:
    """What the newest file's attestation has to be."""

    @pytest.fixture
    def refusal(self, maintainer, own, docopt):
        def of() -> str:
            refresh_project(name=NormalizedName("docopt"), at=AT)
            proof = run(begin(maintainer, docopt), own)
            assert proof.state == ProofState.PENDING
            return proof.refusal

        return of

    def upload(self, upstream, provenance):
        upstream.add_file("docopt", RELEASE_NAME, RELEASE, uploaded_at=AT, provenance=provenance)

    @pytest.fixture
    def good(self, own, sigstore):
        workflow = Workflow(issuer=own.url)
        return sigstore.provenance(RELEASE_NAME, sha256(RELEASE).hexdigest(), workflow)

    def test_without_any_it_says_what_to_do(self, refusal):
        assert "No file of docopt upstream has an attestation" in refusal()

    def test_one_of_another_file_is_none(self, refusal, upstream, own, sigstore):
        self.upload(upstream, sigstore.provenance(RELEASE_NAME, "0" * 64, Workflow(issuer=own.url)))
        assert "it is about another file" in refusal()

    def test_one_whose_statement_was_changed_is_none(self, refusal, upstream, good, sigstore):
        attestation = good["attestation_bundles"][0]["attestations"][0]
        statement = attestation["envelope"]["statement"]
        attestation["envelope"]["statement"] = statement[:-8] + "AAAAAAA="
        self.upload(upstream, good)
        assert "do not verify" in refusal()

    def test_one_that_another_authority_signed_is_none(self, refusal, upstream, own, sigstore):
        mallory = type(sigstore)()
        digest = sha256(RELEASE).hexdigest()
        self.upload(upstream, mallory.provenance(RELEASE_NAME, digest, Workflow(issuer=own.url)))
        assert "do not verify" in refusal()

    def test_one_of_another_issuer_is_none(self, refusal, upstream, sigstore):
        digest = sha256(RELEASE).hexdigest()
        workflow = Workflow(issuer="https://login.example/oauth")
        self.upload(upstream, sigstore.provenance(RELEASE_NAME, digest, workflow))
        assert "do not verify" in refusal()

    def test_one_that_upstream_says_another_published_is_none(
        self, refusal, upstream, own, sigstore
    ):
        digest = sha256(RELEASE).hexdigest()
        workflow = Workflow(issuer=own.url)
        self.upload(
            upstream,
            sigstore.provenance(RELEASE_NAME, digest, workflow, publisher="mallory/docopt"),
        )
        assert "do not verify" in refusal()

    def test_one_that_attests_something_else_is_none(self, refusal, upstream, own, sigstore):
        digest = sha256(RELEASE).hexdigest()
        kind = "https://slsa.dev/provenance/v1"
        self.upload(
            upstream,
            sigstore.provenance(RELEASE_NAME, digest, Workflow(issuer=own.url), predicate=kind),
        )
        assert "something else than publishing" in refusal()

    def test_one_without_numbers_is_none(self, refusal, upstream, own, sigstore):
        digest = sha256(RELEASE).hexdigest()
        workflow = Workflow(issuer=own.url, changes={"15": "docopt"})
        self.upload(upstream, sigstore.provenance(RELEASE_NAME, digest, workflow))
        assert "names no repository by number" in refusal()

    def test_what_is_no_provenance_is_none(self, refusal, upstream, sigstore):
        self.upload(upstream, {"version": 1, "attestation_bundles": "x"})
        assert "is no provenance" in refusal()

    def test_the_trusted_root_missing_is_our_fault(
        self, *, maintainer, own, docopt, upstream, good, settings
    ):
        settings.AFFINEUR_SIGSTORE_ROOT = "/nowhere/root.json"
        self.upload(upstream, good)
        know("docopt")
        with pytest.raises(EvidenceUnreachable, match="Sigstore's trusted root"):
            run(begin(maintainer, docopt), own)


class TestWorkflowFile:
    def test_it_is_ready_to_be_committed(self, maintainer, docopt):
        proof = begin(maintainer, docopt)
        text = workflow_for(proof)
        assert f"AUDIENCE: {audience_for(proof)}" in text
        assert f"/api/v1/proofs/{proof.pk}/token/" in text
        assert "id-token: write" in text
        assert "$$" not in text
        assert instructions(proof)[0].snippet == text

    def test_its_script_brings_the_token(
        self, *, maintainer, own, publish, live_server, settings, answers
    ):
        """The job's own shell, against a portal that listens and an issuer that gives tokens."""
        settings.AFFINEUR_PUBLIC_URL = live_server.url
        project = publish()
        proof = start_proof(
            user=maintainer,
            project=project,
            method="actions-token",
            facts={},
            by=maintainer,
            at=now(),
        )
        text = workflow_for(proof)
        script = text.split("run: |\n")[1]
        token = own.token(
            audience_for(proof), RUN, exp=int((now() + timedelta(hours=1)).timestamp())
        )
        mint = f"/mint?api-version=2.0&audience={audience_for(proof)}"
        answers.put(mint, {"value": token})
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            env={
                "PATH": os.environ["PATH"],
                "AUDIENCE": audience_for(proof),
                "ADDRESS": f"{live_server.url}/api/v1/proofs/{proof.pk}/token/",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{answers.url}/mint?api-version=2.0",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        proof.refresh_from_db()
        assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")


class TestApi:
    def url(self, proof) -> str:
        return f"/api/v1/proofs/{proof.pk}/token/"

    @pytest.fixture
    def proof(self, maintainer, own, publish) -> Proof:
        return start_proof(
            user=maintainer,
            project=publish(),
            method="actions-token",
            facts={},
            by=maintainer,
            at=now(),
        )

    def token(self, own, proof, **claims) -> str:
        ends = int((now() + timedelta(hours=1)).timestamp())
        return own.token(audience_for(proof), RUN | claims, exp=ends)

    def test_a_workflow_brings_its_token_without_an_account(self, own, proof):
        answer = APIClient().post(self.url(proof), {"token": self.token(own, proof)}, format="json")
        assert (answer.status_code, answer.json()) == (200, {"state": "proven", "refusal": ""})

    def test_it_is_told_why_not(self, own, proof):
        token = self.token(own, proof, event_name="pull_request_target")
        answer = APIClient().post(self.url(proof), {"token": token}, format="json")
        assert answer.status_code == 422
        assert "pull_request_target" in answer.json()["refusal"]

    def test_other_proofs_take_no_token(self, proof, maintainer, docopt):
        other = start_proof(
            user=maintainer,
            project=docopt,
            method="release-challenge",
            facts={},
            by=maintainer,
            at=now(),
        )
        answer = APIClient().post(self.url(other), {"token": "x"}, format="json")
        assert answer.status_code == 404


def test_spent_tokens_are_forgotten_when_they_could_not_be_used_anyway(maintainer, own, publish):
    from portal.ownership.services import recheck_due

    run(begin(maintainer, publish()), own)
    recheck_due(at=AT + timedelta(hours=20))
    assert SpentToken.objects.count() == 1
    recheck_due(at=datetime(2026, 3, 3, tzinfo=UTC))
    assert SpentToken.objects.count() == 0
