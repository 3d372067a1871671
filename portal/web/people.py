"""Who is at the keyboard."""

from django.http import HttpRequest

from portal.accounts.models import User


def signed_in(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def account(request: HttpRequest) -> User:
    """The user of a view behind `login_required`."""
    user = signed_in(request)
    if user is None:
        message = "a view without login_required asked for its user"
        raise TypeError(message)
    return user
