from django.db import models

from portal.ledger.append_only import AppendOnlyModel


class Entry(AppendOnlyModel):
    """One act on one project, chained to the entry before it by its hash. Append-only.

    `hash` is the SHA-256 of the RFC 8785 canonical JSON of all other fields. An entry is
    written in the transaction of its act, and takes its place in the chain (`sequence`,
    `previous_hash`, `hash`) in a transaction of its own right after that: so acts that happen
    at once never wait for each other, and the sequence still has no gap.
    """

    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="A username, or the machine's part.")
    verb = models.CharField(max_length=64)
    project = models.CharField(max_length=214, db_index=True)
    facts = models.JSONField()
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
