"""What every page knows of the deployment it belongs to."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def deployment(request: HttpRequest) -> dict[str, Any]:  # noqa: ARG001 (Django's signature)
    return {
        "deployment": {
            "name": "Affineur",
            "contact": settings.AFFINEUR_CONTACT,
            "is_development": settings.AFFINEUR_DEVELOPMENT,
        }
    }
