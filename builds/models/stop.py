from django.db import models

from builds.models.attempt import Attempt


class BuilderStop(models.Model):
    """A builder that is given no jobs because its attempts ended by faults of the farm.

    One row a builder; the empty name is the whole farm. It counts while `until` is set: until
    then nothing is given, and after it one job on trial. `resumed_at` is when it last was let go
    on: faults before that no longer count.
    """

    builder = models.CharField(max_length=128, unique=True, blank=True)
    reason = models.TextField(blank=True)
    stopped_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    trial = models.ForeignKey(
        Attempt, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resumed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["builder"]

    def __str__(self) -> str:
        return self.builder or "the farm"
