"""What every page knows of the deployment it belongs to."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.notices.services import count_unread
from portal.web.people import signed_in


def notices(request: HttpRequest) -> dict[str, Any]:
    """How many notices the person has not read: counted when a page shows it."""

    def unread_notices() -> int:
        user = signed_in(request)
        return count_unread(user) if user else 0

    return {"unread_notices": unread_notices}


def deployment(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 (Django's signature)
    return {
        "deployment": {
            "name": "Affineur",
            "contact": settings.AFFINEUR_CONTACT,
            "is_development": settings.AFFINEUR_DEVELOPMENT,
        }
    }
