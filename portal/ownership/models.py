import uuid

from django.conf import settings
from django.db import models

from indexes.models import Project


class ProofState(models.TextChoices):
    PENDING = "pending", "Waiting for evidence"
    PROVEN = "proven", "Proven"
    REFUSED = "refused", "Refused"
    EXPIRED = "expired", "Expired"
    LAPSED = "lapsed", "Lapsed"


class Proof(models.Model):
    """Evidence that an account controls a project upstream.

    `method` names a module of `portal.ownership.methods`; `evidence` is that method's own
    record of what it saw, and where. A proof lapses when a later look finds that what it was
    seen by is gone, and counts again when that is back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="proofs"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="proofs")
    method = models.CharField(max_length=32)
    state = models.CharField(
        max_length=16, choices=ProofState.choices, default=ProofState.PENDING.value
    )
    challenge = models.CharField(max_length=128, blank=True)
    evidence = models.JSONField(default=dict)
    refusal = models.TextField(blank=True, help_text="Why the last check did not convince.")
    is_for_development = models.BooleanField(
        default=False, help_text="Made on a development deployment; marked for ever."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    proven_at = models.DateTimeField(null=True, blank=True)
    rechecked_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last tried to look whether it still holds."
    )
    doubted_at = models.DateTimeField(
        null=True, blank=True, help_text="When its ground first seemed gone, and may not be."
    )

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.user} of {self.project} by {self.method}"


class SpentToken(models.Model):
    """A token that was shown once and is worth nothing any more (`jti`, RFC 7519 section 4.1.7)."""

    issuer = models.CharField(max_length=255)
    jti = models.CharField(max_length=255)
    expires_at = models.DateTimeField(help_text="The token's own end: forgotten after that.")

    class Meta:
        ordering = ["expires_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "jti"], name="token_spent_once"),
        ]

    def __str__(self) -> str:
        return self.jti
