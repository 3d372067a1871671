"""What somebody who owns the database can do: switch the ledger's triggers off, and write."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models
from django.db.models import QuerySet

TABLES = ("ledger_entry", "ledger_checkpoint")


@contextmanager
def unguarded() -> Iterator[None]:
    """Without triggers until the block ends."""
    _guard(is_on=False)
    try:
        yield
    finally:
        _guard(is_on=True)


def rewrite(model: type[models.Model], where: dict[str, Any], **values: Any) -> None:
    with unguarded():
        QuerySet(model).filter(**where).update(**values)


def erase(model: type[models.Model], **where: Any) -> None:
    with unguarded():
        QuerySet(model).filter(**where)._raw_delete(using="default")  # noqa: SLF001


def _guard(*, is_on: bool) -> None:
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        connection.connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, is_on)
        return
    with connection.cursor() as cursor:
        for table in TABLES:
            act = "ENABLE" if is_on else "DISABLE"
            cursor.execute(f"ALTER TABLE {table} {act} TRIGGER USER")
