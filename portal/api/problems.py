"""The kinds of problem that the API answers with: where their `type` leads."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import ApiViewSet
from portal.api.errors import STATUS_OF, title_of


class ProblemKindSerializer(serializers.Serializer[dict[str, Any]]):
    code = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()


class ProblemKindListSerializer(serializers.Serializer[dict[str, Any]]):
    results = ProblemKindSerializer(many=True)


class ProblemKindViewSet(ApiViewSet):
    """Every `code` of an expected error, with its HTTP status."""

    pagination_class = None

    @extend_schema(operation_id="problems_list", responses=ProblemKindListSerializer)
    def list(self, request: Request) -> Response:
        return Response({"results": [_kind(code, status) for code, status in STATUS_OF.items()]})

    @extend_schema(operation_id="problems_retrieve", responses=ProblemKindSerializer)
    def retrieve(self, request: Request, code: str) -> Response:
        if code not in STATUS_OF:
            raise NotFound(f"There is no problem {code!r}.")
        return Response(_kind(code, STATUS_OF[code]))


def _kind(code: str, status: HTTPStatus) -> dict[str, Any]:
    return {"code": code, "title": title_of(code), "status": status.value}
