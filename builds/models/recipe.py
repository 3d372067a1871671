from django.db import models

from indexes.models import Project


class RecipeEdit(models.Model):
    """One version of a project's recipe, by its owner. The newest is in force.

    An empty text takes the owner's recipe back: the house's, if there is one, is in force again.
    `by` is the author's own reference, opaque here.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="recipe_edits")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True, help_text="TOML (`builds.domain.recipes`).")
    by = models.CharField(max_length=150)
    reason = models.TextField(help_text="Why it was changed.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="recipe_version_once"),
        ]

    def __str__(self) -> str:
        return f"recipe {self.version} of {self.project}"
