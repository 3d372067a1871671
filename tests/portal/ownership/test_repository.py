"""What a repository on GitHub shows: a role on the one that publishes, a file in the one linked."""

from hashlib import sha256

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken

from portal.errors import EvidenceUnreachable, ProofMethodClosed, ProofNeeded
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import check_proof, has_proof, instructions, prove
from tests.portal.ownership.sigstore_kit import Workflow
from tests.portal.people import AT, LATER, consent, know

pytestmark = pytest.mark.django_db

ISSUER = "https://issuer.example"
RELEASE = "docopt-0.6.3.tar.gz"
ALICE = 31


@pytest.fixture(autouse=True)
def github(settings, answers):
    """GitHub sign-in is set up; docopt/docopt is repository 1001 of owner 501."""
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {}}
    settings.AFFINEUR_ACTIONS_ISSUER = ISSUER
    answers.repository("docopt/docopt", 1001, 501)
    answers.collaborator("docopt/docopt", "alice", ALICE, "admin")
    answers.roles("docopt", alice="Owner")
    return answers


@pytest.fixture
def attested(docopt, upstream, sigstore):
    def publish(**changes):
        digest = sha256(b"x").hexdigest()
        workflow = Workflow(issuer=ISSUER, **changes)
        upstream.add_file(
            "docopt",
            RELEASE,
            b"x",
            uploaded_at=AT,
            provenance=sigstore.provenance(RELEASE, digest, workflow),
        )
        return know("docopt")

    publish()
    return publish


@pytest.fixture
def alice(maintainer):
    """The maintainer, signed in with GitHub."""
    account = SocialAccount.objects.create(
        user=maintainer, provider="github", uid=str(ALICE), extra_data={"login": "alice"}
    )
    SocialToken.objects.create(account=account, token="gho_alice")
    return maintainer


def look(user, project, method="attested-repository", **facts) -> Proof:
    return prove(user=user, project=project, method=method, facts=facts, at=AT, is_at_session=True)


class TestAttestedRepository:
    def test_with_a_role_upstream_it_is_enough(self, alice, docopt, attested, github):
        proof = look(alice, docopt)
        assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
        assert proof.evidence["role"] == "admin"
        assert proof.evidence["github_user_id"] == "31"
        asked = [token for path, token in github.seen if path.startswith("/repos/")]
        assert set(asked) == {"Bearer gho_alice"}
        assert has_proof(user=alice, project=docopt, at=LATER) is None
        look(alice, docopt, "upstream-roles", account="alice")
        assert has_proof(user=alice, project=docopt, at=LATER)
        assert consent(alice, docopt)

    def test_alone_it_is_not_enough(self, alice, docopt, attested):
        look(alice, docopt)
        with pytest.raises(ProofNeeded) as error:
            consent(alice, docopt)
        assert error.value.would_do[0] != []
        assert ["upstream-roles"] in error.value.would_do

    @pytest.mark.parametrize("role", ["write", "triage", "read", "release-team"])
    def test_a_lesser_role_is_refused(self, alice, docopt, attested, github, role):
        github.collaborator("docopt/docopt", "alice", ALICE, role)
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert f"is {role}, and admin or maintain" in proof.refusal

    def test_maintain_will_do(self, alice, docopt, attested, github):
        github.collaborator("docopt/docopt", "alice", ALICE, "maintain")
        assert look(alice, docopt).state == ProofState.PROVEN

    def test_an_account_of_the_same_name_is_refused(self, alice, docopt, attested, github):
        """Alice left GitHub, and somebody else is called alice there now."""
        github.collaborator("docopt/docopt", "alice", 99, "admin")
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert "is another than the one you signed in with" in proof.refusal
        assert "sign in with GitHub again" in proof.refusal

    def test_a_repository_registered_again_under_its_name_is_refused(
        self, alice, docopt, attested, github
    ):
        github.repository("docopt/docopt", 6666, 501)
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert "its name given to another" in proof.refusal
        assert "publish a release from where the project lives now" in proof.refusal

    def test_a_renamed_one_is_followed(self, alice, docopt, attested, github):
        github.put("/repos/docopt/docopt", {}, status=301, location="/repositories/1001")
        github.put(
            "/repositories/1001",
            {
                "id": 1001,
                "full_name": "docopt/docopt-ng",
                "owner": {"id": 501},
                "default_branch": "main",
            },
        )
        github.collaborator("docopt/docopt-ng", "alice", ALICE, "admin")
        proof = look(alice, docopt)
        assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
        assert proof.evidence["repository_now"] == "docopt/docopt-ng"

    def test_one_that_was_given_away_is_refused(self, alice, docopt, attested, github):
        github.repository("docopt/docopt", 1001, 777)
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert "belongs to another owner" in proof.refusal

    def test_without_a_verified_attestation_it_is_refused(self, alice, docopt, sigstore):
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert "Trusted Publishing" in proof.refusal

    def test_who_is_not_signed_in_with_github_is_told_to(self, maintainer, docopt, attested):
        proof = look(maintainer, docopt)
        assert proof.state == ProofState.REFUSED
        assert "sign in with GitHub" in proof.refusal

    def test_a_repository_that_github_hides_is_refused(self, alice, docopt, attested, github):
        github.take("/repos/docopt/docopt")
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert "shows no repository docopt/docopt" in proof.refusal

    def test_a_person_without_a_role_is_refused(self, alice, docopt, attested, github):
        github.take("/repos/docopt/docopt/collaborators/alice/permission")
        proof = look(alice, docopt)
        assert proof.state == ProofState.REFUSED
        assert "tells no role of alice" in proof.refusal

    @pytest.mark.parametrize(
        ("status", "body"), [(500, {}), (429, {}), (403, {"message": "API rate limit exceeded"})]
    )
    def test_a_github_that_is_busy_decides_nothing(
        self, *, alice, docopt, attested, github, status, body
    ):
        github.put("/repos/docopt/docopt", body, status=status)
        with pytest.raises(EvidenceUnreachable):
            look(alice, docopt)
        assert alice.proofs.get().state == ProofState.PENDING

    def test_where_github_is_not_set_up_it_is_closed(self, alice, docopt, settings):
        settings.SOCIALACCOUNT_PROVIDERS = {}
        with pytest.raises(ProofMethodClosed, match="has not set up GitHub sign-in"):
            look(alice, docopt)


