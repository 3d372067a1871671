import uuid

from django.db import models
from django.db.models import Q

from builds.domain.outcomes import Outcome, Turn
from builds.domain.states import AttemptState
from builds.models.build import Build


class Attempt(models.Model):
    """One rung of the ladder, run once by one executor, under one lease."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    build = models.ForeignKey(Build, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    rung = models.CharField(max_length=32)
    step = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="What the rung came to: cutoff and remedies (`builds.domain.ladder`).",
    )
    state = models.CharField(max_length=16, choices=[(s.value, s.label) for s in AttemptState])
    lease_hash = models.CharField(
        max_length=64, unique=True, help_text="SHA-256 of the lease token the builder holds."
    )
    builder = models.CharField(max_length=128, blank=True)
    heartbeat_at = models.DateTimeField(help_text="When the lease was made or last shown.")
    stage = models.CharField(max_length=16, blank=True)
    stages = models.JSONField(
        default=list, help_text='[{"stage", "started_at", "ended_at"}], ISO 8601 UTC.'
    )
    outcome = models.CharField(max_length=48, blank=True)
    message = models.TextField(blank=True)
    evidence = models.TextField(blank=True, help_text="The log line that proves the outcome.")
    report = models.JSONField(
        default=dict, help_text="What the runner found: interpreter, resolved requirements, wheel."
    )
    log_size = models.PositiveBigIntegerField(
        default=0, help_text="Characters of log that were kept."
    )
    is_staged = models.BooleanField(
        default=False, help_text="Whether storage may hold what the builder uploaded."
    )
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(
        null=True, blank=True, help_text="When a builder took it; empty when none did."
    )
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When its builder was done, or was given up."
    )

    class Meta:
        ordering = ["build", "number"]
        constraints = [
            models.UniqueConstraint(fields=["build", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["build"],
                condition=Q(state__in=["leased", "running", "judging"]),
                name="attempt_one_live_per_build",
            ),
        ]
        indexes = [
            models.Index(fields=["builder", "-ended_at"], name="attempt_builder_ended"),
            models.Index(fields=["-ended_at"], name="attempt_ended"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.build}"

    @property
    def turn(self) -> Turn:
        """Who can do something about how it ended: as diagnosed, or else as its outcome has it."""
        if not self.outcome:
            return Turn.NOBODY
        outcome = Outcome(self.outcome)
        diagnosed = self.report.get("diagnosis", {}).get("turn")
        return Turn(diagnosed) if diagnosed and outcome.turn is Turn.PROJECT else outcome.turn


class LogChunk(models.Model):
    """A piece of an attempt's log, in the order the builder wrote it."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="log_chunks")
    sequence = models.PositiveIntegerField()
    stage = models.CharField(max_length=16)
    text = models.TextField()

    class Meta:
        ordering = ["attempt", "sequence"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "sequence"], name="log_chunk_once"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.sequence} of {self.attempt}"
