"""People and what they do first, for tests of the portal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from allauth.mfa.models import Authenticator

from builds.models import Build, Permit
from indexes.domain.names import NormalizedName
from indexes.models import File, Project
from indexes.services.refresh import refresh_project
from portal.accounts.models import User
from portal.consent.agreements import needed_for
from portal.consent.models import Consent
from portal.consent.services import give_consent
from portal.organisations.models import Membership, Organisation
from portal.organisations.services import accept_invitation, invite
from portal.ownership.models import Proof
from portal.ownership.services import review_proof, start_proof

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
CP313 = "cp313-manylinux_2_36_x86_64"
CP312 = "cp312-manylinux_2_36_x86_64"


def make_user(name: str, **fields: Any) -> User:
    return User.objects.create(username=name, **fields)


def make_administrator(name: str = "root") -> User:
    user = make_user(name, is_staff=True, is_superuser=True)
    add_factor(user)
    return user


def add_factor(user: User) -> None:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})


def know(name: str, at: datetime = AT) -> Project:
    """The project, as upstream has it now."""
    return refresh_project(name=NormalizedName(name), at=at)


REVIEW = {"reason": "Seen on the project's own page.", "evidence": "https://x.example/about"}


def prove(user: User, project: Project, administrator: User, at: datetime = AT) -> Proof:
    """A review by the administrator and by another."""
    other = User.objects.filter(username="second").first() or make_administrator("second")
    review_proof(user=user, project=project, facts=REVIEW, by=administrator, at=at)
    return review_proof(user=user, project=project, facts=REVIEW, by=other, at=at)


def attest(user: User, project: Project, at: datetime = AT) -> Proof:
    """Their own word, which counts on a development deployment only."""
    return start_proof(
        user=user,
        project=project,
        method="attestation",
        facts={"reason": "Mine."},
        by=user,
        at=at,
    )


def all_accepted(channels: Sequence[str] = ("build", "publish")) -> list[dict[str, Any]]:
    """Every clause of every text that a consent to these takes, and what is promised with it."""
    return [
        {
            "name": text.name,
            "sha256": text.sha256,
            "clauses": [] if text.is_promise else text.clause_ids,
        }
        for text in needed_for(channels)
    ]


def consent(user: User, project: Project, at: datetime = AT, **changes: Any) -> Consent:
    """A consent to everything, unless `changes` say otherwise."""
    terms: dict[str, Any] = {
        "capacity": "owner",
        "accepted": all_accepted(),
        "specifiers": "",
        "covers_new_releases": True,
        "targets": [],
        "channels": ["build", "publish"],
        "expires_at": None,
        "licence_expression": "MIT",
        "licence_seen_in": "License of docopt-0.6.2.tar.gz",
    }
    return give_consent(user=user, project=project, at=at, **(terms | changes))


def add_member(
    *, by: User, organisation: Organisation, username: str, role: str, at: datetime
) -> Membership:
    """Invite somebody, who accepts."""
    invitation = invite(by=by, organisation=organisation, whom=username, role=role, at=at)
    user = User.objects.get(username=username)
    return accept_invitation(user=user, invitation=invitation, at=at)


def publish(build: Build, at: datetime = AT) -> File:
    """As if the farm had built and published it: rows only."""
    tag = build.target.replace("-", f"-{build.target.partition('-')[0]}-", 1)
    file = File.objects.create(
        project=build.project,
        version=build.version,
        filename=f"{build.project.name.replace('-', '_')}-{build.version}-1affineur-{tag}.whl",
        build_tag="1affineur",
        sha256=uuid4().hex * 2,
        size=1,
        metadata_sha256="0" * 64,
        metadata=b"",
        provenance={},
        build_id=build.pk,
        published_at=at,
    )
    Build.objects.filter(pk=build.pk).update(
        state="published", outcome="built", filename=file.filename, ended_at=at
    )
    return file


def live_permits(project: Project) -> Sequence[Permit]:
    return Permit.objects.filter(project=project, revoked_at=None)
