"""The agreements as they stand: the text, its clauses, and the hash that a person accepts."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.base import ApiViewSet
from portal.consent.agreements import NEEDED, Agreement, current_agreements, with_hash


class ClauseSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    title = serializers.CharField(help_text="The clause in one line.")
    text = serializers.CharField(help_text="In full, Markdown.")


class AgreementSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField(help_text="Markdown.")
    sha256 = serializers.CharField(help_text="Of the text; what a consent names.")
    clauses = ClauseSerializer(many=True)
    asks_again = serializers.BooleanField(
        help_text="Whether who accepted an earlier version is asked to read this one."
    )
    is_promise = serializers.BooleanField(
        help_text="Whether it binds us alone: a consent names it, and accepts no clause of it."
    )
    needed_for = serializers.SerializerMethodField(
        help_text="The channels that a consent can only have with it."
    )

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_needed_for(self, agreement: Agreement) -> list[str]:
        return [channel.value for channel, names in NEEDED.items() if agreement.name in names]


class AgreementListSerializer(serializers.Serializer[Any]):
    results = AgreementSerializer(many=True)


class AgreementViewSet(ApiViewSet):
    pagination_class = None

    @extend_schema(operation_id="agreements_list", responses=AgreementListSerializer)
    def list(self, request: Request) -> Response:
        return Response(AgreementListSerializer({"results": current_agreements()}).data)

    @extend_schema(operation_id="agreements_retrieve", responses=AgreementSerializer)
    def retrieve(self, request: Request, sha256: str) -> Response:
        """The text with that hash, whatever its version: what somebody once accepted."""
        agreement = with_hash(sha256)
        if agreement is None:
            raise NotFound(f"No agreement has the hash {sha256!r}.")
        return Response(AgreementSerializer(agreement).data)
