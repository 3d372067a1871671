"""The database itself refuses to rewrite the ledger, whoever asks."""

import pytest
from django.db import DatabaseError, connection, transaction

from portal.ledger.models import Checkpoint, Entry
from portal.ledger.services import record, seal
from tests.portal.people import AT
from tests.portal.tampering import unguarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> Entry:
    return record(actor="ada", verb="tested", project="docopt", facts={"a": 1}, at=AT)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint.objects.create(at=AT, sequence=1, hash="a" * 64, envelope={})


def execute(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def is_refused(statement: str) -> bool:
    with pytest.raises(DatabaseError, match="the ledger is written once"):
        execute(statement)
    return True


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET actor = 'eve'",
        "UPDATE ledger_entry SET facts = '{}'",
        "UPDATE ledger_entry SET at = '2030-01-01'",
        "UPDATE ledger_entry SET salt = ''",
        "UPDATE ledger_entry SET sequence = NULL, hash = NULL",
        "UPDATE ledger_entry SET hash = 'x'",
        "DELETE FROM ledger_entry",
    ],
)
def test_an_entry_that_is_chained_stays_as_it_is(entry, statement):
    seal()
    assert is_refused(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET actor = 'eve'",
        "UPDATE ledger_entry SET actor = 'eve', sequence = 1, hash = 'x'",
        "UPDATE ledger_entry SET id = 99, sequence = 1, hash = 'x'",
        "DELETE FROM ledger_entry",
    ],
)
def test_an_entry_that_waits_for_its_place_is_given_that_and_no_more(entry, statement):
    assert is_refused(statement)
    seal()
    entry.refresh_from_db()
    assert entry.sequence == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger_checkpoint SET sequence = 0", "DELETE FROM ledger_checkpoint"]
)
def test_a_checkpoint_stays(checkpoint, statement):
    assert is_refused(statement)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", ["ledger_entry", "ledger_checkpoint"])
def test_neither_table_is_emptied(table):
    assert is_refused(f"TRUNCATE {table}")


def test_who_owns_the_database_can_switch_the_guards_off(entry):
    with unguarded():
        execute("UPDATE ledger_entry SET actor = 'eve'")
    assert is_refused("UPDATE ledger_entry SET actor = 'mallory'")
    assert Entry.objects.get().actor == "eve"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "again"])
def test_a_test_that_commits_leaves_nothing_behind(time):
    assert not Entry.objects.exists()
    record(actor="ada", verb="tested", project="docopt", facts={}, at=AT)
    assert is_refused("DELETE FROM ledger_entry")
