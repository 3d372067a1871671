"""People who act in the same moment, on a database that lets them."""

from portal.consent.services import revoke_consent
from portal.ledger.models import Entry
from portal.ledger.services import record, seal, verify_chain
from portal.requests.models import Request
from portal.requests.services import make_request
from tests.portal.at_once import AT_ONCE, at_once
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

pytestmark = AT_ONCE


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
