"""Proofs of ownership. A person sees their own."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.authentication import is_at_session
from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet
from portal.api.projects import IN_PATH, project_named
from portal.ownership.methods import METHODS
from portal.ownership.methods.base import Brought, ProofMethod
from portal.ownership.models import Proof
from portal.ownership.policy import Strength
from portal.ownership.services import check_proof, enough_with, instructions, prove
from portal.ownership.tokens import MAX_LENGTH


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
            "rechecked_at",
        ]
        read_only_fields = fields

    @extend_schema_field(InstructionSerializer(many=True))
    def get_instructions(self, proof: Proof) -> list[dict[str, Any]]:
        return [dict(InstructionSerializer(one).data) for one in instructions(proof)]


class FactSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field here, an attribute there
    question = serializers.CharField()
    is_required = serializers.BooleanField()


class ProofMethodSerializer(serializers.Serializer[ProofMethod]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # as above
    explanation = serializers.CharField()
    needs = serializers.CharField(help_text="What one has to have for it.")
    strength = serializers.ChoiceField(choices=[(one.value, one.label) for one in Strength])
    facts = FactSerializer(many=True, help_text="What it has to be told at the start.")
    closed_because = serializers.SerializerMethodField(
        help_text="Why this deployment does not offer it; empty when it does."
    )
    enough_with = serializers.SerializerMethodField(
        help_text="Sets of other methods with which it is enough to let wheels be published:"
        " an empty set when it is enough by itself, no set when it is never enough."
    )

    def get_closed_because(self, method: ProofMethod) -> str:
        return method.closed_because()

    @extend_schema_field(
        serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    )
    def get_enough_with(self, method: ProofMethod) -> list[list[str]]:
        return enough_with(method)


class ActionsTokenSerializer(serializers.Serializer[dict[str, Any]]):
    token = serializers.CharField(
        max_length=MAX_LENGTH, help_text="GitHub's, for the audience that the proof asks for."
    )


class TokenTakenSerializer(serializers.ModelSerializer[Proof]):
    """What a workflow is told: nothing that only the person behind the proof may read."""

    class Meta:
        model = Proof
        fields = ["state", "refusal"]
        read_only_fields = fields


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
        proof = prove(
            user=self.person,
            project=project_named(name, request),
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


class TokenOfProofViewSet(ApiViewSet):
    """For a workflow, which has no account here: what it brings is signed, and for one proof."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scopes = {"bring": "proofs"}
    pagination_class = None
    serializer_class = TokenTakenSerializer

    def get_queryset(self) -> QuerySet[Proof]:
        return Proof.objects.filter(method="actions-token").select_related("project", "user")

    @extend_schema(request=ActionsTokenSerializer, responses=TokenTakenSerializer)
    def bring(self, request: Request, pk: UUID) -> Response:
        """Show a token of GitHub Actions for a pending proof; each is good once."""
        wish = ActionsTokenSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        brought = Brought({"token": wish.validated_data["token"]})
        proof = check_proof(proof=self.get_object(), at=timezone.now(), brought=brought)
        code = (
            status.HTTP_200_OK if proof.state == "proven" else status.HTTP_422_UNPROCESSABLE_ENTITY
        )
        return Response(TokenTakenSerializer(proof).data, status=code)


class ProofMethodViewSet(ApiViewSet):
    pagination_class = None
    serializer_class = ProofMethodSerializer

    def list(self, request: Request) -> Response:
        """The ways to prove that a project is yours, and what each needs."""
        return Response([ProofMethodSerializer(method).data for method in METHODS])
