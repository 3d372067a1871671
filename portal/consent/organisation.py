"""One yes for several projects of an organisation upstream, as far as upstream tells which.

Upstream says of a project which organisation owns it, and of no organisation which projects it
has. So those are offered that somebody here has proven and upstream says are of the same
organisation. Each still takes the person's own proof, and is a consent of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from indexes.models import Project
from portal.accounts.models import User
from portal.consent.facts import unended_consents
from portal.consent.models import Consent
from portal.consent.services import give_consent
from portal.errors import NoOrganisation, PortalError
from portal.ownership.models import Proof
from portal.ownership.owners import proofs_that_count
from portal.ownership.roles import roles_upstream
from portal.ownership.services import has_proof


@dataclass(frozen=True, slots=True)
class Sibling:
    """A project of the same organisation, and whether the person can consent for it now."""

    project: Project
    is_proven: bool
    has_consent: bool


@dataclass(frozen=True, slots=True)
class Given:
    """What came of one project of a yes to several: a consent, or why there is none."""

    project: str
    consent: Consent | None
    problem: str = ""


def organisation_of(project: Project, *, at: datetime) -> str:
    """As upstream said when somebody proved the project last; empty when it named none."""
    return next(
        (
            name
            for name in map(_organisation, proofs_that_count(at=at).filter(project=project))
            if name
        ),
        "",
    )


def siblings_of(project: Project, *, user: User, at: datetime) -> list[Sibling]:
    """The projects of its organisation that we know of, itself among them, by name.

    Raises `NoOrganisation`.
    """
    organisation = organisation_of(project, at=at)
    if not organisation:
        raise NoOrganisation(project.name)
    proofs = proofs_that_count(at=at).select_related("project").order_by("project__name", "pk")
    same = {proof.project for proof in proofs if _organisation(proof) == organisation}
    return [
        Sibling(
            each,
            is_proven=has_proof(user=user, project=each, at=at) is not None,
            has_consent=unended_consents(each, at=at).exists(),
        )
        for each in sorted(same, key=lambda one: one.name)
    ]


def consent_for_organisation(
    *,
    user: User,
    project: Project,
    names: Sequence[str],
    licences: Mapping[str, str],
    at: datetime,
    **terms: Any,
) -> list[Given]:
    """Give a consent for each of the projects named, on the same terms (of `give_consent`).

    Upstream is asked again, now, whether each is of the organisation; `licences` are by project,
    because each has its own. One that cannot be given says why, and the others are. Raises
    `NoOrganisation`.
    """
    organisation = organisation_of(project, at=at)
    known = {each.project.name: each.project for each in siblings_of(project, user=user, at=at)}
    given = []
    for name in dict.fromkeys(names):
        try:
            _verify_organisation(known.get(name), name, organisation)
            with transaction.atomic():
                consent = give_consent(
                    user=user,
                    project=known[name],
                    licence_expression=licences.get(name, ""),
                    at=at,
                    **terms,
                )
        except PortalError as error:
            given.append(Given(name, None, str(error)))
        else:
            given.append(Given(name, consent))
    return given


def _verify_organisation(project: Project | None, name: str, organisation: str) -> None:
    roles = roles_upstream(project.name) if project else None
    if roles is None or roles.organization != organisation:
        raise NoOrganisation(name)


def _organisation(proof: Proof) -> str:
    """That owned the project when it was proven, by the snapshot that the proof holds."""
    snapshot = proof.evidence.get("upstream")
    name = snapshot.get("organization") if isinstance(snapshot, dict) else ""
    return name if isinstance(name, str) else ""
