from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from portal.ledger.models import Entry


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # takes none at run time
    """To look at: what may change is changed by services."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002  # Django's
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["sequence", "at", "actor", "verb", "project"]
    list_filter = ["verb"]
    search_fields = ["=project", "=actor"]
    ordering = ["-pk"]
    show_full_result_count = False
