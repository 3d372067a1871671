"""Who is at the keyboard."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from portal.accounts.middleware import second_factor_first
from portal.accounts.models import User
from portal.accounts.services import has_mfa, is_administrator


def signed_in(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def account(request: HttpRequest) -> User:
    """The user of a view behind `login_required`."""
    user = signed_in(request)
    if user is None:
        message = "a view without login_required asked for its user"
        raise TypeError(message)
    return user


def for_administrators[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A view that only staff with a second factor may open."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        user = account(request)
        if not is_administrator(user):
            if user.is_staff and not has_mfa(user):
                return second_factor_first(request)
            message = (
                "This page is for the operators of this deployment, signed in with a second factor."
            )
            raise PermissionDenied(message)
        return view(request, *args, **kwargs)

    return wrapped
