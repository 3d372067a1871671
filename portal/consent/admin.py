from django.contrib import admin

from indexes.admin import ReadOnlyAdmin
from portal.consent.models import Consent, Expiry, Revocation, Suspension, Unlisting


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


@admin.register(Unlisting)
class UnlistingAdmin(ReadOnlyAdmin):
    list_display = ["revocation", "user", "files_withdrawn", "unlisted_at"]
    list_select_related = ["revocation__consent__project", "revocation__consent__user", "user"]
    search_fields = ["=revocation__consent__project__name", "=user__username"]


@admin.register(Expiry)
class ExpiryAdmin(ReadOnlyAdmin):
    list_display = ["consent", "files_withheld", "seen_at"]
    list_select_related = ["consent__project", "consent__user"]
    search_fields = ["=consent__project__name"]


@admin.register(Suspension)
class SuspensionAdmin(ReadOnlyAdmin):
    list_display = ["consent", "ground", "suspended_at", "lifted_at", "overruled_at"]
    list_select_related = ["consent__project", "consent__user"]
    search_fields = ["=consent__project__name", "=consent__user__username"]
