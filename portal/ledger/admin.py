from django.contrib import admin

from indexes.admin import ReadOnlyAdmin
from portal.ledger.models import Entry


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["sequence", "at", "actor", "verb", "project"]
    list_filter = ["verb"]
    search_fields = ["=project", "=actor"]
    ordering = ["-pk"]
