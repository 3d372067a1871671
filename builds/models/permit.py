import uuid

from django.db import models

from indexes.models import Project


class Permit(models.Model):
    """The machine-readable leave to build and publish that a consent issued.

    `origin` is the issuer's own reference, opaque here. A permit is never edited: it is
    revoked, and another one is issued.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="permits")
    specifiers = models.CharField(
        max_length=255, blank=True, help_text="PEP 440 specifiers; empty means every release."
    )
    targets = models.JSONField(
        default=list, blank=True, help_text="Targets by name; empty means every target."
    )
    channels = models.JSONField(default=list, help_text='What it allows: "build", "publish".')
    origin = models.CharField(max_length=64, db_index=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["project", "issued_at", "pk"]

    def __str__(self) -> str:
        return f"{self.project} {self.specifiers or 'any release'}"
