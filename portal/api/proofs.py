"""Proofs of ownership. A person sees their own."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.authentication import is_at_session
from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet
from portal.api.projects import IN_PATH, project_named
from portal.ownership.models import Proof
from portal.ownership.services import check_proof, instructions, start_proof


class InstructionSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    text = serializers.CharField()
    snippet = serializers.CharField(help_text="To copy; empty when there is nothing to.")


class ProofSerializer(serializers.ModelSerializer[Proof]):
    project = serializers.CharField(source="project.name")
    evidence = serializers.DictField(help_text="What was seen, and where.")
    instructions = serializers.SerializerMethodField(
        help_text="What to do now; empty unless pending."
    )

    class Meta:
        model = Proof
        fields = [
            "id",
            "project",
            "method",
            "state",
            "challenge",
            "instructions",
            "evidence",
            "refusal",
            "is_for_development",
            "created_at",
            "expires_at",
            "checked_at",
            "proven_at",
        ]
        read_only_fields = fields

    @extend_schema_field(InstructionSerializer(many=True))
    def get_instructions(self, proof: Proof) -> list[dict[str, Any]]:
        return [dict(InstructionSerializer(one).data) for one in instructions(proof)]


class ProofWishSerializer(serializers.Serializer[dict[str, Any]]):
    method = serializers.CharField(max_length=32)
    facts = serializers.DictField(
        child=serializers.CharField(max_length=2000),
        default=dict,
        help_text="What the method asks for, by name.",
    )


class ProofsOfProjectViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.CONSENT
    throttle_scopes = {"create": "proofs"}
    cursor_ordering = ("-created_at", "pk")
    serializer_class = ProofSerializer

    @extend_schema(operation_id="projects_proofs_list", parameters=[IN_PATH])
    def list(self, request: Request, name: str) -> Response:
        project = project_named(name, request)
        proofs = Proof.objects.filter(user=self.person, project=project)
        return self.page_of(proofs.select_related("project"), ProofSerializer)

    @extend_schema(
        operation_id="projects_proofs_create",
        parameters=[IN_PATH],
        request=ProofWishSerializer,
        responses={201: ProofSerializer},
    )
    def create(self, request: Request, name: str) -> Response:
        wish = ProofWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        proof = start_proof(
            user=self.person,
            project=project_named(name, request),
            by=self.person,
            is_at_session=is_at_session(request),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(ProofSerializer(proof).data, status=status.HTTP_201_CREATED)


class ProofViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.CONSENT
    throttle_scopes = {"check": "proofs"}
    pagination_class = None
    serializer_class = ProofSerializer

    def get_queryset(self) -> QuerySet[Proof]:
        return Proof.objects.filter(user=self.person).select_related("project")

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(ProofSerializer(self.get_object()).data)

    @extend_schema(request=None)
    def check(self, request: Request, pk: UUID) -> Response:
        """Look for the evidence now."""
        proof = check_proof(proof=self.get_object(), at=timezone.now())
        return Response(ProofSerializer(proof).data)
