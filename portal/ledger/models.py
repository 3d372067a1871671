from django.db import models


class Entry(models.Model):
    """One act on one project, chained to the entry before it by its hash. Append-only.

    `hash` is the SHA-256 of the RFC 8785 canonical JSON of all other fields.
    """

    sequence = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="A username, or the machine's part.")
    verb = models.CharField(max_length=64)
    project = models.CharField(max_length=214, db_index=True)
    facts = models.JSONField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["sequence"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.sequence} {self.verb} {self.project}"
