"""What every request passes before it reaches a view."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect

from portal.accounts.services import has_mfa

# As in portal.urls; spelt out because every page of the index passes here.
_ADMIN = "/admin/"
# Where signing in and out, and setting up a second factor, happen.
_ACCOUNT = "/account/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_MESSAGE = (
    "Staff act here with a second factor only, and yours is not set up."
    " It is your turn: set one up, then go on."
)

type View = Callable[[HttpRequest], HttpResponseBase]


def staff_needs_mfa(get_response: View) -> View:
    """Staff without a second factor set one up before the admin, or any act, is open to them.

    Who only reads is not asked who they are: pages of the index pay nothing for this.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_guarded = request.path_info.startswith(_ADMIN) or (
            request.method not in _SAFE and not request.path_info.startswith(_ACCOUNT)
        )
        if not is_guarded or not request.user.is_staff or has_mfa(request.user):
            return get_response(request)
        return second_factor_first(request)

    return middleware


def second_factor_first(request: HttpRequest) -> HttpResponse:
    """For staff that has none: where it is set up, or a word for who is no browser."""
    if request.accepts("text/html"):
        messages.warning(request, _MESSAGE)
        return redirect("mfa_index")
    return JsonResponse({"code": "second-factor-needed", "detail": _MESSAGE}, status=403)
