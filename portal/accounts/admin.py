from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from indexes.admin import ReadOnlyAdmin
from portal.accounts.models import ApiToken, User
from portal.accounts.services import revoke_token

# The admin's own sign-in knows no second factor: everybody signs in where one is asked for.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]  # takes none at run time
    list_display = ["username", "is_staff", "is_active", "signed_in_for_development"]
    list_filter = ["is_staff", "is_active", "signed_in_for_development"]
    readonly_fields = ["signed_in_for_development", "last_login", "date_joined"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002  # Django's
        """None: somebody else would get the username, and with it what the ledger has of it.

        An account is closed by taking `is_active` from it.
        """
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A user of the development sign-in is given no power: the database refuses it too.

        The ledger names people by their usernames, so nobody is given another.
        """
        fields = super().get_readonly_fields(request, obj)
        if obj is None:
            return fields
        fields = [*fields, "username"]
        if obj.signed_in_for_development:
            return [*fields, "is_staff", "is_superuser", "groups", "user_permissions"]
        return fields


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["name", "prefix", "user", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["user"]
    fields = ["user", "name", "prefix", "scopes", "created_at", "expires_at", "last_used_at"]
    search_fields = ["prefix", "name", "user__username"]
    actions = ["revoke"]

    @admin.action(description="Revoke at once")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        by = request.user
        assert isinstance(by, User)  # noqa: S101  # the admin lets in nobody else
        for token in queryset:
            revoke_token(token=token, by=by, at=timezone.now())
        self.message_user(request, f"Revoked: {queryset.count()}.")
