import secrets

from django.db import models

from portal.ledger.append_only import AppendOnlyModel


def new_salt() -> str:
    """128 random bits, in hexadecimal."""
    return secrets.token_hex(16)


class Entry(AppendOnlyModel):
    """One act, chained to the entry before it by its hash. Append-only.

    `project` is empty when the act is on none, as when a token is made.

    `hash` is the SHA-256 of the RFC 8785 canonical JSON of all other fields. An entry is
    written in the transaction of its act, and takes its place in the chain (`sequence`,
    `previous_hash`, `hash`) in a transaction of its own right after that: so acts that happen
    at once never wait for each other, and the sequence still has no gap. Triggers of the
    database refuse every other change; a migration that makes this table anew makes them too.
    """

    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="A username, or the machine's part.")
    verb = models.CharField(max_length=64)
    project = models.CharField(max_length=214, db_index=True, blank=True)
    facts = models.JSONField()
    salt = models.CharField(max_length=32, default=new_salt, db_default="", editable=False)
    sequence = models.BigIntegerField(unique=True, null=True, blank=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64, unique=True, null=True, blank=True)  # unique once known

    class Meta:
        ordering = ["pk"]
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sequence=None, hash=None)
                | models.Q(sequence__isnull=False, hash__isnull=False),
                name="entry_sealed_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence or 'unsealed'} {self.verb} {self.project}"


class Head(models.Model):
    """The end of the chain: one row, locked by who adds to it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="head_only_one")]

    def __str__(self) -> str:
        return f"head at {self.sequence}"


class Checkpoint(AppendOnlyModel):
    """What the ledger came to at a moment, signed and published. Append-only.

    Whoever keeps one can tell later that nothing before it was changed or cut off.
    """

    at = models.DateTimeField()
    sequence = models.BigIntegerField(help_text="Entries in the chain.")
    hash = models.CharField(max_length=64, help_text="Of the last of them.")
    envelope = models.JSONField(
        help_text="DSSE envelope of the above (`portal.ledger.checkpoints`)."
    )

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"checkpoint at {self.sequence}"
