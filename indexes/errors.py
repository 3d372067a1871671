"""Expected errors of the index floor; `code` is stable, facts are attributes."""


class IndexesError(Exception):
    """Base of what can be expected to go wrong; the message says what to do."""

    code = "indexes-error"
