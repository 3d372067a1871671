"""Requests for wheels. A person sees their own."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request as HttpRequest
from rest_framework.response import Response

from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet, page_url
from portal.api.builds import TURNS, BuildSerializer, shown_builds
from portal.organisations.models import Organisation
from portal.requests.models import Cost, Platform, Request
from portal.requests.services import make_request, request_status
from portal.requests.status import RequestState

STATES = [(state.value, state.label) for state in RequestState]


class RequestRefusalSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    version = serializers.CharField(help_text="Empty when it is about all that was asked.")
    target = serializers.CharField(help_text="Empty when it is about every target.")


class AlreadyServedSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    target = serializers.CharField()
    filename = serializers.CharField()


class UncoveredSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    target = serializers.CharField()


class RequestSerializer(serializers.ModelSerializer[Request]):
    project = serializers.CharField(source="project.name")
    organisation = serializers.CharField(
        source="organisation.slug", allow_null=True, default=None, help_text="In whose name."
    )
    targets = serializers.ListField(child=serializers.CharField())
    state = serializers.SerializerMethodField()
    turn = serializers.SerializerMethodField(help_text="Who can do something now.")
    words = serializers.SerializerMethodField(help_text="Where it stands, in words.")
    page_url = serializers.SerializerMethodField(help_text="Its page for people.")
    uncovered = UncoveredSerializer(many=True, help_text="Gaps that wait for a consent.")
    refusals = RequestRefusalSerializer(many=True)

    class Meta:
        model = Request
        fields = [
            "id",
            "project",
            "organisation",
            "specifiers",
            "targets",
            "reason",
            "platform",
            "cost",
            "hindrance",
            "is_petition",
            "state",
            "turn",
            "words",
            "uncovered",
            "refusals",
            "note",
            "created_at",
            "planned_at",
            "page_url",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, request: Request) -> str:
        return request_status(request).state.value

    @extend_schema_field(serializers.ChoiceField(choices=TURNS))
    def get_turn(self, request: Request) -> str:
        return request_status(request).turn.value

    def get_page_url(self, request: Request) -> str:
        return page_url("request", request_id=request.pk)

    def get_words(self, request: Request) -> str:
        return request_status(request).words


class RequestDetailSerializer(RequestSerializer):
    """A request with what became of it."""

    already_served = AlreadyServedSerializer(many=True)
    builds = BuildSerializer(many=True)

    class Meta(RequestSerializer.Meta):
        fields = [*RequestSerializer.Meta.fields, "already_served", "builds"]
        read_only_fields = fields


class RequestWishSerializer(serializers.Serializer[dict[str, Any]]):
    project = serializers.CharField(max_length=214)
    specifiers = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=255,
        help_text="As in PEP 440; empty means the newest release.",
    )
    targets = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        default=list,
        max_length=64,
        help_text="By name; the deployment's own when empty.",
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)
    platform = serializers.ChoiceField(
        choices=Platform.choices,
        required=False,
        default="",
        allow_blank=True,
        help_text="Where you need them, also where no target of ours fits.",
    )
    cost = serializers.ChoiceField(
        choices=Cost.choices,
        required=False,
        default="",
        allow_blank=True,
        help_text="What it costs you that there are none.",
    )
    organisation = serializers.SlugField(
        required=False,
        default="",
        allow_blank=True,
        help_text="In whose name, and by whose quotas; your own when empty.",
    )


class RequestViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.REQUEST
    throttle_scopes = {"create": "requests"}
    cursor_ordering = ("-created_at", "pk")
    serializer_class = RequestSerializer

    def get_queryset(self) -> QuerySet[Request]:
        return Request.objects.filter(user=self.person).select_related("project", "organisation")

    def list(self, request: HttpRequest) -> Response:
        return self.page_of(self.get_queryset().prefetch_related("builds"), RequestSerializer)

    @extend_schema(request=RequestWishSerializer, responses={201: RequestDetailSerializer})
    def create(self, request: HttpRequest) -> Response:
        """Without a consent it is a petition: it waits, and nothing runs.

        What you asked for before is planned again instead.
        """
        wish = RequestWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        asked = wish.validated_data
        mine = Organisation.objects.of(self.person)
        slug = asked["organisation"]
        made = make_request(
            organisation=get_object_or_404(mine, slug=slug) if slug else None,
            user=self.person,
            project_name=asked["project"],
            specifiers=asked["specifiers"],
            targets=asked["targets"],
            reason=asked["reason"],
            platform=asked["platform"],
            cost=asked["cost"],
            at=timezone.now(),
        )
        return Response(self._detail(made.pk), status=status.HTTP_201_CREATED)

    @extend_schema(responses=RequestDetailSerializer)
    def retrieve(self, request: HttpRequest, pk: UUID) -> Response:
        return Response(self._detail(self.get_object().pk))

    def _detail(self, pk: UUID) -> dict[str, Any]:
        builds = Prefetch("builds", queryset=shown_builds().order_by("-queued_at", "pk"))
        shown = self.get_queryset().prefetch_related(builds).get(pk=pk)
        return dict(RequestDetailSerializer(shown).data)
