"""What the people of a project have to be told: one way to say it, for whoever delivers it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from indexes.models import Project
from portal.accounts.models import User
from portal.ownership.models import Proof
from portal.ownership.owners import owners_ever
from portal.ownership.signals import announced


class Topic(StrEnum):
    PROOF_LAPSING = "proof-lapsing"
    PROOF_LAPSED = "proof-lapsed"
    PROOF_RESTORED = "proof-restored"
    CONSENT_SUSPENDED = "consent-suspended"
    CONSENT_RESTORED = "consent-restored"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One thing that happened to a project, for each of `people`."""

    topic: Topic
    project: Project
    people: tuple[User, ...]
    text: str
    """What happened, whose turn it is, what to do: whole sentences, without markup."""
    facts: Mapping[str, Any]
    at: datetime


def announce(
    topic: Topic,
    *,
    project: Project,
    people: Iterable[User],
    text: str,
    facts: Mapping[str, Any],
    at: datetime,
) -> None:
    """Tell `people` and everybody else who ever was an owner of the project, each once.

    That a proof may lapse is told to `people` only.
    """
    others = () if topic is Topic.PROOF_LAPSING else owners_ever(project)
    everybody = {person.pk: person for person in (*people, *others)}
    announced.send(
        Proof,
        announcement=Announcement(
            topic=topic,
            project=project,
            people=tuple(everybody.values()),
            text=text,
            facts=facts,
            at=at,
        ),
    )
