"""What the OpenAPI schema says of every operation: its errors, and how to authenticate."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from portal.api.errors import MEDIA_TYPE


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """An error, as RFC 9457 shapes it."""

    type = serializers.URLField(help_text="Describes this kind of problem.")
    title = serializers.CharField()
    status = serializers.IntegerField(help_text="The HTTP status.")
    detail = serializers.CharField(help_text="What happened, whose turn it is, what to do.")
    code = serializers.CharField(help_text="Stable, for programs.")
    facts = serializers.DictField(required=False, help_text="What the message is made of.")
    # `errors` is a property of every serializer, so the field of that name is added by hand.

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        errors = serializers.DictField(
            child=serializers.ListField(child=serializers.CharField()),
            required=False,
            help_text="By field, when what was sent cannot be used.",
        )
        return {**super().get_fields(), "errors": errors}


class Schema(AutoSchema):
    """Adds the one shape of errors to every operation."""

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies["default"] = self._get_response_for_code(  # type: ignore[no-untyped-call]
            ProblemSerializer, "default", [MEDIA_TYPE], direction
        )
        return bodies


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "portal.accounts.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token of yours, with the scopes that it needs.",
        }
