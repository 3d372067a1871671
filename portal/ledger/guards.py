"""Triggers that let nobody rewrite the ledger, whatever client they use.

An entry is written, then takes its place in the chain once; a checkpoint is written. Nothing else
is let through. Who owns the tables can drop a trigger: then the chain and the checkpoints tell.
"""

from collections.abc import Sequence

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SAID = ("id", "at", "actor", "verb", "project", "facts", "salt")
"""What an entry says; of its columns, only those of the chain are filled in later."""

_REFUSAL = "the ledger is written once"
_WHOLE = {"ledger_entry": SAID, "ledger_checkpoint": ()}


def install(editor: BaseDatabaseSchemaEditor) -> None:
    """Guard both tables. Runs again after a migration that makes one of them anew (SQLite)."""
    for statement in _statements(editor.connection.vendor):
        editor.execute(statement, params=None)


def remove(editor: BaseDatabaseSchemaEditor) -> None:
    for statement in _removals(editor.connection.vendor):
        editor.execute(statement, params=None)


def _statements(vendor: str) -> Sequence[str]:
    if vendor == "postgresql":
        return _postgresql()
    return [
        f"CREATE TRIGGER {table}_{act} BEFORE {act.upper()} ON {table} {condition}"
        f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        for table, said in _WHOLE.items()
        for act, condition in (("update", _sqlite_condition(said)), ("delete", ""))
    ]


def _sqlite_condition(said: Sequence[str]) -> str:
    if not said:
        return ""
    changes = " OR ".join(f'NEW."{column}" IS NOT OLD."{column}"' for column in said)
    return f"WHEN OLD.sequence IS NOT NULL OR NEW.sequence IS NULL OR {changes}"


def _postgresql() -> Sequence[str]:
    columns = ", ".join(f'{{0}}."{column}"' for column in SAID)
    changes = f"({columns.format('NEW')}) IS DISTINCT FROM ({columns.format('OLD')})"
    return [
        (
            "CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
        ),
        (
            "CREATE TRIGGER ledger_entry_update BEFORE UPDATE ON ledger_entry FOR EACH ROW"
            f" WHEN (OLD.sequence IS NOT NULL OR NEW.sequence IS NULL OR {changes})"
            " EXECUTE FUNCTION ledger_refuse()"
        ),
        (
            "CREATE TRIGGER ledger_entry_delete BEFORE DELETE ON ledger_entry FOR EACH ROW"
            " EXECUTE FUNCTION ledger_refuse()"
        ),
        (
            "CREATE TRIGGER ledger_checkpoint_update BEFORE UPDATE OR DELETE ON ledger_checkpoint"
            " FOR EACH ROW EXECUTE FUNCTION ledger_refuse()"
        ),
        *(
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
            " EXECUTE FUNCTION ledger_refuse()"
            for table in _WHOLE
        ),
    ]


def _removals(vendor: str) -> Sequence[str]:
    if vendor == "postgresql":
        return ["DROP FUNCTION ledger_refuse() CASCADE"]
    return [f"DROP TRIGGER {table}_{act}" for table in _WHOLE for act in ("update", "delete")]
