from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from portal.accounts.models import User
from portal.accounts.services import may_act


class AccountBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth publishes no types
    """Passwords and sessions of accounts that may act here.

    Django asks it at every request: a development user's session is nobody's in production.
    """

    def user_can_authenticate(self, user: AbstractBaseUser | AnonymousUser | None) -> bool:
        return isinstance(user, User) and may_act(user)
