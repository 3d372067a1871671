"""Consent as code: the scope that a project's newest sdist states, which a consent may narrow.

The table names nobody, so it is read for whoever proves the project by other means. What it said,
and the hash of the sdist that said it, stay with the consents that were given beside it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from builds.domain.planning import parse_specifiers
from indexes.models import Project
from portal.consent.models import Consent
from portal.errors import InvalidConsent
from portal.ownership.methods.consent_as_code import ConsentAsCode
from portal.ownership.owners import proofs_that_count


@dataclass(frozen=True, slots=True)
class FileScope:
    """What the `[tool.affineur]` table of one sdist allows."""

    filename: str
    sha256: str
    channels: tuple[str, ...]
    specifiers: str

    def allows(self, *, channels: list[str], specifiers: str) -> bool:
        """Whether a scope is the same or narrower: it keeps every bound, and may add some.

        >>> said = FileScope("x-1.tar.gz", "0" * 64, ("build",), ">=1")
        >>> said.allows(channels=["build"], specifiers="<3,>=1")
        True
        >>> said.allows(channels=["build"], specifiers=">=2")
        False
        """
        bounds = {str(bound) for bound in parse_specifiers(self.specifiers)}
        kept = {str(bound) for bound in parse_specifiers(specifiers)}
        return set(channels) <= set(self.channels) and bounds <= kept


def scope_in_file(project: Project, *, at: datetime) -> FileScope | None:
    """What the sdist says that was looked at last; None where none says anything now."""
    said = proofs_that_count(at=at).filter(project=project, method=ConsentAsCode.name)
    proof = said.order_by("-rechecked_at", "-proven_at", "pk").first()
    if proof is None:
        return None
    found = proof.evidence
    return FileScope(
        filename=found["filename"],
        sha256=found["sha256"],
        channels=tuple(found["scope"]["channels"]),
        specifiers=found["scope"]["specifiers"],
    )


def bound_to_file(draft: Consent, *, why_wider: str, at: datetime) -> dict[str, Any]:
    """What is to stay with the consent of what the file said: empty where it says nothing.

    Raises `InvalidConsent` for a scope that is wider than the file's and does not say why.
    """
    said = scope_in_file(draft.project, at=at)
    if said is None:
        return {}
    is_wider = not said.allows(channels=draft.channels, specifiers=draft.specifiers)
    why_wider = why_wider.strip()
    if is_wider and not why_wider:
        releases = said.specifiers or "every release"
        problem = (
            f"{said.filename} allows to {' and '.join(said.channels)}, of {releases}, and this is"
            " wider. It is your turn: narrow it (keep the file's bounds, and add to them), say why"
            " it is wider, or release a file that says so."
        )
        raise InvalidConsent(draft.project.name, "why_wider", problem)
    kept = {"channels": list(said.channels), "why_wider": why_wider if is_wider else ""}
    return asdict(said) | kept
