from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from indexes.models.project import Project


class WatchQuerySet(models.QuerySet["Watch"]):
    def due(self, *, at: datetime) -> Self:
        """Those to be asked for now, the one due longest first."""
        unclaimed = Q(claimed_until=None) | Q(claimed_until__lte=at)
        return self.filter(unclaimed, due_at__lte=at).order_by("due_at", "pk")


class Watch(models.Model):
    """The place of an enrolled project in the schedule of who is asked for when.

    Apart from `Project`, whose rows others hold for long.
    """

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="watch"
    )
    due_at = models.DateTimeField()
    interval_seconds = models.FloatField(help_text="Before it is stretched to fit the budget.")
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then somebody is asking for it."
    )
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    problem = models.TextField(blank=True, help_text="Of the last of them, in words.")
    swept_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last asked for as if nothing were known."
    )
    awaited_serial = models.BigIntegerField(
        null=True, blank=True, help_text="Announced upstream, and not seen on the page yet."
    )
    awaited_at = models.DateTimeField(null=True, blank=True, help_text="When that was announced.")

    objects = WatchQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [models.Index(fields=["due_at"], name="watch_due")]
        verbose_name_plural = "watches"

    def __str__(self) -> str:
        return f"{self.project_id} due at {self.due_at}"


class WatchState(models.Model):
    """What all watchers share: one row, locked by who claims."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    tokens = models.FloatField(default=0, help_text="Requests that may be made now.")
    filled_at = models.DateTimeField()
    strain = models.PositiveIntegerField(default=0)
    strained_at = models.DateTimeField(null=True, blank=True)
    resumes_at = models.DateTimeField(null=True, blank=True)
    stretch = models.FloatField(default=1, help_text="What intervals are multiplied by.")
    kept_at = models.DateTimeField(
        null=True, blank=True, help_text="When the schedule was last put in order."
    )
    root_due_at = models.DateTimeField(null=True, blank=True)
    root_etag = models.CharField(max_length=255, blank=True)
    changelog_due_at = models.DateTimeField(null=True, blank=True)
    changelog_serial = models.BigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="watch_state_only_one")
        ]

    def __str__(self) -> str:
        return f"stretched by {self.stretch}"


class Latency(models.Model):
    """How many changes of a day were on our pages within a bucket of time.

    `indexes.domain.latency` has the buckets.
    """

    day = models.DateField()
    is_yank = models.BooleanField(
        help_text="Whether it turned resolvers away: a yank, a quarantine, a deletion."
    )
    bucket = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["day", "is_yank", "bucket"]
        verbose_name_plural = "latencies"
        constraints = [
            models.UniqueConstraint(fields=["day", "is_yank", "bucket"], name="latency_once")
        ]

    def __str__(self) -> str:
        return f"{self.count} in bucket {self.bucket} on {self.day}"
