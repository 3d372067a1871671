"""People who act in the same moment, on a database that lets them."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections

from portal.consent.services import revoke_consent
from portal.ledger.models import Entry
from portal.ledger.services import record, seal, verify_chain
from portal.requests.models import Request
from portal.requests.services import make_request
from tests.portal.people import (
    AT,
    CP313,
    LATER,
    consent,
    know,
    make_administrator,
    make_user,
    prove,
)

pytestmark = [
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


def test_the_ledger_has_no_gap_and_no_fork(db):
    def write() -> None:
        for number in range(5):
            record(actor="a", verb="tested", project="docopt", facts={"n": number}, at=AT)

    assert at_once(*[write] * 4) == [None] * 4
    seal()
    sequences = Entry.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 21))
    assert verify_chain() is None


def test_a_consent_ends_once(upstream):
    maintainer, docopt = make_user("maintainer"), know("docopt")
    prove(maintainer, docopt, make_administrator())
    given = consent(maintainer, docopt)

    def revoke() -> object:
        return revoke_consent(
            consent=given, user=maintainer, afterwards="keep", reason="", at=LATER
        )

    results = at_once(*[revoke] * 3)
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["ConsentEnded", "ConsentEnded", "Revocation"]
    assert verify_chain() is None


def test_an_equal_request_is_kept_once(upstream):
    person = make_user("person")
    know("docopt")

    def ask() -> object:
        return make_request(
            user=person,
            project_name="docopt",
            specifiers="",
            targets=[CP313],
            reason="",
            at=AT,
        )

    results = at_once(*[ask] * 4)
    assert set(results) == {Request.objects.get()}
