"""Whether this process can serve: for load balancers and the embedded supervisor."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
def health(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # a view's signature
    """200 once the database answers; an error of the database is the 500 it deserves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")
