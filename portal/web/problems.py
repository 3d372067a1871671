"""Expected errors as pages: the message that a program gets from the API, for a person."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from builds.errors import BuildsError
from indexes.errors import IndexesError
from portal.api.errors import status_of, title_of
from portal.errors import PortalError

EXPECTED = (BuildsError, IndexesError, PortalError)


def explained[**P](
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """A view whose expected errors become a page with the error's words and its HTTP status."""

    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except EXPECTED as error:
            return render(
                request,
                "web/problem.html",
                {"title": title_of(error.code), "message": str(error), "code": error.code},
                status=status_of(error).value,
            )

    return wrapped
