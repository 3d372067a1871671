from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from indexes.admin import ReadOnlyAdmin
from portal.accounts.models import User
from portal.organisations.models import Invitation, Membership, Organisation
from portal.organisations.services import set_quotas


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """Staff set its quotas; the rest is its owners'."""

    list_display = ["slug", "name", "created_at", "builds_at_once", "cpu_hours", "storage_bytes"]
    fields = ["slug", "name", "created_at", "builds_at_once", "cpu_hours", "storage_bytes"]
    readonly_fields = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:  # noqa: FBT001, ARG002  # Django's
        by = request.user
        assert isinstance(by, User)  # noqa: S101  # the admin lets in nobody else
        set_quotas(
            by=by,
            organisation=obj,
            builds_at_once=obj.builds_at_once,
            cpu_hours=obj.cpu_hours,
            storage_bytes=obj.storage_bytes,
            at=timezone.now(),
        )


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "user", "role", "since"]
    list_select_related = ["organisation", "user"]
    list_filter = ["role"]
    search_fields = ["organisation__slug", "user__username"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "invited", "role", "created_at", "expires_at", "end"]
    list_select_related = ["organisation", "user"]
    list_filter = ["end"]
    search_fields = ["organisation__slug", "user__username"]
