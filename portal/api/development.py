"""Signing in by name alone. Routed on development deployments only."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.scopes import Scope
from portal.accounts.services import development_sign_in, issue_token
from portal.api.base import ApiViewSet
from portal.api.tokens import NewTokenSerializer

TOKEN_LIFE = timedelta(days=1)


class SignInSerializer(serializers.Serializer[dict[str, Any]]):
    username = serializers.CharField(max_length=150)


class DevelopmentSignInViewSet(ApiViewSet):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=SignInSerializer, responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        asked = SignInSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        now = timezone.now()
        user = development_sign_in(username=asked.validated_data["username"], at=now)
        token, secret = issue_token(
            user=user,
            name="Development sign-in",
            scopes=[scope.value for scope in Scope],
            expires_at=now + TOKEN_LIFE,
            at=now,
        )
        data = NewTokenSerializer(token, context={"secret": secret}).data
        return Response(data, status=status.HTTP_201_CREATED)
