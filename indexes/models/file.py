from typing import Self

from django.db import models

from indexes.domain.licences import EXPRESSION_LENGTH
from indexes.domain.status import Decision, Standing
from indexes.models.project import Project


class FileQuerySet(models.QuerySet["File"]):
    def on_pages(self) -> Self:
        """Those that index pages list."""
        return self.filter(standing__in=[Standing.LISTED, Standing.YANKED])

    def downloadable(self) -> Self:
        return self.exclude(standing=Standing.QUARANTINED)


class File(models.Model):
    """A wheel of ours. Its bytes and its name never change and are never used again.

    `standing` is derived from our own `decision` and `withheld` and from what upstream says of the
    release (`indexes.domain.status.standing_of`); it alone decides where the file is listed.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="files")
    version = models.CharField(max_length=128)
    filename = models.CharField(max_length=255, unique=True)
    build_tag = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, help_text="Also the key of its bytes in storage.")
    size = models.BigIntegerField(help_text="Bytes.")
    source_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Of the sdist that it was built from; empty: it is not known.",
    )
    requires_python = models.CharField(max_length=255, blank=True)
    metadata_sha256 = models.CharField(max_length=64)
    metadata = models.BinaryField(help_text="METADATA as it stands in the wheel (PEP 658).")
    provenance = models.JSONField(help_text="DSSE envelope of the in-toto statement.")
    licence = models.CharField(
        max_length=EXPRESSION_LENGTH,
        blank=True,
        default="",
        db_default="",
        help_text="SPDX expression of its metadata; empty when that is unclear.",
    )
    is_reproducible = models.BooleanField(
        null=True,
        blank=True,
        help_text="Whether it came out the same when it was built again; null: nobody tried.",
    )
    is_to_be_remade = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Yanked by our side, and another build may take its place.",
    )
    build_id = models.UUIDField(unique=True, help_text="The build that made it.")
    published_at = models.DateTimeField()
    decision = models.CharField(
        max_length=16, blank=True, choices=[(d.value, d.label) for d in Decision]
    )
    decision_reason = models.TextField(blank=True)
    withheld = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="Why it is off the pages for now, whatever was decided of it; empty: it is not.",
    )
    standing = models.CharField(
        max_length=16,
        choices=[(s.value, s.label) for s in Standing],
        default=Standing.LISTED.value,
    )
    standing_reason = models.TextField(blank=True)

    objects = FileQuerySet.as_manager()

    class Meta:
        ordering = ["project", "filename"]
        indexes = [
            models.Index(fields=["project", "version"], name="file_release"),
            models.Index(fields=["standing", "project"], name="file_standing"),
        ]

    def __str__(self) -> str:
        return self.filename
