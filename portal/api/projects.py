"""Projects: what upstream says of them, what we cover, what a wish would come to."""

from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from builds.domain.coverage import CellStatus, Coverage
from builds.domain.planning import RefusalCode
from builds.services.coverage import coverage
from builds.services.plan import preview
from indexes.models import Project
from portal.accounts.models import User
from portal.api.base import ApiViewSet, page_url
from portal.consent.services import live_consents
from portal.requests.lookups import find_project
from portal.requests.services import Demand, demand

ROWS_AT_ONCE = 100
IN_PATH = OpenApiParameter("name", str, OpenApiParameter.PATH, description="Of the project.")


def project_named(name: str, request: Request) -> Project:
    """The project of that name, asked of upstream when we do not know it yet."""
    by = request.user if isinstance(request.user, User) else None
    return find_project(name=name, by=by, at=timezone.now())


class DemandSerializer(serializers.Serializer[Any]):
    """What people ask for and no consent covers."""

    petitions = serializers.IntegerField()
    people = serializers.IntegerField()
    specifiers = serializers.SerializerMethodField(help_text="How many ask for what.")

    def get_specifiers(self, asked: Demand) -> dict[str, int]:
        return dict(asked.specifiers)


class ProjectSerializer(serializers.ModelSerializer[Project]):
    is_consented = serializers.SerializerMethodField(
        help_text="Whether a consent stands: without one nothing of it is built."
    )
    demand = serializers.SerializerMethodField()
    page_url = serializers.SerializerMethodField(help_text="Its page for people.")
    overlay_url = serializers.SerializerMethodField(
        help_text="Upstream's files and ours: safe as the only index."
    )
    wheels_url = serializers.SerializerMethodField(help_text="Our files only.")

    class Meta:
        model = Project
        fields = [
            "name",
            "display_name",
            "status",
            "status_reason",
            "is_enrolled",
            "is_consented",
            "demand",
            "verified_at",
            "changed_at",
            "page_url",
            "overlay_url",
            "wheels_url",
        ]
        read_only_fields = fields

    def get_is_consented(self, project: Project) -> bool:
        return live_consents(project).exists()

    @extend_schema_field(DemandSerializer)
    def get_demand(self, project: Project) -> dict[str, Any]:
        return dict(DemandSerializer(demand(project)).data)

    def get_page_url(self, project: Project) -> str:
        return page_url("project", name=project.name)

    def get_overlay_url(self, project: Project) -> str:
        return f"{settings.AFFINEUR_PUBLIC_URL}/simple/{project.name}/"

    def get_wheels_url(self, project: Project) -> str:
        return f"{settings.AFFINEUR_PUBLIC_URL}/wheels/simple/{project.name}/"


class TargetsField(serializers.ListField):
    """Targets in a query string: repeated, or separated by commas."""

    def get_value(self, dictionary: Any) -> Any:
        given = dictionary.getlist(self.field_name)
        return [name for value in given for name in value.split(",") if name]


class CoverageFilterSerializer(serializers.Serializer[dict[str, Any]]):
    targets = TargetsField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=64,
        help_text="By name; the deployment's own when left out.",
    )
    after = serializers.IntegerField(
        required=False, min_value=0, default=0, help_text="Releases to leave out at the top."
    )


class CellSerializer(serializers.Serializer[Any]):
    target = serializers.CharField()
    status = serializers.ChoiceField(choices=[(one.value, one.label) for one in CellStatus])
    text = serializers.CharField(help_text="A short reason.")
    filename = serializers.CharField(help_text="Of the wheel that serves, or was yanked.")
    build = serializers.UUIDField(allow_null=True)


class RowSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    is_prerelease = serializers.BooleanField()
    is_yanked = serializers.BooleanField()
    yanked_reason = serializers.CharField()
    uploaded_at = serializers.DateTimeField(allow_null=True)
    sdist = serializers.CharField(help_text="Its filename; empty when there is none.")
    cells = CellSerializer(many=True)


class CoverageSerializer(serializers.Serializer[dict[str, Any]]):
    """Releases, newest first, against targets."""

    project = serializers.CharField()
    targets = serializers.ListField(child=serializers.CharField())
    counts = serializers.DictField(
        child=serializers.IntegerField(), help_text="Of all releases, by status."
    )
    rows = RowSerializer(many=True)
    next = serializers.IntegerField(
        allow_null=True, help_text="Give it as `after` for the older releases."
    )
    unparsable = serializers.ListField(
        child=serializers.CharField(), help_text="Files whose version cannot be read."
    )


class WishSerializer(serializers.Serializer[dict[str, Any]]):
    specifiers = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=255,
        help_text="As in PEP 440; empty means the newest release.",
    )
    targets = TargetsField(
        child=serializers.CharField(max_length=64),
        required=False,
        max_length=64,
        help_text="By name; the deployment's own when left out.",
    )


class ServedSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    target = serializers.CharField()
    filename = serializers.CharField()
    is_ours = serializers.BooleanField()
    is_yanked = serializers.BooleanField()
    yanked_reason = serializers.CharField()


class GapSerializer(serializers.Serializer[Any]):
    version = serializers.CharField()
    target = serializers.CharField()
    sdist = serializers.CharField(help_text="Filename of the sources it would be built from.")


class RefusalSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=[(code.value, code.label) for code in RefusalCode])
    message = serializers.CharField()
    version = serializers.CharField(help_text="Empty when it is about all that was asked.")
    target = serializers.CharField(help_text="Empty when it is about every target.")


class PlanSerializer(serializers.Serializer[Any]):
    """What a wish would come to. Asking runs nothing."""

    served = ServedSerializer(many=True)
    gaps = GapSerializer(many=True)
    refusals = RefusalSerializer(many=True)


class ProjectViewSet(ApiViewSet):
    pagination_class = None
    serializer_class = ProjectSerializer
    lookup_field = "name"

    @extend_schema(parameters=[IN_PATH])
    def retrieve(self, request: Request, name: str) -> Response:
        """A project that we do not know yet is asked of upstream."""
        return Response(ProjectSerializer(project_named(name, request)).data)

    @extend_schema(parameters=[IN_PATH, CoverageFilterSerializer], responses=CoverageSerializer)
    def coverage(self, request: Request, name: str) -> Response:
        wanted = CoverageFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        matrix = coverage(
            project=project_named(name, request), targets=wanted.validated_data.get("targets", [])
        )
        return Response(CoverageSerializer(_part(matrix, wanted.validated_data["after"])).data)

    @extend_schema(parameters=[IN_PATH, WishSerializer], responses=PlanSerializer)
    def plan(self, request: Request, name: str) -> Response:
        wish = WishSerializer(data=request.query_params)
        wish.is_valid(raise_exception=True)
        planned = preview(
            project=project_named(name, request),
            specifiers=wish.validated_data["specifiers"],
            targets=wish.validated_data.get("targets", []),
        )
        return Response(PlanSerializer(planned).data)


def _part(matrix: Coverage, after: int) -> dict[str, Any]:
    end = after + ROWS_AT_ONCE
    return {
        "project": matrix.project,
        "targets": matrix.targets,
        "counts": {status.value: count for status, count in matrix.counts.items()},
        "rows": matrix.rows[after:end],
        "next": end if end < len(matrix.rows) else None,
        "unparsable": matrix.unparsable,
    }
