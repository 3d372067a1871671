"""Which build goes first."""

_STEP = 1000


REPLAYED = -1
"""What nobody asks for now: a failure that runs again because a rule or a recipe is new."""


def build_priority(*, asked: int, age: int) -> int:
    """Higher runs first: by how much it was asked for, and then the newer release.

    `age` is how many newer releases the project has.

    >>> build_priority(asked=0, age=0) > build_priority(asked=0, age=1)
    True
    >>> build_priority(asked=1, age=5000) > build_priority(asked=0, age=0)
    True
    >>> build_priority(asked=0, age=5000) > build_priority(asked=REPLAYED, age=0)
    True
    """
    return asked * _STEP - min(age, _STEP - 1)
