from enum import StrEnum


class Scope(StrEnum):
    """What an API token may do for its user."""

    READ = "read"
    REQUEST = "request"
    CONSENT = "consent"
    ORGANISE = "organise"

    @property
    def label(self) -> str:
        return {
            Scope.READ: "Read what you can see",
            Scope.REQUEST: "Ask for wheels",
            Scope.CONSENT: "Prove ownership, give and take back consent",
            Scope.ORGANISE: "Manage your organisations, their indexes and tokens",
        }[self]
