from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.http import Http404, HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth publishes no types
    """Passwords are for administrators: nobody signs up with one outside development."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's
        return bool(settings.AFFINEUR_DEVELOPMENT)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # as above
    """Who comes from a provider we trust gets an account."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:  # noqa: ARG002
        return True

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Who leaves the address out gets none, whatever the provider gave."""
        if form and not form.cleaned_data.get("email"):
            sociallogin.user.email = ""
            sociallogin.email_addresses = []
        return super().save_user(request, sociallogin, form)

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        """A way of signing in that this deployment has not set up is no address of ours."""
        from allauth.socialaccount.models import SocialApp  # noqa: PLC0415  # needs the apps loaded

        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist as error:
            raise Http404 from error
