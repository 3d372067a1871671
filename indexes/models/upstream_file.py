from django.db import models

from indexes.domain.files import FileKind
from indexes.models.project import Project


class UpstreamFile(models.Model):
    """One file of upstream's project page, field by field (simple API 1.4)."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="upstream_files")
    filename = models.CharField(max_length=255)
    version = models.CharField(
        max_length=128,
        blank=True,
        help_text="Normalised (PEP 440); empty when the filename has none we can parse.",
    )
    kind = models.CharField(max_length=8, choices=[(k.value, k.label) for k in FileKind])
    url = models.TextField()
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(null=True, blank=True, help_text="Bytes.")
    uploaded_at = models.DateTimeField(null=True, blank=True)
    requires_python = models.TextField(blank=True)
    is_yanked = models.BooleanField(default=False)
    yanked_reason = models.TextField(blank=True)
    has_metadata = models.BooleanField(
        default=False, help_text="Whether upstream has a `.metadata` file for it (PEP 658)."
    )
    metadata_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of that file, where upstream says it."
    )
    provenance_url = models.TextField(blank=True)

    class Meta:
        ordering = ["project", "filename"]
        constraints = [
            models.UniqueConstraint(fields=["project", "filename"], name="upstream_file_once"),
        ]
        indexes = [models.Index(fields=["project", "version"], name="upstream_file_release")]

    def __str__(self) -> str:
        return self.filename
