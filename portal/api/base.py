"""What every noun of the API shares: paging, permissions, throttling."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.urls import reverse
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission, IsAuthenticated, IsAuthenticatedOrReadOnly
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import GenericViewSet

from portal.accounts.authentication import HasScope
from portal.accounts.models import User
from portal.accounts.scopes import Scope
from portal.api.schema import Schema

PUBLIC: tuple[type[BasePermission], ...] = (IsAuthenticatedOrReadOnly, HasScope)
"""Anyone may read; acting needs a person, or a token of the view's scope."""
PERSONAL: tuple[type[BasePermission], ...] = (IsAuthenticated, HasScope)
"""Only for people who are signed in, and their tokens."""


def page_url(page: str, /, **arguments: object) -> str:
    """Where people look at what a program reads here."""
    return f"{settings.AFFINEUR_PUBLIC_URL}{reverse(f'web:{page}', kwargs=arguments)}"


class ByCursor(CursorPagination):
    """Pages of rows in the order that their view names."""

    page_size_query_param = "page_size"
    max_page_size = 200
    template = None

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any] | None:
        """A cursor may be anything at all; the framework hands what is in it to the database."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, ValueError) as error:
            raise NotFound(self.invalid_cursor_message) from error

    def get_ordering(self, request: Any, queryset: Any, view: Any) -> tuple[str, ...]:
        ordering: tuple[str, ...] = view.cursor_ordering
        return ordering


class ApiViewSet(GenericViewSet[Any]):
    # No docstring: the schema would describe with it what has none of its own.
    schema = Schema()
    permission_classes = PUBLIC
    pagination_class: type[ByCursor] | None = ByCursor
    required_scope: Scope | None = None
    """What a token needs to act; it needs `read` to read."""
    cursor_ordering: tuple[str, ...] = ()
    """Of lists: an order in which pages stay what they were."""
    throttle_scopes: dict[str, str] = {}
    """By action."""

    def get_throttles(self) -> list[BaseThrottle]:
        self.throttle_scope = self.throttle_scopes.get(self.action or "", "")
        return super().get_throttles()

    @property
    def person(self) -> User:
        """Who is signed in; the permissions have seen to it that somebody is."""
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101  # see above
        return user

    def page_of(
        self, rows: Any, serializer: type[serializers.BaseSerializer[Any]], **context: Any
    ) -> Response:
        """One page of a list as the answer to this request."""
        page = self.paginate_queryset(rows)
        data = serializer(
            page, many=True, context={**self.get_serializer_context(), **context}
        ).data
        return self.get_paginated_response(data)
