import uuid

from django.db import models

from builds.models.build import Build


class Replay(models.Model):
    """Failures that were made to run again because a rule, a recipe or the toolchain is new."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cause = models.CharField(max_length=16, help_text="rule, recipe or toolchain.")
    subject = models.CharField(max_length=214, help_text="A rule's code, a project, a toolchain.")
    by = models.CharField(max_length=150, help_text="Who asked for it; opaque here.")
    created_at = models.DateTimeField()
    explained = models.PositiveIntegerField(
        default=0, help_text="Failures that a rule now explains, and that no rung can help."
    )

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"replay for {self.cause} {self.subject}"


class Replayed(models.Model):
    """A build that a replay queued, and what its failure was called before."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="replayed")
    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="replayed")
    before = models.CharField(max_length=64, help_text="Code of its diagnosis, or its outcome.")

    class Meta:
        ordering = ["replay", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["replay", "build"], name="replayed_once"),
        ]

    def __str__(self) -> str:
        return f"{self.build} in {self.replay}"
