"""How fresh our word on upstream is: in all, and of each project that we follow."""

from dataclasses import asdict
from typing import Any

from django.db.models import F, QuerySet, TextField, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from indexes.models import Project
from indexes.services.verification import upstream_status
from portal.api.base import ApiViewSet


class BacklogSerializer(serializers.Serializer[dict[str, Any]]):
    due = serializers.IntegerField(help_text="Projects that it is time to ask upstream for.")
    overdue = serializers.IntegerField(help_text="Those whose time was a minute ago or longer.")
    failing = serializers.IntegerField(help_text="Those whose last answer could not be used.")
    stretch = serializers.FloatField(
        help_text="What intervals are multiplied by, to ask upstream no more often than allowed."
    )
    resumes_at = serializers.DateTimeField(
        allow_null=True, help_text="Upstream is busy: nothing is asked before."
    )


class LatenciesSerializer(serializers.Serializer[dict[str, Any]]):
    changes = serializers.IntegerField()
    within = serializers.DictField(
        child=serializers.FloatField(), help_text="Seconds by percentile: 50, 95, 99."
    )


class MeasuredSerializer(serializers.Serializer[dict[str, Any]]):
    days = serializers.IntegerField()
    yanks = LatenciesSerializer(
        help_text="Of yanks, removed releases, and projects quarantined or deleted."
    )
    others = LatenciesSerializer()


class UpstreamStatusSerializer(serializers.Serializer[dict[str, Any]]):
    followed = serializers.IntegerField()
    never_verified = serializers.IntegerField()
    unverified = serializers.IntegerField(
        help_text="Not verified for longer than `unverified_seconds`, or never."
    )
    withheld = serializers.IntegerField(
        help_text="Projects whose pages leave out our files for that."
    )
    unverified_seconds = serializers.IntegerField()
    oldest_seconds = serializers.IntegerField(
        allow_null=True, help_text="Since the verification that is longest ago."
    )
    ages = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Projects verified within so many seconds, each counting those before it.",
    )
    backlog = BacklogSerializer()
    latency = MeasuredSerializer(
        help_text="From upstream to our pages, measured here: the longest that it can have been."
    )


class VerificationSerializer(serializers.ModelSerializer[Project]):
    status = serializers.CharField(help_text="As upstream says (PEP 792), or deleted.")
    is_withheld = serializers.SerializerMethodField(
        help_text="Whether its pages leave out our files, because upstream did not answer."
    )
    due_at = serializers.DateTimeField(allow_null=True, help_text="When it is asked for next.")
    failures = serializers.IntegerField(help_text="In a row, to get an answer for it.")
    problem = serializers.CharField(help_text="Of the last of them, in words.")

    class Meta:
        model = Project
        fields = [
            "name",
            "status",
            "verified_at",
            "changed_at",
            "is_withheld",
            "due_at",
            "failures",
            "problem",
        ]
        read_only_fields = fields

    def get_is_withheld(self, project: Project) -> bool:
        return project.unverified_at is not None


class UpstreamStatusViewSet(ApiViewSet):
    """How fresh our word on upstream is."""

    pagination_class = None

    @extend_schema(operation_id="status_upstream", responses=UpstreamStatusSerializer)
    def list(self, request: Request) -> Response:
        status = asdict(upstream_status(at=timezone.now()))
        return Response(UpstreamStatusSerializer(status).data)


class VerificationViewSet(ApiViewSet):
    """Each project that we follow: when upstream last answered for it."""

    serializer_class = VerificationSerializer
    cursor_ordering = ("name",)

    def get_queryset(self) -> QuerySet[Project]:
        return Project.objects.enrolled().annotate(
            due_at=F("watch__due_at"),
            failures=Coalesce("watch__failures", 0),
            problem=Coalesce("watch__problem", Value("", output_field=TextField())),
        )

    @extend_schema(operation_id="status_projects")
    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), VerificationSerializer)
