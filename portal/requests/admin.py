from django.contrib import admin

from indexes.admin import ReadOnlyAdmin
from portal.requests.models import Request


@admin.register(Request)
class RequestAdmin(ReadOnlyAdmin):
    list_display = ["project", "specifiers", "user", "is_petition", "created_at", "planned_at"]
    list_filter = ["is_petition"]
    list_select_related = ["project", "user"]
    search_fields = ["=project__name", "=user__username"]
