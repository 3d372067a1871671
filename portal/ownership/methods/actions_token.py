"""Actions token: a workflow of the repository that publishes the project shows who it is.

The token is GitHub's, for our audience with a nonce in it, and good once. It counts when it
comes from the repository, by number, and from the workflow of the project's newest attestation
that verifies: who can change that workflow can publish the project.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from string import Template

from portal.ownership.conf import ownership_config
from portal.ownership.github import NotSeen, find_repository
from portal.ownership.methods.base import (
    VALID_FOR,
    Answer,
    Asked,
    Brought,
    Instruction,
    Lasting,
    Spent,
    lapsed,
    new_challenge,
    still_open,
)
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.provenance import NoAttestation, Publisher, newest_publisher
from portal.ownership.tokens import BadToken, Token, read_token

EVENTS = frozenset({"workflow_dispatch", "push", "release"})
"""Events that only people who can write to the repository set off."""

_WORKFLOW = Path(__file__).with_name("actions_token.yml")


class NotConvinced(Exception):
    """The token is GitHub's and for us, and shows something else; the message says what to do."""


class ActionsToken(Lasting):
    name = "actions-token"
    label = "A run of the workflow that publishes it"
    explanation = (
        "You add a small job to the GitHub workflow that publishes the project, and run it once."
        " GitHub then tells us, signed, which repository and workflow that was, and we compare"
        " it with the attestation of your newest release. No secret is needed or sent."
    )
    needs = (
        "A release that GitHub Actions attested (Trusted Publishing, PEP 740), and the right to"
        " change and run the workflow that did."
    )
    strength = Strength.SUFFICIENT
    facts = ()

    def start(self, asked: Asked) -> Answer:
        return Answer(
            ProofState.PENDING,
            refusal=(
                "No token has come yet. It is your turn: run the workflow below within"
                f" {VALID_FOR.days} days."
            ),
            challenge=new_challenge(),
            expires_at=asked.at + VALID_FOR,
        )

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:
        raw = brought.facts.get("token", "") if brought else ""
        if not raw:
            return still_open(proof, proof.refusal)
        try:
            token = read_token(raw, at=at)
        except BadToken as error:
            return still_open(
                proof,
                f"The token that came cannot be used: {error}. It is your turn: run the workflow"
                " again, as it stands below; every run gets a new token.",
            )
        spent = Spent(token.issuer, token.jti, token.expires_at)
        try:
            _verify_is_for_us(token, proof)
            publisher = newest_publisher(proof.project, at=at)
            _hold_against(token, publisher)
        except (NotConvinced, NoAttestation) as error:
            return still_open(proof, str(error), spent)
        return Answer(
            ProofState.PROVEN,
            evidence=publisher.as_evidence()
            | {
                name: token.text(name)
                for name in ("workflow_ref", "event_name", "ref", "sha", "actor", "run_id", "jti")
            },
            spent=spent,
        )

    def recheck(self, proof: Proof, at: datetime) -> Answer:
        before = (proof.evidence["repository_id"], proof.evidence["owner_id"])
        try:
            now = newest_publisher(proof.project, at=at)
        except NoAttestation as error:
            return lapsed(proof, str(error), is_doubtful=True)
        if (now.repository_id, now.owner_id) == before:
            return Answer(ProofState.PROVEN, evidence=proof.evidence)
        return lapsed(
            proof,
            f"{proof.project} is published from {now.repository} now, which is another repository"
            " or has another owner than the one you proved it with. It is your turn: run the"
            " workflow there.",
        )

    def instructions(self, proof: Proof) -> Sequence[Instruction]:
        return (
            Instruction(
                "Add the job to the workflow that publishes",
                "Copy the job affineur into that file: it then runs with your next release. To"
                " start it by hand instead, add workflow_dispatch to the file's triggers as well,"
                " and keep the jobs that upload from running then. In a file of its own it shows"
                " nothing, unless that is the file that publishes.",
                workflow_for(proof),
            ),
        )


