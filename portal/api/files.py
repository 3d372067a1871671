"""Our wheels: where each stands, its hashes, its provenance."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from builds.services.provenance import key_id, public_key, public_key_pem
from indexes.domain.names import parse_project_name
from indexes.models import File
from portal.api.base import ApiViewSet


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


class ProvenanceKeySerializer(serializers.Serializer[dict[str, Any]]):
    algorithm = serializers.CharField()
    keyid = serializers.CharField(help_text="SHA-256 of the key's SubjectPublicKeyInfo.")
    public_key = serializers.CharField(help_text="PEM.")


class FileViewSet(ApiViewSet):
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
        if not filename.isprintable():
            # PostgreSQL does not even compare with a NUL.
            raise NotFound
        file = get_object_or_404(self.get_queryset(), filename=filename)
        return Response(FileDetailSerializer(file).data)


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
