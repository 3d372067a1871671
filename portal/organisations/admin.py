from django.contrib import admin

from portal.ledger.admin import ReadOnlyAdmin
from portal.organisations.models import Invitation, Membership, Organisation


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    list_display = ["slug", "name", "created_at"]
    fields = ["slug", "name", "created_at"]
    search_fields = ["slug", "name"]


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
