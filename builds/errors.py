"""Expected errors of the building floor; `code` is stable, facts are attributes."""


class BuildsError(Exception):
    """Base of what can be expected to go wrong; the message says what to do."""

    code = "builds-error"
