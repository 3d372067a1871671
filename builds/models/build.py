import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery

from builds.domain.outcomes import FARM_FAULTS
from builds.domain.states import LIVE, BuildState
from builds.models.permit import Permit
from indexes.models import Project


class BuildQuerySet(models.QuerySet["Build"]):
    def claimable(self, *, at: datetime) -> Self:
        """Queued and due, in the order in which builders should get them.

        Until one build of a release has ended in a wheel or a failure, no second one of that
        release runs beside it: its wheel may serve the others, or its failure be theirs.
        """
        siblings = Build.objects.filter(project=OuterRef("project"), version=OuterRef("version"))
        has_concluded = Exists(
            siblings.filter(state__in=[BuildState.PUBLISHED.value, BuildState.FAILED.value])
        )
        has_begun = Exists(siblings.filter(state__in=[s.value for s in LIVE - {BuildState.QUEUED}]))
        return (
            self.filter(state=BuildState.QUEUED.value)
            .filter(Q(not_before=None) | Q(not_before__lte=at))
            .alias(has_begun=has_begun)
            .annotate(has_concluded=has_concluded)
            .filter(Q(has_concluded=True) | Q(has_begun=False))
            .order_by("-priority", "queued_at", "pk")
        )

    def standing_failures(self) -> Self:
        """Projects' failures that are the newest word on their release and target."""
        same = Build.objects.filter(
            project=OuterRef("project"), version=OuterRef("version"), target=OuterRef("target")
        )
        newest = same.order_by("-queued_at", "-pk").values("pk")[:1]
        return self.filter(state=BuildState.FAILED.value, pk=Subquery(newest)).exclude(
            outcome__in=FARM_FAULTS
        )


class Build(models.Model):
    """One (release, target) to bring to an outcome. This table is the queue of record."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="builds")
    version = models.CharField(max_length=128)
    target = models.CharField(
        max_length=64, help_text="A target's name: cp312-manylinux_2_36_x86_64"
    )
    key = models.CharField(
        max_length=64, help_text="SHA-256 of all that goes in (`builds.domain.keys`)."
    )
    recipe = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Digest of what the project's recipe adds to it, which is part of the key.",
    )
    remakes = models.CharField(
        max_length=255,
        blank=True,
        default="",
        db_default="",
        help_text="The yanked file of ours whose place its wheel takes; it is part of the key.",
    )
    permit = models.ForeignKey(Permit, on_delete=models.PROTECT, related_name="builds")
    state = models.CharField(
        max_length=16,
        choices=[(s.value, s.label) for s in BuildState],
        default=BuildState.QUEUED.value,
    )
    priority = models.IntegerField(default=0, help_text="Higher runs first.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="A retry waits until then.")

    sdist_filename = models.CharField(max_length=255)
    sdist_url = models.TextField()
    sdist_sha256 = models.CharField(max_length=64)
    sdist_size = models.BigIntegerField(null=True, blank=True, help_text="Bytes.")
    sdist_uploaded_at = models.DateTimeField(null=True, blank=True)

    outcome = models.CharField(
        max_length=48,
        blank=True,
        help_text="A code of `builds.domain.outcomes`; empty until ended.",
    )
    message = models.TextField(blank=True, help_text="The outcome in words, for people.")
    cause = models.CharField(
        max_length=400,
        blank=True,
        default="",
        db_default="",
        help_text="What a project's failure has in common with others; empty unless it failed.",
    )
    covered_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="covers"
    )
    filename = models.CharField(max_length=255, blank=True, help_text="Of the file it published.")
    queued_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    has_concluded: bool
    """Whether a build of the release had ended; only on what `claimable` gives."""

    objects = BuildQuerySet.as_manager()

    class Meta:
        ordering = ["-queued_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="build_key_once"),
            models.UniqueConstraint(
                fields=["project", "version", "target"],
                condition=Q(state__in=["queued", "claimed", "running", "judging"]),
                name="build_one_live_per_target",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "-priority", "queued_at"], name="build_queue"),
            models.Index(fields=["project", "version"], name="build_release"),
            models.Index(fields=["cause"], name="build_cause", condition=~Q(cause="")),
        ]

    def __str__(self) -> str:
        return f"{self.project}=={self.version} for {self.target}"