def audience_for(proof: Proof) -> str:
    """What the token has to be for: us, and this one proof."""
    return f"{ownership_config().public_url}/{proof.challenge}"


def workflow_for(proof: Proof) -> str:
    """The workflow file, ready to be committed."""
    address = f"{ownership_config().public_url}/api/v1/proofs/{proof.pk}/token/"
    return Template(_WORKFLOW.read_text()).substitute(
        project=proof.project.name, audience=audience_for(proof), address=address
    )


def _verify_is_for_us(token: Token, proof: Proof) -> None:
    if token.audience == audience_for(proof):
        return
    ours = f"{ownership_config().public_url}/"
    if isinstance(token.audience, str) and token.audience.startswith(ours):
        raise NotConvinced(
            "The token that came is for the code of another proof. It is your turn: run the"
            f" workflow with the audience {audience_for(proof)}; the code is your own, for"
            f" {proof.project} alone."
        )
    raise NotConvinced(
        f"The token that came is for {token.audience!r}, not for us. It is your turn: ask GitHub"
        f" for one with the audience {audience_for(proof)}, as the workflow below does."
    )


def _hold_against(token: Token, publisher: Publisher) -> None:
    """That the run was of the repository and the workflow that published. Raises `NotConvinced`."""
    name = token.text("repository")
    if token.text("repository_id") != publisher.repository_id:
        raise NotConvinced(_other_repository(name, token.text("repository_id"), publisher))
    if token.text("repository_owner_id") != publisher.owner_id:
        raise NotConvinced(
            f"{name} belongs to another owner since {publisher.filename} was published. It is"
            " your turn: publish a release from there, then run the workflow again."
        )
    event = token.text("event_name")
    if event not in EVENTS:
        raise NotConvinced(
            f"The run was set off by {event or 'nothing we know'}, which people from outside can"
            f" do. It is your turn: run it by one of {', '.join(sorted(EVENTS))}."
        )
    _verify_workflow(token, name, publisher)
    _verify_ref(token.text("ref"), name, publisher)


def _other_repository(name: str, number: str, publisher: Publisher) -> str:
    if name.casefold() == publisher.repository.casefold():
        return (
            f"The repository that is called {name} now (number {number}) is not the one that"
            f" published {publisher.filename} (number {publisher.repository_id}): that was renamed"
            " or deleted, and its name given to another. It is your turn: run the workflow where"
            " the project lives now, or publish a release from here first."
        )
    return (
        f"The token comes from {name} (number {number}), and {publisher.filename} was published"
        f" from {publisher.repository} (number {publisher.repository_id}). A fork shows nothing"
        f" about the project. It is your turn: run the workflow in {publisher.repository}."
    )


def _verify_workflow(token: Token, name: str, publisher: Publisher) -> None:
    ran, _, _ = token.text("workflow_ref").removeprefix(f"{name}/").partition("@")
    if ran != publisher.workflow:
        raise NotConvinced(
            f"The run was of {ran or 'no workflow we know'}, and {publisher.filename} was published"
            f" by {publisher.workflow}. It is your turn: add the job to {publisher.workflow}."
        )
    if token.text("job_workflow_ref") != token.text("workflow_ref"):
        raise NotConvinced(
            f"The job is defined in {token.text('job_workflow_ref') or 'another file'}, which"
            f" {publisher.workflow} only calls. It is your turn: put the job into"
            f" {publisher.workflow} itself."
        )


def _verify_ref(ref: str, name: str, publisher: Publisher) -> None:
    """The branch or tag of the run: the one that published, a tag where tags do, or the default."""
    of_tags = publisher.ref.startswith("refs/tags/") and ref.startswith("refs/tags/")
    if ref == publisher.ref or of_tags:
        return
    try:
        default = f"refs/heads/{find_repository(name).default_branch}"
    except NotSeen:
        default = ""
    if ref != default:
        raise NotConvinced(
            f"The run was of {ref or 'no branch'}, which is neither the default branch of {name}"
            f" nor what {publisher.filename} was published from. It is your turn: run the"
            " workflow on the default branch."
        )
