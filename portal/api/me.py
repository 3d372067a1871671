"""Who is asking."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ApiToken
from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet
from portal.ownership.owners import projects_of


class MeSerializer(serializers.Serializer[dict[str, Any]]):
    username = serializers.CharField()
    is_staff = serializers.BooleanField()
    is_for_development = serializers.BooleanField(
        help_text="Signed in by name alone; no such account acts in production."
    )
    scopes = serializers.ListField(
        child=serializers.CharField(), help_text="What this request may do for its person."
    )
    projects = serializers.ListField(
        child=serializers.CharField(), help_text="Those it is proven that they speak for."
    )


class MeViewSet(ApiViewSet):
    permission_classes = PERSONAL
    pagination_class = None

    @extend_schema(operation_id="me_retrieve", responses=MeSerializer)
    def list(self, request: Request) -> Response:
        names = projects_of(self.person, at=timezone.now()).values_list("name", flat=True)
        token = request.auth
        me = {
            "username": self.person.username,
            "is_staff": self.person.is_staff,
            "is_for_development": self.person.signed_in_for_development,
            "scopes": token.scopes if isinstance(token, ApiToken) else [s.value for s in Scope],
            "projects": list(names),
        }
        return Response(MeSerializer(me).data)
