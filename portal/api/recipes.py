"""A project's recipe: what its builds are given. Anyone may read it, its owners edit it."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from builds.domain.recipes import MAX_TEXT
from builds.models import RecipeEdit
from builds.services.recipes import Origin, recipe_edits, recipe_in_force
from indexes.models import Project
from portal.accounts.scopes import Scope
from portal.api.base import ApiViewSet
from portal.api.projects import IN_PATH, project_named
from portal.consent.recipes import RecipePreview, edit_recipe, preview_edit

ORIGINS = [("", "Nobody's"), (Origin.HOUSE.value, "Ours"), (Origin.OWNER.value, "An owner's")]
AFFECTED_SHOWN = 200


class RecipeSerializer(serializers.Serializer[Any]):
    """What goes for a project's builds now."""

    origin = serializers.ChoiceField(
        choices=ORIGINS, allow_blank=True, help_text="Whose it is; empty when there is none."
    )
    version = serializers.IntegerField(help_text="Of the last change; the next is one more.")
    text = serializers.CharField(help_text="TOML; empty when there is none.")
    by = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class RecipeEditSerializer(serializers.ModelSerializer[RecipeEdit]):
    class Meta:
        model = RecipeEdit
        fields = ["version", "text", "by", "reason", "created_at"]
        read_only_fields = fields


class RecipeTextSerializer(serializers.Serializer[dict[str, Any]]):
    text = serializers.CharField(
        allow_blank=True,
        max_length=MAX_TEXT,
        trim_whitespace=False,
        help_text="TOML; empty takes the owner's recipe back.",
    )


class RecipeWishSerializer(RecipeTextSerializer):
    reason = serializers.CharField(max_length=2000)


class AffectedSerializer(serializers.Serializer[Any]):
    build = serializers.UUIDField(source="pk")
    version = serializers.CharField()
    target = serializers.CharField()


class RecipePreviewSerializer(serializers.Serializer[Any]):
    """What an edit would change. Asking keeps nothing."""

    in_force = RecipeSerializer()
    diff = serializers.ListField(child=serializers.CharField(), help_text="Unified, by line.")
    again = serializers.IntegerField(help_text="Failed builds that would run again.")
    unpermitted = serializers.IntegerField(help_text="More of them that no consent covers.")
    failures = AffectedSerializer(many=True, help_text="The first of those that would run again.")


class RecipeViewSet(ApiViewSet):
    required_scope = Scope.CONSENT
    pagination_class = None
    serializer_class = RecipeSerializer

    @extend_schema(parameters=[IN_PATH])
    def retrieve(self, request: Request, name: str) -> Response:
        return Response(_in_force(project_named(name, request)))

    @extend_schema(
        parameters=[IN_PATH], request=RecipeWishSerializer, responses={201: RecipeSerializer}
    )
    def create(self, request: Request, name: str) -> Response:
        """By a proven owner with a live consent; failures that it is about run again."""
        wish = RecipeWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        project = project_named(name, request)
        edit_recipe(user=self.person, project=project, at=timezone.now(), **wish.validated_data)
        return Response(_in_force(project), status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[IN_PATH], request=RecipeTextSerializer, responses=RecipePreviewSerializer
    )
    def preview(self, request: Request, name: str) -> Response:
        wish = RecipeTextSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        found = preview_edit(
            user=self.person,
            project=project_named(name, request),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(RecipePreviewSerializer(_preview(found)).data)


class RecipeEditsViewSet(ApiViewSet):
    cursor_ordering = ("-version", "pk")
    serializer_class = RecipeEditSerializer

    @extend_schema(operation_id="projects_recipe_edits_list", parameters=[IN_PATH])
    def list(self, request: Request, name: str) -> Response:
        """Every version that owners made."""
        edits = recipe_edits(project_named(name, request))
        return self.page_of(edits, RecipeEditSerializer)


def _in_force(project: Project) -> dict[str, Any]:
    return dict(RecipeSerializer(recipe_in_force(project)).data)


def _preview(found: RecipePreview) -> dict[str, Any]:
    counts = found.affected.counts()
    return {
        "in_force": found.change.after,
        "diff": found.change.diff,
        "again": counts["builds"],
        "unpermitted": counts["unpermitted"],
        "failures": found.affected.builds[:AFFECTED_SHOWN],
    }
