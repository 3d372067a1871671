"""Reports, and decisions that concern somebody. Deciding takes a person at a page."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from indexes.models import File, Project
from portal.accounts.authentication import HasScope
from portal.accounts.models import User
from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet, page_url
from portal.api.projects import project_named
from portal.consent.models import Consent
from portal.moderation.intake import (
    REPORTABLE,
    TEXT_LENGTH,
    receipt_of,
    report_something,
    reports_of,
)
from portal.moderation.models import Appeal, Case, Decision, Report
from portal.moderation.people import is_moderator
from portal.moderation.services import APPEAL_LENGTH, appeal, queue

KINDS = [(kind.value, kind.label) for kind in REPORTABLE]
ANYBODY: tuple[type[BasePermission], ...] = (AllowAny, HasScope)
"""Signed in or not; a token needs the scope."""


class ReportSerializer(serializers.ModelSerializer[Report]):
    kind = serializers.CharField(source="case.kind")
    about = serializers.CharField(source="case.subject")
    state = serializers.CharField(source="case.state", help_text="Of the case that it belongs to.")
    due_at = serializers.DateTimeField(source="case.due_at")
    url = serializers.SerializerMethodField(help_text="Shows the state to whoever has it.")

    class Meta:
        model = Report
        fields = ["id", "kind", "about", "state", "due_at", "made_at", "url"]
        read_only_fields = fields

    def get_url(self, report: Report) -> str:
        return page_url("report-sent", receipt=receipt_of(report))


class ReportWishSerializer(serializers.Serializer[dict[str, Any]]):
    """Exactly one of file, consent and project says what it is about."""

    kind = serializers.ChoiceField(choices=KINDS)
    file = serializers.CharField(required=False, max_length=255, help_text="A filename of ours.")
    consent = serializers.UUIDField(required=False)
    project = serializers.CharField(required=False, max_length=214)
    text = serializers.CharField(max_length=TEXT_LENGTH)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in ("file", "consent", "project") if name in attrs]
        if len(named) != 1:
            raise ValidationError("Name one of file, consent and project.")
        return attrs


class AppealSerializer(serializers.ModelSerializer[Appeal]):
    class Meta:
        model = Appeal
        fields = ["id", "text", "made_at", "answered_at", "is_granted", "answer"]
        read_only_fields = fields


class AppealWishSerializer(serializers.Serializer[dict[str, Any]]):
    text = serializers.CharField(max_length=APPEAL_LENGTH)


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    about = serializers.CharField(source="case.subject")
    summary = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Decision
        fields = [
            "id",
            "about",
            "action",
            "reason",
            "summary",
            "carried_out_at",
            "appeal_until",
            "ended_at",
            "ended_reason",
        ]
        read_only_fields = fields


class CaseSerializer(serializers.ModelSerializer[Case]):
    about = serializers.CharField(source="subject")
    assignee = serializers.CharField(source="assignee.username", allow_null=True, default=None)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Case
        fields = ["id", "kind", "about", "state", "assignee", "opened_at", "due_at", "url"]
        read_only_fields = fields

    def get_url(self, case: Case) -> str:
        return page_url("case", case_id=case.pk)


class ReportViewSet(ApiViewSet):
    permission_classes = ANYBODY
    required_scope = Scope.REQUEST
    cursor_ordering = ("-made_at", "pk")
    serializer_class = ReportSerializer

    def get_queryset(self) -> QuerySet[Report]:
        user = self.request.user
        return reports_of(user) if isinstance(user, User) else Report.objects.none()

    def list(self, request: Request) -> Response:
        """Yours; none for who is not signed in."""
        return self.page_of(self.get_queryset(), ReportSerializer)

    @extend_schema(request=ReportWishSerializer, responses={201: ReportSerializer})
    def create(self, request: Request) -> Response:
        """Also for who is not signed in: keep the `url`, it alone shows where it stands then."""
        wish = ReportWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        project, about = _reported(wish.validated_data, request)
        user = request.user
        report = report_something(
            kind=wish.validated_data["kind"],
            project=project,
            about=about,
            reported_by=user if isinstance(user, User) else None,
            text=wish.validated_data["text"],
            at=timezone.now(),
        )
        return Response(ReportSerializer(report).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=ReportSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(ReportSerializer(self.get_object()).data)


class DecisionViewSet(ApiViewSet):
    """What moderators decided that concerns you."""

    permission_classes = PERSONAL
    required_scope = Scope.REQUEST
    cursor_ordering = ("-carried_out_at", "pk")
    serializer_class = DecisionSerializer

    def get_queryset(self) -> QuerySet[Decision]:
        decisions = Decision.objects.filter(told=self.person)
        return decisions.select_related(
            "case__project", "case__file", "case__account", "case__consent"
        )

    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), DecisionSerializer)

    @extend_schema(responses=DecisionSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(DecisionSerializer(self.get_object()).data)

    @extend_schema(responses=AppealSerializer)
    def appeal(self, request: Request, pk: UUID) -> Response:
        """Your appeal, and its answer once there is one."""
        made = get_object_or_404(Appeal, decision=self.get_object(), by=self.person)
        return Response(AppealSerializer(made).data)

    @extend_schema(request=AppealWishSerializer, responses={201: AppealSerializer})
    def make_appeal(self, request: Request, pk: UUID) -> Response:
        """Once, until `appeal_until`; somebody who had no part in the decision answers."""
        wish = AppealWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = appeal(
            decision=self.get_object(),
            by=self.person,
            text=wish.validated_data["text"],
            at=timezone.now(),
        )
        return Response(AppealSerializer(made).data, status=status.HTTP_201_CREATED)


class CaseViewSet(ApiViewSet):
    permission_classes = PERSONAL
    cursor_ordering = ("due_at", "pk")
    serializer_class = CaseSerializer

    def get_queryset(self) -> QuerySet[Case]:
        return queue()

    def list(self, request: Request) -> Response:
        """For moderators: where it is their turn, what is due first before the rest."""
        if not is_moderator(self.person):
            raise PermissionDenied("The queue is for moderators of this deployment.")
        return self.page_of(self.get_queryset(), CaseSerializer)


def _reported(wish: dict[str, Any], request: Request) -> tuple[Project, File | Consent | None]:
    if "project" in wish:
        return project_named(wish["project"], request), None
    about: File | Consent | None
    if "file" in wish:
        about = File.objects.select_related("project").filter(filename=wish["file"]).first()
    else:
        consents = Consent.objects.select_related("project")
        about = consents.filter(pk=wish["consent"]).first()
    if about is None:
        raise NotFound
    return about.project, about
