"""The queue, for operators to read. What moves a build is a service, not a form."""

from django.contrib import admin

from builds.models import (
    Attempt,
    Build,
    BuilderStop,
    LearntRule,
    Permit,
    RecipeEdit,
    Replay,
)
from indexes.admin import ReadOnlyAdmin


@admin.register(Permit)
class PermitAdmin(ReadOnlyAdmin):
    list_display = ["project", "specifiers", "channels", "origin", "issued_at", "revoked_at"]
    list_select_related = ["project"]
    search_fields = ["project__name", "origin"]


@admin.register(Build)
class BuildAdmin(ReadOnlyAdmin):
    list_display = ["project", "version", "target", "state", "outcome", "queued_at", "not_before"]
    list_filter = ["state", "outcome"]
    list_select_related = ["project"]
    search_fields = ["project__name", "filename"]


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["build", "number", "rung", "state", "stage", "outcome", "builder", "created_at"]
    list_filter = ["state", "outcome"]
    list_select_related = ["build__project"]
    search_fields = ["build__project__name", "builder"]
    exclude = ["lease_hash"]


@admin.register(RecipeEdit)
class RecipeEditAdmin(ReadOnlyAdmin):
    list_display = ["project", "version", "by", "reason", "created_at"]
    list_select_related = ["project"]
    search_fields = ["project__name", "by"]


@admin.register(LearntRule)
class LearntRuleAdmin(ReadOnlyAdmin):
    list_display = ["code", "pattern", "remedy", "argument", "by", "created_at", "retired_at"]
    search_fields = ["code", "pattern"]


@admin.register(Replay)
class ReplayAdmin(ReadOnlyAdmin):
    list_display = ["cause", "subject", "by", "created_at"]
    search_fields = ["subject", "by"]


@admin.register(BuilderStop)
class BuilderStopAdmin(ReadOnlyAdmin):
    list_display = ["builder", "stopped_at", "until", "resumed_at", "reason"]