class TestRepositoryFile:
    @pytest.fixture
    def linked(self, docopt, upstream):
        """A release whose metadata links the repository."""

        def release(*urls: str):
            links = "".join(f"Project-URL: Source, {url}\n" for url in urls)
            metadata = f"Metadata-Version: 2.1\nName: docopt\nVersion: 0.6.4\n{links}"
            upstream.add_sdist("docopt", "0.6.4", files={"PKG-INFO": metadata}, uploaded_at=AT)
            return know("docopt")

        return release

    def put(self, github, text: str, repository: str = "docopt/docopt") -> None:
        from base64 import encodebytes

        body = {
            "type": "file",
            "encoding": "base64",
            "content": encodebytes(text.encode()).decode(),
        }
        github.put(f"/repos/{repository}/contents/.github/affineur.txt", body)

    def test_the_code_on_the_default_branch_is_seen(self, maintainer, linked, github):
        project = linked("https://github.example/docopt/docopt.git")
        proof = look(maintainer, project, "repository-file")
        assert instructions(proof)[0].snippet == proof.challenge
        self.put(github, f"{proof.challenge}\n")
        proof = check_proof(proof=proof, at=LATER)
        assert (proof.state, proof.refusal) == (ProofState.PROVEN, "")
        assert proof.evidence["repository_id"] == "1001"
        assert proof.evidence["linked_by"] == "docopt-0.6.4.tar.gz"

    def test_it_lets_nobody_in_alone(self, maintainer, linked, github):
        project = linked("https://github.example/docopt/docopt")
        proof = look(maintainer, project, "repository-file")
        self.put(github, proof.challenge)
        check_proof(proof=proof, at=LATER)
        assert has_proof(user=maintainer, project=project, at=LATER) is None

    @pytest.mark.parametrize("url", ["https://elsewhere.example/docopt/docopt", "x", ""])
    def test_without_a_link_it_says_what_to_do(self, maintainer, linked, url):
        project = linked(url)
        proof = look(maintainer, project, "repository-file")
        proof = check_proof(proof=proof, at=LATER)
        assert proof.state == ProofState.PENDING
        assert "links no GitHub repository" in proof.refusal
        assert "release with a project URL" in proof.refusal

    def test_the_code_in_a_fork_is_not_seen(self, maintainer, linked, github):
        project = linked("https://github.example/docopt/docopt")
        proof = look(maintainer, project, "repository-file")
        github.repository("mallory/docopt", 9, 8)
        self.put(github, proof.challenge, "mallory/docopt")
        proof = check_proof(proof=proof, at=LATER)
        assert proof.state == ProofState.PENDING
        assert "not to a fork" in proof.refusal

    def test_the_code_of_another_person_is_not_mine(self, maintainer, stranger, linked, github):
        project = linked("https://github.example/docopt/docopt")
        theirs = look(maintainer, project, "repository-file")
        mine = look(stranger, project, "repository-file")
        self.put(github, theirs.challenge)
        assert check_proof(proof=mine, at=LATER).state == ProofState.PENDING
