"""Acts in the same moment, on a database that lets them be."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections

AT_ONCE = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "sqlite",
        reason="the tests' SQLite lives in memory, where threads share one connection's locks",
    ),
]


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each gave or raised; all begin together."""
    barrier = threading.Barrier(len(acts))
    results: list[object] = []

    def run(act: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results.append(act())
        except Exception as error:  # noqa: BLE001  # a result like any other
            results.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
