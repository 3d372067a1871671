from django.contrib import admin

from indexes.admin import ReadOnlyAdmin
from portal.consent.models import Consent, Revocation, Suspension


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ["project", "user", "capacity", "specifiers", "channels", "given_at"]
    list_select_related = ["project", "user"]
    search_fields = ["=project__name", "=user__username"]


@admin.register(Revocation)
class RevocationAdmin(ReadOnlyAdmin):
    list_display = ["consent", "user", "afterwards", "revoked_at"]
    list_select_related = ["consent__project", "consent__user", "user"]
    search_fields = ["=consent__project__name", "=user__username"]


@admin.register(Suspension)
class SuspensionAdmin(ReadOnlyAdmin):
    list_display = ["consent", "ground", "suspended_at", "grace_until", "withdrawn_at", "lifted_at"]
    list_select_related = ["consent__project", "consent__user"]
    search_fields = ["=consent__project__name", "=consent__user__username"]
