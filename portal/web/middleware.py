"""What is refused before a page sees it, and what is made of the answers of pages."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render

type View = Callable[[HttpRequest], HttpResponseBase]


def refuse_nul(get_response: View) -> View:
    """Take no form with a NUL in it: nobody types one, and PostgreSQL keeps none."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        for name, values in request.POST.lists():
            if any("\0" in value for value in values):
                message = f"the field {name!r} holds a NUL character"
                raise BadRequest(message)
        return get_response(request)

    return middleware


def explain_wrong_method(get_response: View) -> View:
    """Show a page where Django's 405 is blank.

    People come there when they had to sign in again before a form of theirs went through.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_page = request.resolver_match and request.resolver_match.namespace == "web"
        if not is_page or not isinstance(response, HttpResponseNotAllowed):
            return response
        page = render(request, "405.html", status=response.status_code)
        page["Allow"] = response["Allow"]
        return page

    return middleware
