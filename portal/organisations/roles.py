"""What a member of an organisation may do there."""

from collections.abc import Mapping
from enum import StrEnum


class Act(StrEnum):
    VIEW = "view"
    REQUEST = "request"
    CURATE = "curate"
    """Indexes, their rules, and the tokens that read them."""
    ADMIT = "admit"
    """Members and their roles."""

    @property
    def label(self) -> str:
        return {
            Act.VIEW: "See its indexes",
            Act.REQUEST: "Ask for wheels in its name",
            Act.CURATE: "Change its indexes and tokens",
            Act.ADMIT: "Change its members",
        }[self]


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    REQUESTER = "requester"
    VIEWER = "viewer"

    @property
    def label(self) -> str:
        return self.value.capitalize()

    @property
    def acts(self) -> frozenset[Act]:
        return _ACTS[self]


_ACTS: Mapping[Role, frozenset[Act]] = {
    Role.OWNER: frozenset(Act),
    Role.MANAGER: frozenset({Act.VIEW, Act.REQUEST, Act.CURATE}),
    Role.REQUESTER: frozenset({Act.VIEW, Act.REQUEST}),
    Role.VIEWER: frozenset({Act.VIEW}),
}


def roles_with(act: Act) -> list[str]:
    """Those that have an act, as rows and messages have them."""
    return [role.value for role in Role if act in role.acts]


ROLES = [(role.value, role.label) for role in Role]
