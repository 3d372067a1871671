from django.db import models

from builds.domain.learnt import STAGES, RemedyKind
from builds.domain.outcomes import Turn


class LearntRule(models.Model):
    """A rule of diagnosis that staff added, beside those in `builds.domain.diagnosis`."""

    code = models.SlugField(max_length=48, unique=True)
    pattern = models.CharField(max_length=300, help_text="See `builds.domain.learnt`.")
    stage = models.CharField(max_length=16, choices=[(s, s) for s in STAGES])
    turn = models.CharField(max_length=16, choices=[(t.value, t.label) for t in Turn])
    explanation = models.TextField()
    remedy = models.CharField(
        max_length=32, blank=True, choices=[(k.value, k.label) for k in RemedyKind]
    )
    argument = models.CharField(max_length=200, blank=True, help_text="Of the remedy.")
    by = models.CharField(max_length=150, help_text="Who added it; opaque here.")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return self.code
