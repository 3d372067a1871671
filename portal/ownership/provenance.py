"""The attestations of a project's files (PEP 740): whose workflow published the newest of them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pypi_attestations import (
    Attestation,
    AttestationError,
    AttestationType,
    GitHubPublisher,
    Provenance,
)
from sigstore.errors import Error as SigstoreError
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier, policy

from indexes.domain.names import NormalizedName
from indexes.models import Project, UpstreamFile
from indexes.services.refresh import refresh_project
from portal.errors import EvidenceUnreachable
from portal.ownership.conf import ownership_config
from portal.ownership.fetching import fetch_json

MAX_FILES = 6
"""Files whose attestations are verified in one look, the newest first."""

# Fulcio's extensions, all strings in DER.
_SOURCE_REPOSITORY = "1.3.6.1.4.1.57264.1.12"
_SOURCE_REF = "1.3.6.1.4.1.57264.1.14"
_SOURCE_REPOSITORY_ID = "1.3.6.1.4.1.57264.1.15"
_SOURCE_OWNER_ID = "1.3.6.1.4.1.57264.1.17"
_BUILD_CONFIG = "1.3.6.1.4.1.57264.1.18"


@dataclass(frozen=True, slots=True)
class Publisher:
    """The repository and workflow that published a file, as its certificate says.

    The numbers are GitHub's and never used again; names are given to others when they get free.
    """

    repository_id: str
    owner_id: str
    repository: str
    """`owner/name` as it was called then."""
    workflow: str
    """Path in the repository, such as `.github/workflows/release.yml`."""
    ref: str
    filename: str
    sha256: str

    def as_evidence(self) -> dict[str, Any]:
        return {
            "repository_id": self.repository_id,
            "owner_id": self.owner_id,
            "repository": self.repository,
            "workflow": self.workflow,
            "attested_file": self.filename,
            "attested_sha256": self.sha256,
        }


class NoAttestation(Exception):
    """No file has one that verifies; the message says why, and what an honest maintainer does."""


def newest_publisher(project: Project, *, at: datetime) -> Publisher:
    """Who published the newest file that has an attestation which verifies, as upstream is now.

    Raises `NoAttestation`, `EvidenceUnreachable`, and what the index floor raises when upstream
    does not answer. Sigstore's trusted root may be fetched.
    """
    # Nobody follows a project without a consent: what we know of it may be years old.
    refresh_project(name=NormalizedName(project.name), at=at)
    attested = project.upstream_files.exclude(provenance_url="").order_by("-uploaded_at", "-pk")
    files = list(attested[:MAX_FILES])
    if not files:
        raise NoAttestation(
            f"No file of {project} upstream has an attestation (PEP 740). It is your turn: publish"
            " a release by Trusted Publishing, which attests it, or choose another way."
        )
    problems: list[str] = []
    for file in files:
        try:
            return publisher_of(file)
        except VerificationFailed as error:
            problems.append(f"{file.filename}: {error}")
    raise NoAttestation(
        f"The attestations of {project} do not verify ({'; '.join(problems)}). A file that"
        " nobody vouches for proves nothing: publish a release by Trusted Publishing from GitHub"
        " Actions, or choose another way."
    )


class VerificationFailed(Exception):
    """One file's attestations show no publisher; the message says why."""


def publisher_of(file: UpstreamFile) -> Publisher:
    """Raises `VerificationFailed`, `EvidenceUnreachable`."""
    answer = fetch_json(file.provenance_url, what=f"the attestations of {file.filename}")
    try:
        provenance = Provenance.model_validate(answer.json)
    except ValidationError as error:
        raise VerificationFailed("upstream's answer is no provenance") from error
    problem = "it has no attestation by GitHub Actions"
    for bundle in provenance.attestation_bundles:
        publisher = bundle.publisher
        if not isinstance(publisher, GitHubPublisher):
            continue
        for attestation in bundle.attestations:
            try:
                return _verified(attestation, publisher, file)
            except VerificationFailed as error:
                problem = str(error)
    raise VerificationFailed(problem)


def _verified(
    attestation: Attestation, publisher: GitHubPublisher, file: UpstreamFile
) -> Publisher:
    config = ownership_config()
    source = f"{config.github_url}/{publisher.repository}"
    identity = policy.AllOf(
        [
            policy.OIDCIssuerV2(config.actions_issuer),
            policy.OIDCSourceRepositoryURI(source),
        ]
    )
    try:
        _verifier(config.sigstore_root).verify_dsse(attestation.to_bundle(), identity)
        claims = attestation.certificate_claims
        statement = attestation.statement
    except (SigstoreError, AttestationError, ValueError) as error:
        raise VerificationFailed(str(error)) from error
    _hold_against(statement, file)
    workflow, _, _ = claims.get(_BUILD_CONFIG, "").removeprefix(f"{source}/").partition("@")
    seen = Publisher(
        repository_id=claims.get(_SOURCE_REPOSITORY_ID, ""),
        owner_id=claims.get(_SOURCE_OWNER_ID, ""),
        repository=claims[_SOURCE_REPOSITORY].removeprefix(f"{config.github_url}/"),
        workflow=workflow,
        ref=claims.get(_SOURCE_REF, ""),
        filename=file.filename,
        sha256=file.sha256,
    )
    if not (seen.repository_id.isdigit() and seen.owner_id.isdigit() and seen.workflow):
        raise VerificationFailed("its certificate names no repository by number")
    return seen


def _hold_against(statement: dict[str, Any], file: UpstreamFile) -> None:
    """That the statement is about this file and no other (PEP 740, in-toto Statement v1)."""
    match statement:
        case {
            "subject": [{"name": str(name), "digest": {"sha256": str(sha256)}}],
            "predicateType": str(kind),
        } if (name, sha256) == (file.filename, file.sha256):
            if kind != AttestationType.PYPI_PUBLISH_V1.value:
                raise VerificationFailed("it attests something else than publishing")
        case _:
            raise VerificationFailed("it is about another file")


def _verifier(root: Path | None) -> Verifier:
    """Sigstore's rules against the trusted root. Raises `EvidenceUnreachable`."""
    try:
        if root:
            return _own(root, root.stat().st_mtime_ns)
        return _public(datetime.now(UTC).date())
    except (SigstoreError, OSError, ValueError) as error:
        raise EvidenceUnreachable("Sigstore's trusted root", type(error).__name__) from error


@lru_cache(maxsize=1)
def _own(root: Path, changed_at: int) -> Verifier:  # noqa: ARG001  # read again once it changed
    return Verifier(trusted_root=TrustedRoot.from_file(str(root)))


@lru_cache(maxsize=1)
def _public(day: date) -> Verifier:  # noqa: ARG001  # keys are added: fetched again every day
    return Verifier.production()
