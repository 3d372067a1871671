"""SQLite's log goes into the database beside who writes."""

import pytest
from django.db import connections

from indexes.services.write_back import write_back
from portal.settings.base import database_from


@pytest.fixture
def databases(tmp_path, django_db_blocker):
    """Two connections to a file of SQLite's."""
    path = tmp_path / "db.sqlite3"
    settings = connections.configure_settings({"default": database_from(f"sqlite://{path}")})
    opened = [connections.__class__(settings)["default"] for _ in range(2)]
    with django_db_blocker.unblock():
        yield path, *opened
        for each in opened:
            each.close()


def test_the_log_is_written_back_while_somebody_writes(databases):
    path, one, other = databases
    with one.cursor() as cursor:
        cursor.execute("CREATE TABLE written (what)")
        cursor.execute("INSERT INTO written VALUES (zeroblob(1000000))")
        assert path.stat().st_size < 1_000_000
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO written VALUES (1)")
        write_back(other)
        cursor.execute("COMMIT")
    assert path.stat().st_size > 1_000_000
