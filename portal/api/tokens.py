"""The tokens of a person. A secret is shown once, in the answer that makes it."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ApiToken
from portal.accounts.scopes import Scope
from portal.accounts.services import issue_token, revoke_token
from portal.api.base import PERSONAL, ApiViewSet

SCOPES = [(scope.value, scope.label) for scope in Scope]


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(TokenSerializer):
    """A token with its secret, which cannot be shown again."""

    token = serializers.SerializerMethodField(help_text="The secret. Keep it; it is not kept here.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields

    def get_token(self, token: ApiToken) -> str:
        return str(self.context["secret"])


class TokenWishSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), allow_empty=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class TokenViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.CONSENT
    cursor_ordering = ("-created_at", "pk")
    serializer_class = TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.filter(user=self.person)

    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), TokenSerializer)

    @extend_schema(request=TokenWishSerializer, responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        wish = TokenWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        wanted = wish.validated_data
        if isinstance(request.auth, ApiToken):
            _must_not_exceed(request.auth, wanted["scopes"], wanted["expires_at"])
            wanted["expires_at"] = wanted["expires_at"] or request.auth.expires_at
        token, secret = issue_token(user=self.person, at=timezone.now(), **wanted)
        data = NewTokenSerializer(token, context={"secret": secret}).data
        return Response(data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke it: it stays in the list, and opens nothing any more."""
        revoke_token(token=self.get_object(), by=self.person, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _must_not_exceed(maker: ApiToken, scopes: list[str], expires_at: datetime | None) -> None:
    beyond = sorted(set(scopes) - set(maker.scopes))
    if beyond:
        raise ValidationError(
            {"scopes": [f"The token you use does not have {', '.join(beyond)} itself."]}
        )
    if expires_at and maker.expires_at and expires_at > maker.expires_at:
        raise ValidationError(
            {"expires_at": [f"The token you use itself ends on {maker.expires_at.isoformat()}."]}
        )
