"""What is made of the answers of pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render

type View = Callable[[HttpRequest], HttpResponseBase]


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
