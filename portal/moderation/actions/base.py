"""What an action is: what it would do, doing it, and the way back."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from portal.accounts.models import User
from portal.moderation.actions.names import DESTRUCTIVE, IRREVERSIBLE, ActionName
from portal.moderation.models import Case, Decision
from portal.moderation.people import owners_of

type Effects = Mapping[str, Any]
"""JSON: what the way back needs to know."""


class Action(ABC):
    """One kind of thing that moderators do. It is run inside the transaction of a service."""

    name: ClassVar[ActionName]
    way_back: ClassVar[str]
    """What undoing it does, in a sentence."""

    @property
    def needs_second(self) -> bool:
        return self.name in DESTRUCTIVE

    @property
    def is_reversible(self) -> bool:
        return self.name not in IRREVERSIBLE

    @abstractmethod
    def fits(self, case: Case) -> bool:
        """Whether there is something in the case that it could be done to."""

    @abstractmethod
    def will(self, case: Case, *, at: datetime) -> list[str]:
        """What would happen now, in sentences with numbers; changes nothing."""

    @abstractmethod
    def carry_out(self, decision: Decision, *, at: datetime) -> Effects:
        """Do it, through the services of whoever owns what it touches."""

    def undo(self, decision: Decision, *, at: datetime) -> None:  # noqa: B027  # most have something
        """Put back what it changed and nobody has changed since; nothing where nothing is left."""

    def told(self, case: Case, *, at: datetime) -> Collection[User]:
        """Whom it concerns, besides those who reported."""
        return owners_of(case, at=at)


def decided_at(case: Case, action: ActionName) -> datetime | None:
    """When it was decided in the case, while that stands: what came later nobody has judged."""
    standing = case.decisions.filter(ended_at=None, action=action.value)
    return standing.values_list("decided_at", flat=True).first()


def counted(number: int, noun: str, plural: str = "") -> str:
    """How many of what.

    >>> counted(1, "wheel"), counted(1200, "wheel"), counted(0, "person", "people")
    ('1 wheel', '1,200 wheels', '0 people')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
