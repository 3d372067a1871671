"""SQLite's write-ahead log, written back into the database by nobody who waits for it."""

from django.db.backends.base.base import BaseDatabaseWrapper


def write_back(connection: BaseDatabaseWrapper) -> None:
    """Move what the log holds into the database, while others go on reading and writing.

    Left alone, SQLite does so in the commit that makes the log too long, which then waits for the
    disk: tens of milliseconds. PostgreSQL has a process for it.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
