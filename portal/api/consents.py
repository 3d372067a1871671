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
from portal.consent.agreements import all_agreements, to_read_again
from portal.consent.facts import facts_in, with_facts
from portal.consent.models import (
    Afterwards,
    AskedBy,
    Capacity,
    Consent,
    Revocation,
    Suspension,
)
from portal.consent.reach import reach_of
from portal.consent.services import (
    change_scope,
    give_consent,
    live_consents,
    revoke_consent,
    unlist_wheels,
)
from portal.consent.states import State, state_of
from portal.consent.suspension import approve, object_to, pause, relent, resume

STATES = [(state.value, state.label) for state in State]
CHANNELS = [(channel.value, channel.label) for channel in Channel]


class AcceptedSerializer(serializers.Serializer[Any]):
    """An agreement, by the hash of the text that was read, and the clauses accepted."""

    name = serializers.CharField(max_length=64)
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")
    clauses = serializers.ListField(child=serializers.CharField(max_length=64), max_length=64)


class GivenAgreementSerializer(AcceptedSerializer):
    version = serializers.IntegerField()


class RevocationSerializer(serializers.ModelSerializer[Revocation]):
    """The end of a consent. Why is for the project's owners, in the ledger."""

    unlisted_at = serializers.DateTimeField(
        source="unlisting.unlisted_at",
        allow_null=True,
        default=None,
        help_text="When an owner took off the index what it had kept listed.",
    )

    class Meta:
        model = Revocation
        fields = ["afterwards", "revoked_at", "builds_cancelled", "files_withdrawn", "unlisted_at"]
        read_only_fields = fields


class SuspensionSerializer(serializers.ModelSerializer[Suspension]):
    """Something that holds a consent back. Who, and why, is for the project's owners.

    Its wheels are off the listings meanwhile, except in a pause. While an objection stands, no new
    consent for the project is taken, even after this one is over.
    """

    class Meta:
        model = Suspension
        fields = ["ground", "suspended_at", "builds_cancelled"]
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
    suspensions = serializers.SerializerMethodField(help_text="What holds it back now.")
    state = serializers.SerializerMethodField(help_text="In one word; it holds when `live`.")
    replaces = serializers.UUIDField(
        source="replaces_id", allow_null=True, help_text="The consent whose scope this changed."
    )
    to_read_again = serializers.SerializerMethodField(
        help_text="Agreements with a newer text that matters; the consent stays valid meanwhile."
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
            "licence_chosen",
            "licence_class",
            "specifiers",
            "covers_new_releases",
            "targets",
            "channels",
            "asked_by",
            "given_at",
            "expires_at",
            "replaces",
            "state",
            "to_read_again",
            "revocation",
            "suspensions",
            "is_live",
            "is_mine",
        ]
        read_only_fields = fields

    def get_revocation(self, consent: Consent) -> dict[str, Any] | None:
        revocation = revocation_of(consent)
        return dict(RevocationSerializer(revocation).data) if revocation else None

    @extend_schema_field(SuspensionSerializer(many=True))
    def get_suspensions(self, consent: Consent) -> list[dict[str, Any]]:
        found = [one for one in consent.suspensions.all() if one.lifted_at is None]
        return [dict(SuspensionSerializer(one).data) for one in found]

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, consent: Consent) -> str:
        return state_of(facts_in(consent), at=timezone.now()).value

    def get_to_read_again(self, consent: Consent) -> list[str]:
        texts = to_read_again(consent.agreements, all_agreements())
        return [text.name for text in texts]

    def get_is_live(self, consent: Consent) -> bool:
        return consent.pk in self.context["live"]

    def get_is_mine(self, consent: Consent) -> bool:
        return bool(consent.user_id == self.context["request"].user.pk)


class ScopeWishSerializer(serializers.Serializer[dict[str, Any]]):
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
    asked_by = serializers.ChoiceField(
        choices=AskedBy.choices,
        required=False,
        default=AskedBy.ANYONE.value,
        help_text="Whose requests have wheels built.",
    )
    expires_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Then wheels that no other consent covers leave the listings.",
    )
    why_wider = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=500,
        help_text="Why it is wider than the table in the newest sdist allows; needed where it is.",
    )


