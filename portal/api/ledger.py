"""What was done to projects: whole for who owns one, redacted for everybody; and checkpoints."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from indexes.domain.names import parse_project_name
from portal.accounts.services import is_administrator
from portal.api.base import PERSONAL, ApiViewSet
from portal.api.projects import IN_PATH, project_named
from portal.errors import ProofNeeded
from portal.ledger.models import Checkpoint, Entry
from portal.ledger.services import entries_of, public_entries
from portal.ledger.verbs import public_actor, public_facts
from portal.ownership.services import has_proof

OF_PROJECT = OpenApiParameter("project", str, description="Of this project only.")


def project_asked_for(request: Request) -> str:
    """The name in the query, normalised, or nothing. Raises `InvalidProjectName`."""
    asked = request.query_params.get("project", "")
    return parse_project_name(asked) if asked else ""


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = [
            "sequence",
            "at",
            "actor",
            "verb",
            "project",
            "facts",
            "salt",
            "previous_hash",
            "hash",
        ]
        read_only_fields = fields


class PublicEntrySerializer(serializers.ModelSerializer[Entry]):
    """An entry without names of people, nor what only owners see."""

    actor = serializers.SerializerMethodField(help_text="A part of the machine, or a person.")
    facts = serializers.SerializerMethodField()

    class Meta:
        model = Entry
        fields = ["sequence", "at", "actor", "verb", "project", "facts", "previous_hash", "hash"]
        read_only_fields = fields

    def get_actor(self, entry: Entry) -> str:
        return public_actor(entry.actor)

    def get_facts(self, entry: Entry) -> dict[str, Any]:
        return public_facts(entry.verb, entry.facts)


class LedgerViewSet(ApiViewSet):
    permission_classes = PERSONAL
    cursor_ordering = ("-pk",)
    serializer_class = EntrySerializer

    @extend_schema(
        operation_id="projects_ledger_list",
        parameters=[IN_PATH],
    )
    def list(self, request: Request, name: str) -> Response:
        """Newest first. `sequence` and `hash` are empty until an entry is chained."""
        project = project_named(name, request)
        is_owner = has_proof(user=self.person, project=project, at=timezone.now()) is not None
        if not is_owner and not is_administrator(self.person):
            raise ProofNeeded(project.name)
        return self.page_of(entries_of(project.name), EntrySerializer)


class PublicLedgerViewSet(ApiViewSet):
    cursor_ordering = ("-pk",)
    serializer_class = PublicEntrySerializer

    @extend_schema(operation_id="ledger_list", parameters=[OF_PROJECT])
    def list(self, request: Request) -> Response:
        """What everybody may know, newest first, of one project or of all."""
        entries = public_entries(project=project_asked_for(request))
        return self.page_of(entries, PublicEntrySerializer)


class CheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    envelope = serializers.DictField(help_text="DSSE, signed with the key of provenance.")

    class Meta:
        model = Checkpoint
        fields = ["at", "sequence", "hash", "envelope"]
        read_only_fields = fields


class CheckpointViewSet(ApiViewSet):
    cursor_ordering = ("-pk",)
    serializer_class = CheckpointSerializer

    @extend_schema(operation_id="ledger_checkpoints_list")
    def list(self, request: Request) -> Response:
        """Newest first. Keep one: the ledger can be held against it later."""
        return self.page_of(Checkpoint.objects.all(), CheckpointSerializer)
