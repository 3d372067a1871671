import uuid

from django.db import models

from indexes.domain.curation import Rules
from indexes.domain.licences import EXPRESSION_LENGTH


class CuratedIndex(models.Model):
    """An organisation's own choice of projects, and its rules. Who that is is not known here.

    `tenant` and `slug` are its address, `/o/<tenant>/<slug>/simple/`, and stay what they are.
    """

    tenant = models.CharField(max_length=40)
    slug = models.CharField(max_length=40)
    is_private = models.BooleanField(default=False)
    projects = models.JSONField(default=list, help_text="Their names, normalised, in order.")
    licences = models.JSONField(
        default=list, blank=True, help_text="SPDX licences that are allowed; none allows any."
    )
    reproducible_only = models.BooleanField(default=False)
    min_age_days = models.PositiveIntegerField(default=0)
    without_superseded = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["tenant", "slug"]
        verbose_name_plural = "curated indexes"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="curated_index_once"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}/{self.slug}"

    @property
    def rules(self) -> Rules:
        return Rules(
            licences=tuple(self.licences),
            reproducible_only=self.reproducible_only,
            min_age_days=self.min_age_days,
            without_superseded=self.without_superseded,
        )


class ReaderToken(models.Model):
    """Lets its bearer read every index of one tenant; only its hash is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.CharField(max_length=40, db_index=True)
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, help_text="By which people tell it apart.")
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class ReleaseLicence(models.Model):
    """What the metadata of a release upstream says of its licence."""

    project = models.CharField(max_length=214, help_text="Its name, normalised.")
    version = models.CharField(max_length=128, help_text="Normalised (PEP 440).")
    expression = models.CharField(
        max_length=EXPRESSION_LENGTH, blank=True, help_text="SPDX; empty when it is unclear."
    )
    stated_in = models.CharField(max_length=255, help_text="The file whose metadata says so.")
    read_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="release_licence_once"),
        ]

    def __str__(self) -> str:
        return f"{self.project} {self.version}: {self.expression or 'unclear'}"
