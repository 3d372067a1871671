"""Consents: what was allowed, by whose say-so, and how it ends. Their facts are public."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from builds.domain.permits import Channel
from indexes.models import Project
from portal.accounts.scopes import Scope
from portal.api.base import ApiViewSet
from portal.api.projects import IN_PATH, project_named
from portal.consent.models import Afterwards, Capacity, Consent, Revocation, Suspension
from portal.consent.services import give_consent, live_consents, preview_revocation, revoke_consent

CHANNELS = [(channel.value, channel.label) for channel in Channel]


class AcceptedSerializer(serializers.Serializer[Any]):
    """An agreement, by the hash of the text that was read, and the clauses accepted."""

    name = serializers.CharField(max_length=64)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    clauses = serializers.ListField(child=serializers.CharField(max_length=64), max_length=64)


class GivenAgreementSerializer(AcceptedSerializer):
    version = serializers.IntegerField()


class RevocationSerializer(serializers.ModelSerializer[Revocation]):
    class Meta:
        model = Revocation
        fields = ["afterwards", "reason", "revoked_at"]
        read_only_fields = fields


class SuspensionSerializer(serializers.ModelSerializer[Suspension]):
    class Meta:
        model = Suspension
        fields = ["suspended_at", "grace_until", "withdrawn_at"]
        read_only_fields = fields


class ConsentSerializer(serializers.ModelSerializer[Consent]):
    project = serializers.CharField(source="project.name")
    proven_by = serializers.CharField(source="proof.method", help_text="The method of its proof.")
    is_for_development = serializers.BooleanField(source="proof.is_for_development")
    agreements = GivenAgreementSerializer(many=True)
    targets = serializers.ListField(
        child=serializers.CharField(), help_text="Empty means every target."
    )
    channels = serializers.ListField(child=serializers.ChoiceField(choices=CHANNELS))
    revocation = serializers.SerializerMethodField()
    suspension = serializers.SerializerMethodField(
        help_text="Set while it does not hold because its proof does not."
    )
    is_live = serializers.SerializerMethodField()
    is_mine = serializers.SerializerMethodField(help_text="Whether you gave it.")

    class Meta:
        model = Consent
        fields = [
            "id",
            "project",
            "capacity",
            "proven_by",
            "is_for_development",
            "agreements",
            "licence_expression",
            "licence_seen_in",
            "specifiers",
            "covers_new_releases",
            "targets",
            "channels",
            "given_at",
            "expires_at",
            "revocation",
            "suspension",
            "is_live",
            "is_mine",
        ]
        read_only_fields = fields

    def get_revocation(self, consent: Consent) -> dict[str, Any] | None:
        revocation = revocation_of(consent)
        return dict(RevocationSerializer(revocation).data) if revocation else None

    @extend_schema_field(SuspensionSerializer(allow_null=True))
    def get_suspension(self, consent: Consent) -> dict[str, Any] | None:
        suspensions = [one for one in consent.suspensions.all() if one.lifted_at is None]
        return dict(SuspensionSerializer(suspensions[0]).data) if suspensions else None

    def get_is_live(self, consent: Consent) -> bool:
        return consent.pk in self.context["live"]

    def get_is_mine(self, consent: Consent) -> bool:
        return bool(consent.user_id == self.context["request"].user.pk)


class ConsentWishSerializer(serializers.Serializer[dict[str, Any]]):
    capacity = serializers.ChoiceField(choices=Capacity.choices)
    accepted = AcceptedSerializer(many=True, allow_empty=False)
    specifiers = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=255,
        help_text="Releases it covers, as in PEP 440; empty means every one.",
    )
    covers_new_releases = serializers.BooleanField(required=False, default=True)
    targets = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        default=list,
        max_length=64,
        help_text="By name; empty means every target.",
    )
    channels = serializers.ListField(
        child=serializers.ChoiceField(choices=CHANNELS),
        required=False,
        default=[channel.value for channel in Channel],
        allow_empty=False,
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    licence_expression = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=255,
        help_text="SPDX; needed where wheels are to be published.",
    )
    licence_seen_in = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=255
    )


class RevocationWishSerializer(serializers.Serializer[dict[str, Any]]):
    afterwards = serializers.ChoiceField(
        choices=Afterwards.choices, help_text="What becomes of the wheels that exist."
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class RevocationPreviewSerializer(serializers.Serializer[Any]):
    """What taking a consent back would end."""

    wheels_listed = serializers.IntegerField(
        help_text="Wheels that leave the listing if they are withdrawn."
    )
    builds_queued = serializers.IntegerField()
    builds_running = serializers.IntegerField()


class ConsentsOfProjectViewSet(ApiViewSet):
    required_scope = Scope.CONSENT
    cursor_ordering = ("-given_at", "pk")
    serializer_class = ConsentSerializer

    @extend_schema(operation_id="projects_consents_list", parameters=[IN_PATH])
    def list(self, request: Request, name: str) -> Response:
        project = project_named(name, request)
        return self.page_of(
            shown_consents().filter(project=project), ConsentSerializer, live=live_ids(project)
        )

    @extend_schema(
        operation_id="projects_consents_create",
        parameters=[IN_PATH],
        request=ConsentWishSerializer,
        responses={201: ConsentSerializer},
    )
    def create(self, request: Request, name: str) -> Response:
        """Needs a proof of ownership that counts here."""
        wish = ConsentWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        consent = give_consent(
            user=self.person,
            project=project_named(name, request),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(shown(consent.pk, request), status=status.HTTP_201_CREATED)


class ConsentViewSet(ApiViewSet):
    required_scope = Scope.CONSENT
    pagination_class = None
    serializer_class = ConsentSerializer

    def get_queryset(self) -> QuerySet[Consent]:
        return shown_consents()

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(shown(pk, request))

    @extend_schema(responses=RevocationPreviewSerializer)
    def revocation(self, request: Request, pk: UUID) -> Response:
        """What taking it back would end."""
        preview = preview_revocation(self.get_object(), at=timezone.now())
        return Response(RevocationPreviewSerializer(preview).data)

    @extend_schema(request=RevocationWishSerializer, responses={201: ConsentSerializer})
    def revoke(self, request: Request, pk: UUID) -> Response:
        """Take it back, at once. By who gave it, or by another proven owner."""
        wish = RevocationWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        revoke_consent(
            consent=self.get_object(), user=self.person, at=timezone.now(), **wish.validated_data
        )
        return Response(shown(pk, request), status=status.HTTP_201_CREATED)


def shown_consents() -> QuerySet[Consent]:
    consents = Consent.objects.select_related("project", "proof", "revocation")
    return consents.prefetch_related("suspensions")


def live_ids(project: Project) -> frozenset[UUID]:
    return frozenset(live_consents(project).values_list("pk", flat=True))


def shown(pk: UUID, request: Request) -> dict[str, Any]:
    consent = get_object_or_404(shown_consents(), pk=pk)
    context = {"request": request, "live": live_ids(consent.project)}
    return dict(ConsentSerializer(consent, context=context).data)


def revocation_of(consent: Consent) -> Revocation | None:
    return getattr(consent, "revocation", None)