class ConsentWishSerializer(ScopeWishSerializer):
    capacity = serializers.ChoiceField(choices=Capacity.choices)
    accepted = AcceptedSerializer(many=True, allow_empty=False)
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
        choices=Afterwards.choices,
        help_text=(
            "What becomes of the wheels that exist. Those kept stay listed until an owner takes"
            " them off."
        ),
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class ReasonSerializer(serializers.Serializer[dict[str, Any]]):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class RevocationPreviewSerializer(serializers.Serializer[Any]):
    """What taking a consent back would end."""

    wheels_listed = serializers.IntegerField(
        help_text="Wheels that leave the listings if they are not kept there."
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
        preview = reach_of(self.get_object(), at=timezone.now())
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


class ConsentActsViewSet(ApiViewSet):
    """What is done to a consent, in force at once; each answers how it stands after."""

    required_scope = Scope.CONSENT
    pagination_class = None
    serializer_class = ConsentSerializer

    def get_queryset(self) -> QuerySet[Consent]:
        return shown_consents()

    @extend_schema(request=ReasonSerializer)
    def pause(self, request: Request, pk: UUID) -> Response:
        """Stop building for now. Wheels stay listed."""
        pause(
            consent=self.get_object(),
            user=self.person,
            reason=_reason(request),
            at=timezone.now(),
        )
        return Response(shown(pk, request))

    @extend_schema(request=None)
    def resume(self, request: Request, pk: UUID) -> Response:
        """End the pause."""
        resume(consent=self.get_object(), user=self.person, at=timezone.now())
        return Response(shown(pk, request))

    @extend_schema(request=ReasonSerializer)
    def object(self, request: Request, pk: UUID) -> Response:
        """A co-owner's no: suspends it, and its wheels leave the listings until you relent.

        No new consent for the project is taken meanwhile, also when this one is taken back.
        """
        object_to(
            consent=self.get_object(),
            user=self.person,
            reason=_reason(request),
            at=timezone.now(),
        )
        return Response(shown(pk, request))

    @extend_schema(responses=ConsentSerializer)
    def relent(self, request: Request, pk: UUID) -> Response:
        """Take your objection back, also when the consent is over."""
        relent(consent=self.get_object(), user=self.person, at=timezone.now())
        return Response(shown(pk, request))

    @extend_schema(request=None)
    def approve(self, request: Request, pk: UUID) -> Response:
        """A co-owner's yes, where several have to say it."""
        approve(consent=self.get_object(), user=self.person, at=timezone.now())
        return Response(shown(pk, request))

    @extend_schema(request=ReasonSerializer, responses={201: ConsentSerializer})
    def unlist(self, request: Request, pk: UUID) -> Response:
        """Take off the index the wheels that stayed listed when it was taken back.

        By who gave it, or by another proven owner.
        """
        unlist_wheels(
            consent=self.get_object(),
            user=self.person,
            reason=_reason(request),
            at=timezone.now(),
        )
        return Response(shown(pk, request), status=status.HTTP_201_CREATED)

    @extend_schema(request=ScopeWishSerializer, responses={201: ConsentSerializer})
    def rescope(self, request: Request, pk: UUID) -> Response:
        """Another scope: a new consent on the same agreements replaces this one.

        Wheels that it does not cover leave the listings.
        """
        wish = ScopeWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        changed = change_scope(
            consent=self.get_object(), user=self.person, at=timezone.now(), **wish.validated_data
        )
        return Response(shown(changed.pk, request), status=status.HTTP_201_CREATED)


def _reason(request: Request) -> str:
    wish = ReasonSerializer(data=request.data)
    wish.is_valid(raise_exception=True)
    reason: str = wish.validated_data["reason"]
    return reason


def shown_consents() -> QuerySet[Consent]:
    return with_facts(Consent.objects.select_related("project", "proof"))


def live_ids(project: Project) -> frozenset[UUID]:
    return frozenset(live_consents(project).values_list("pk", flat=True))


def shown(pk: UUID, request: Request) -> dict[str, Any]:
    consent = get_object_or_404(shown_consents(), pk=pk)
    context = {"request": request, "live": live_ids(consent.project)}
    return dict(ConsentSerializer(consent, context=context).data)


def revocation_of(consent: Consent) -> Revocation | None:
    return getattr(consent, "revocation", None)
