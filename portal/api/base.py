"""What every noun of the API shares: paging, throttling by act, and errors in the schema."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import GenericViewSet

from portal.api.errors import MEDIA_TYPE


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """An error, as RFC 9457 shapes it."""

    type = serializers.URLField(help_text="Describes this kind of problem.")
    title = serializers.CharField()
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What happened, whose turn it is, what to do.")
    code = serializers.CharField(help_text="Stable, for programs.")
    facts = serializers.DictField(required=False, help_text="What the message is made of.")
    errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="By field, when what was sent cannot be used.",
    )


class Schema(AutoSchema):
    """Adds the one shape of errors to every operation."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies["default"] = self._get_response_for_code(
            ProblemSerializer, "default", [MEDIA_TYPE], direction
        )
        return bodies


class ByCursor(CursorPagination):
    """Pages of rows in the order their view names, newest first unless it says otherwise."""

    page_size_query_param = "page_size"
    max_page_size = 200
    template = None

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:  # noqa: ARG002  # the framework's signature
        ordering: tuple[str, ...] = view.cursor_ordering
        return ordering


class ApiViewSet(GenericViewSet[Any]):
    """Base of the nouns. `throttled` names the throttle scope of an action."""

    schema = Schema()
    pagination_class = ByCursor
    cursor_ordering: tuple[str, ...] = ()
    throttled: dict[str, str] = {}

    def get_throttles(self) -> list[BaseThrottle]:
        self.throttle_scope = self.throttled.get(self.action or "", "")
        return super().get_throttles()
