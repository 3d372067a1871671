"""Who an API request is from, and what its token allows."""

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from portal.accounts.models import ApiToken, User
from portal.accounts.scopes import Scope
from portal.accounts.services import authenticate_token

if TYPE_CHECKING:
    # At run time `rest_framework.views` loads this module first.
    from rest_framework.views import APIView


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer aff_…`; anything else in that header is answered with 401."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        token = authenticate_token(
            secret=secret.strip().decode(errors="replace"), at=timezone.now()
        )
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown, expired or revoked, or its user may not act here."
                " Make another one on your account page."
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  # the framework's
        return 'Bearer realm="affineur"'


class HasScope(BasePermission):
    """A token needs the view's `required_scope` to act, and `read` to read.

    People at a session have every scope; so has nobody at all: whether one must be signed in is
    for another permission to say. A view that acts and names no scope is closed to tokens.
    """

    message = "This token's scopes do not allow that: make one with the scope it needs."
    scope: Scope | None = None

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        needed = self.scope or getattr(view, "required_scope", None)
        if request.method in SAFE_METHODS:
            needed = Scope.READ
        return needed is not None and needed.value in request.auth.scopes


def required_scope(scope: Scope) -> type[HasScope]:
    """`HasScope` for one scope, where the view has no attribute to say it."""

    class HasThatScope(HasScope):
        pass

    HasThatScope.scope = scope
    return HasThatScope


def is_at_session(request: Request | Any) -> bool:
    """Whether a person is at this request, rather than a program with a token."""
    return not isinstance(getattr(request, "auth", None), ApiToken)
