"""Rows of this floor for staff to look at. Services alone write them."""

from typing import Any, override

from django.contrib import admin
from django.http import HttpRequest

from indexes.models import (
    CuratedIndex,
    File,
    Page,
    Project,
    ReaderToken,
    ReleaseLicence,
    UpstreamFile,
)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg] # generic in the stubs alone
    show_full_result_count = False

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    list_display = ("name", "status", "is_enrolled", "verified_at", "changed_at")
    list_filter = ("status", "is_enrolled")
    search_fields = ("name",)


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    list_display = ("filename", "project", "version", "standing", "published_at")
    list_filter = ("standing",)
    list_select_related = ("project",)
    search_fields = ("filename", "sha256")
    exclude = ("metadata",)


@admin.register(UpstreamFile)
class UpstreamFileAdmin(ReadOnlyAdmin):
    list_display = ("filename", "project", "version", "kind", "is_yanked")
    list_filter = ("kind", "is_yanked")
    list_select_related = ("project",)
    search_fields = ("filename",)


@admin.register(Page)
class PageAdmin(ReadOnlyAdmin):
    list_display = ("path", "media_type", "etag", "rendered_at")
    list_filter = ("media_type",)
    search_fields = ("path",)
    exclude = ("body", "gzip_body", "zstd_body")


@admin.register(CuratedIndex)
class CuratedIndexAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "is_private", "changed_at")
    list_filter = ("is_private",)
    search_fields = ("tenant", "slug")


@admin.register(ReaderToken)
class ReaderTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "tenant", "created_at", "last_used_at", "revoked_at")
    fields = ("tenant", "name", "prefix", "created_at", "expires_at", "last_used_at", "revoked_at")
    search_fields = ("tenant", "name", "prefix")


@admin.register(ReleaseLicence)
class ReleaseLicenceAdmin(ReadOnlyAdmin):
    list_display = ("project", "version", "expression", "stated_in")
    search_fields = ("project", "version")
