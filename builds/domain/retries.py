"""How long a build waits after a fault of the farm."""

from datetime import timedelta

FIRST_DELAY = timedelta(seconds=15)


def retry_delay(faults: int, *, retries: int) -> timedelta | None:
    """How long to wait after the build's `faults`-th fault; None when it is given up.

    >>> [str(retry_delay(n, retries=3)) for n in (1, 2, 3, 4)]
    ['0:00:15', '0:00:30', '0:01:00', 'None']
    """
    if faults > retries:
        return None
    return FIRST_DELAY * (1 << (faults - 1))
