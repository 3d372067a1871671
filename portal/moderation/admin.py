from django.contrib import admin

from indexes.admin import ReadOnlyAdmin
from portal.moderation.models import Ban, Case, Decision


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    list_display = ["kind", "state", "project", "assignee", "opened_at", "due_at"]
    list_filter = ["kind", "state"]
    list_select_related = ["project", "assignee"]
    search_fields = ["=project__name"]


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["action", "case", "decided_by", "approved_by", "carried_out_at", "ended_at"]
    list_select_related = [
        "case__project",
        "case__file",
        "case__consent",
        "case__account",
        "decided_by",
        "approved_by",
    ]


@admin.register(Ban)
class BanAdmin(ReadOnlyAdmin):
    list_display = ["account", "banned_at", "lifted_at"]
    list_select_related = ["account"]
    search_fields = ["=account__username"]
