"""Our wheels: where each stands, its hashes, its provenance."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from builds.services.provenance import key_id, public_key, public_key_pem
from indexes.domain.names import parse_project_name
from indexes.models import File
from portal.accounts.scopes import Scope
from portal.api.base import ApiViewSet
from portal.moderation.files import REASON_LENGTH, unyank_file, yank_file


class FileSerializer(serializers.ModelSerializer[File]):
    project = serializers.CharField(source="project.name")
    build = serializers.UUIDField(source="build_id")
    url = serializers.SerializerMethodField()

    class Meta:
        model = File
        fields = [
            "filename",
            "project",
            "version",
            "build_tag",
            "sha256",
            "size",
            "requires_python",
            "metadata_sha256",
            "standing",
            "standing_reason",
            "licence",
            "is_reproducible",
            "published_at",
            "build",
            "url",
        ]
        read_only_fields = fields

    def get_url(self, file: File) -> str:
        return f"{settings.AFFINEUR_PUBLIC_URL}/files/{file.sha256}/{file.filename}"


class FileDetailSerializer(FileSerializer):
    provenance = serializers.DictField(
        help_text="DSSE envelope of an in-toto statement (SLSA provenance v1)."
    )

    class Meta(FileSerializer.Meta):
        fields = [*FileSerializer.Meta.fields, "provenance"]
        read_only_fields = fields


class FileFilterSerializer(serializers.Serializer[dict[str, Any]]):
    project = serializers.CharField(required=False, max_length=214)


class YankSerializer(serializers.Serializer[dict[str, Any]]):
    reason = serializers.CharField(max_length=REASON_LENGTH, help_text="Installers show it.")
    rebuild = serializers.BooleanField(
        default=False, help_text="Whether another build may take its place."
    )


class ProvenanceKeySerializer(serializers.Serializer[dict[str, Any]]):
    algorithm = serializers.CharField()
    keyid = serializers.CharField(help_text="SHA-256 of the key's SubjectPublicKeyInfo.")
    public_key = serializers.CharField(help_text="PEM.")


class FileViewSet(ApiViewSet):
    required_scope = Scope.CONSENT
    cursor_ordering = ("-published_at", "pk")
    serializer_class = FileSerializer
    lookup_field = "filename"

    def get_queryset(self) -> QuerySet[File]:
        return File.objects.select_related("project").defer("metadata")

    @extend_schema(parameters=[FileFilterSerializer])
    def list(self, request: Request) -> Response:
        wanted = FileFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        files = self.get_queryset().defer("metadata", "provenance")
        if "project" in wanted.validated_data:
            name = parse_project_name(wanted.validated_data["project"])
            files = files.filter(project__name=name)
        return self.page_of(files, FileSerializer)

    @extend_schema(responses=FileDetailSerializer)
    def retrieve(self, request: Request, filename: str) -> Response:
        return Response(FileDetailSerializer(self._named(filename)).data)

    @extend_schema(request=YankSerializer, responses=FileSerializer)
    def yank(self, request: Request, filename: str) -> Response:
        """By a proven owner of its project, or an administrator: it stays downloadable."""
        file = self._named(filename)
        wish = YankSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        yanked = yank_file(user=self.person, file=file, at=timezone.now(), **wish.validated_data)
        return Response(FileSerializer(yanked).data)

    @extend_schema(responses=FileSerializer)
    def unyank(self, request: Request, filename: str) -> Response:
        """The way back."""
        file = unyank_file(user=self.person, file=self._named(filename), at=timezone.now())
        return Response(FileSerializer(file).data)

    def _named(self, filename: str) -> File:
        if not filename.isprintable():
            # PostgreSQL does not even compare with a NUL.
            raise NotFound
        return get_object_or_404(self.get_queryset(), filename=filename)


class ProvenanceKeyViewSet(ApiViewSet):
    pagination_class = None

    @extend_schema(operation_id="provenance_key_retrieve", responses=ProvenanceKeySerializer)
    def list(self, request: Request) -> Response:
        """The key that this deployment's provenance is verified with."""
        key = {
            "algorithm": "Ed25519",
            "keyid": key_id(public_key()),
            "public_key": public_key_pem(),
        }
        return Response(ProvenanceKeySerializer(key).data)
