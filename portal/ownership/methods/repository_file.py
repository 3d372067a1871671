"""Default-branch file: a nonce in the repository that the project's metadata links."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from indexes.domain.files import FileKind
from indexes.domain.names import NormalizedName
from indexes.services.refresh import refresh_project
from indexes.upstream import UpstreamInvalid, get_upstream
from portal.ownership.conf import ownership_config
from portal.ownership.github import NotSeen, find_repository, read_file
from portal.ownership.methods.base import (
    VALID_FOR,
    Answer,
    Asked,
    Brought,
    Instruction,
    Lasting,
    lapsed,
    new_challenge,
    still_open,
)
from portal.ownership.models import Proof, ProofState
from portal.ownership.policy import Strength
from portal.ownership.released import metadata_of, newest, texts_of
from portal.ownership.sdists import UnreadableSdist

PATH = ".github/affineur.txt"


class RepositoryFile(Lasting):
    name = "repository-file"
    label = "A file in the linked repository"
    explanation = (
        "You put a code into the default branch of the GitHub repository that the newest"
        " release's metadata links. Anybody can link a repository, so it counts only beside"
        " another proof."
    )
    needs = "The right to write to the repository that the project's metadata links."
    strength = Strength.CORROBORATION
    facts = ()

    def start(self, asked: Asked) -> Answer:
        return Answer(
            ProofState.PENDING,
            refusal=(
                f"It is your turn: commit {PATH} with the code in it to the default branch within"
                f" {VALID_FOR.days} days, then have it checked here."
            ),
            challenge=new_challenge(),
            expires_at=asked.at + VALID_FOR,
        )

    def check(self, proof: Proof, at: datetime, brought: Brought | None) -> Answer:  # noqa: ARG002  # nothing is brought
        upstream = get_upstream()
        refresh_project(name=NormalizedName(proof.project.name), at=at, upstream=upstream)
        file = newest(proof.project, FileKind.SDIST, FileKind.WHEEL)
        try:
            texts = texts_of(file, upstream) if file else None
        except (UnreadableSdist, UpstreamInvalid) as error:
            return still_open(
                proof, f"The newest release of {proof.project} cannot be read: {error}"
            )
        linked = list(_linked(proof, texts.pkg_info)) if texts else []
        if file is None or not linked:
            return still_open(
                proof,
                f"The metadata of {file.filename if file else proof.project} links no GitHub"
                " repository. It is your turn: release with a project URL that does, or choose"
                " another way.",
            )
        for full_name in linked:
            try:
                content = read_file(full_name, PATH).decode("utf-8", "replace")
                repository = find_repository(full_name)
            except NotSeen:
                continue
            if content.strip() == proof.challenge:
                evidence = {
                    "repository": repository.full_name,
                    "repository_id": repository.id,
                    "owner_id": repository.owner_id,
                    "path": PATH,
                    "linked_by": file.filename,
                    "sha256": file.sha256,
                }
                return Answer(ProofState.PROVEN, evidence=evidence)
        return still_open(
            proof,
            f"We looked for {PATH} on the default branch of {', '.join(linked)}, and it does not"
            " hold this code and nothing else. It is your turn: commit it there, not to a fork"
            " and not to a pull request.",
        )

    def recheck(self, proof: Proof, at: datetime) -> Answer:  # noqa: ARG002  # it is now
        name = str(proof.evidence["repository"])
        before = (proof.evidence["repository_id"], proof.evidence["owner_id"])
        try:
            repository = find_repository(name)
        except NotSeen:
            gone = f"There is no repository {name} any more: prove it another way."
            return lapsed(proof, gone, is_doubtful=True)
        if (repository.id, repository.owner_id) == before:
            return Answer(ProofState.PROVEN, evidence=proof.evidence)
        return lapsed(
            proof,
            f"{name} is another repository than the one you wrote to, or has another owner now."
            " It is your turn: prove it again.",
        )

    def instructions(self, proof: Proof) -> Sequence[Instruction]:
        return (
            Instruction(
                f"In {PATH} on the default branch",
                "The code, and nothing else. The file may leave again once this is proven.",
                proof.challenge,
            ),
        )


def _linked(proof: Proof, pkg_info: bytes) -> Iterator[str]:
    """`owner/name` of the repositories that a release's own metadata links, each once."""
    metadata = metadata_of(proof.project, pkg_info)
    if metadata is None:
        return
    host = urlsplit(ownership_config().github_url).netloc
    seen: set[str] = set()
    for url in (*metadata.get("project_urls", {}).values(), metadata.get("home_page", "")):
        parts = urlsplit(url.strip())
        found = re.match(r"/([\w.-]+)/([\w.-]+?)(?:\.git)?(?:/|$)", parts.path)
        if found and parts.netloc.lower() == host and found[0].casefold() not in seen:
            seen.add(found[0].casefold())
            yield f"{found[1]}/{found[2]}"
