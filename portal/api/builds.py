"""Builds as they go on and as they ended; public, like everything that is made of them."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from builds.domain.outcomes import Outcome, Turn
from builds.domain.states import LIVE, AttemptState, BuildState
from builds.models import Attempt, Build, LogChunk
from builds.services.logs import CHUNKS_AT_ONCE, log_since
from indexes.domain.names import parse_project_name
from portal.api.base import ApiViewSet, page_url

ENDED = frozenset(
    {AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.LOST, AttemptState.CANCELLED}
)
STATES = [(state.value, state.label) for state in BuildState]
TURNS = [(turn.value, turn.label) for turn in Turn]


class BuildSerializer(serializers.ModelSerializer[Build]):
    """A build and where it is. Times of work are those of its newest attempt."""

    project = serializers.CharField(source="project.name")
    served_by = serializers.SerializerMethodField(
        help_text="Filename of the wheel of ours that serves the target now."
    )
    turn = serializers.SerializerMethodField(help_text="Who can do something about the outcome.")
    stage = serializers.SerializerMethodField()
    evidence = serializers.SerializerMethodField(
        help_text="The line of the log that proves the outcome."
    )
    started_at = serializers.SerializerMethodField()
    attempts_made = serializers.SerializerMethodField()
    page_url = serializers.SerializerMethodField(help_text="Its page for people.")

    class Meta:
        model = Build
        fields = [
            "id",
            "project",
            "version",
            "target",
            "state",
            "stage",
            "outcome",
            "turn",
            "message",
            "evidence",
            "filename",
            "served_by",
            "attempts_made",
            "queued_at",
            "started_at",
            "ended_at",
            "page_url",
        ]
        read_only_fields = fields

    def get_served_by(self, build: Build) -> str:
        return build.filename or (build.covered_by.filename if build.covered_by else "")

    @extend_schema_field(serializers.ChoiceField(choices=TURNS, allow_blank=True))
    def get_turn(self, build: Build) -> str:
        newest = newest_attempt(build)
        if newest is not None and newest.outcome == build.outcome:
            return turn_of(newest)
        return Outcome(build.outcome).turn.value if build.outcome else ""

    def get_stage(self, build: Build) -> str:
        return newest.stage if (newest := newest_attempt(build)) else ""

    def get_evidence(self, build: Build) -> str:
        return newest.evidence if (newest := newest_attempt(build)) else ""

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_started_at(self, build: Build) -> str | None:
        newest = newest_attempt(build)
        if newest is None or newest.started_at is None:
            return None
        return newest.started_at.isoformat()

    def get_attempts_made(self, build: Build) -> int:
        return len(build.attempts.all())

    def get_page_url(self, build: Build) -> str:
        return page_url("build", build_id=build.pk)


class StageSerializer(serializers.Serializer[dict[str, Any]]):
    stage = serializers.CharField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, default=None)


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    stages = StageSerializer(many=True)
    turn = serializers.SerializerMethodField()
    step = serializers.DictField(help_text="What the rung came to: cutoff and remedies.")
    report = serializers.DictField(
        help_text="What the builder found: interpreter, build requirements, wheel, limits."
    )

    class Meta:
        model = Attempt
        fields = [
            "id",
            "number",
            "rung",
            "step",
            "state",
            "builder",
            "stage",
            "stages",
            "outcome",
            "turn",
            "message",
            "evidence",
            "report",
            "created_at",
            "started_at",
            "ended_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=TURNS, allow_blank=True))
    def get_turn(self, attempt: Attempt) -> str:
        return turn_of(attempt)


class BuildDetailSerializer(BuildSerializer):
    """All of a build: what goes in, each attempt, what came out."""

    attempts = AttemptSerializer(many=True)

    class Meta(BuildSerializer.Meta):
        fields = [
            *BuildSerializer.Meta.fields,
            "key",
            "priority",
            "not_before",
            "sdist_filename",
            "sdist_url",
            "sdist_sha256",
            "sdist_size",
            "sdist_uploaded_at",
            "covered_by",
            "attempts",
        ]
        read_only_fields = fields


class LogChunkSerializer(serializers.ModelSerializer[LogChunk]):
    class Meta:
        model = LogChunk
        fields = ["sequence", "stage", "text"]
        read_only_fields = fields


class LogSerializer(serializers.Serializer[dict[str, Any]]):
    """A stretch of a log. Ask again with `after` = `next` until `ended`."""

    attempt = serializers.IntegerField(allow_null=True, help_text="Its number; null before any.")
    chunks = LogChunkSerializer(many=True)
    next = serializers.IntegerField(help_text="Give it as `after` to read on.")
    ended = serializers.BooleanField(help_text="Whether nothing will follow.")


class BuildFilterSerializer(serializers.Serializer[dict[str, Any]]):
    project = serializers.CharField(required=False, max_length=214)
    state = serializers.ChoiceField(choices=STATES, required=False)


class LogPositionSerializer(serializers.Serializer[dict[str, Any]]):
    after = serializers.IntegerField(
        required=False, min_value=-1, default=-1, help_text="The last sequence you have."
    )
    attempt = serializers.IntegerField(
        required=False, min_value=1, help_text="Its number; the newest when left out."
    )


class BuildViewSet(ApiViewSet):
    cursor_ordering = ("-queued_at", "pk")
    serializer_class = BuildSerializer

    def get_queryset(self) -> QuerySet[Build]:
        return shown_builds()

    @extend_schema(parameters=[BuildFilterSerializer])
    def list(self, request: Request) -> Response:
        wanted = BuildFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        builds = self.get_queryset()
        if "project" in wanted.validated_data:
            name = parse_project_name(wanted.validated_data["project"])
            builds = builds.filter(project__name=name)
        if "state" in wanted.validated_data:
            builds = builds.filter(state=wanted.validated_data["state"])
        return self.page_of(builds, BuildSerializer)

    @extend_schema(responses=BuildDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(BuildDetailSerializer(self.get_object()).data)

    @extend_schema(
        parameters=[LogPositionSerializer, OpenApiParameter("id", UUID, OpenApiParameter.PATH)],
        responses=LogSerializer,
    )
    def log(self, request: Request, pk: UUID) -> Response:
        position = LogPositionSerializer(data=request.query_params)
        position.is_valid(raise_exception=True)
        build = get_object_or_404(Build, pk=pk)
        after = position.validated_data["after"]
        number = position.validated_data.get("attempt")
        attempts = build.attempts.order_by("-number")
        attempt = attempts.first() if number is None else get_object_or_404(attempts, number=number)
        return Response(LogSerializer(_log(build, attempt, after)).data)


def shown_builds() -> QuerySet[Build]:
    """With all that a build is shown with, in a bounded number of queries."""
    attempts = Attempt.objects.order_by("number")
    return Build.objects.select_related("project", "covered_by").prefetch_related(
        Prefetch("attempts", queryset=attempts)
    )


def newest_attempt(build: Build) -> Attempt | None:
    """Of attempts that were fetched by number."""
    attempts = list(build.attempts.all())
    return attempts[-1] if attempts else None


def turn_of(attempt: Attempt) -> str:
    return attempt.turn.value if attempt.outcome else ""


def _log(build: Build, attempt: Attempt | None, after: int) -> dict[str, Any]:
    if attempt is None:
        ended = build.state not in LIVE
        return {"attempt": None, "chunks": [], "next": after, "ended": ended}
    chunks = log_since(attempt=attempt, sequence=after + 1)
    return {
        "attempt": attempt.number,
        "chunks": chunks,
        "next": chunks[-1].sequence if chunks else after,
        "ended": attempt.state in ENDED and len(chunks) < CHUNKS_AT_ONCE,
    }
