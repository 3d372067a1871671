"""What people are told about cases that concern them."""

from collections.abc import Iterable
from datetime import datetime

from django.core.signing import Signer
from django.urls import reverse

from portal.accounts.models import User
from portal.moderation.models import Decision
from portal.notices.kinds import Kind
from portal.notices.services import notify

_SIGNER = Signer(salt="portal.moderation.decision")


def announce(decision: Decision, *, people: Iterable[User], text: str, at: datetime) -> None:
    """Tell each of `people`: what happened, whose turn it is, what to do.

    The page that it leads to opens without a sign-in: who is banned cannot sign in.
    """
    for person in people:
        notify(
            kind=Kind.MODERATED,
            project=decision.case.project,
            about={
                "message": text,
                "path": reverse(
                    "web:decision-by-key", args=[decision.pk, key_of(decision, person)]
                ),
            },
            people=[person],
            at=at,
        )


def key_of(decision: Decision, person: User) -> str:
    """What shows, without a sign-in, that somebody is the person who was told."""
    signed = _SIGNER.signature(f"{decision.pk}:{person.pk}")
    return f"{person.pk}-{signed}"


def person_of_key(decision: Decision, key: str) -> int | None:
    """Whose key it is; None for one that we did not make."""
    number, _, _ = key.partition("-")
    if not number.isdecimal() or not number.isascii() or len(number) > len(str(2**63)):
        return None
    person = User(pk=int(number))
    return person.pk if key == key_of(decision, person) else None
