"""What was done to a project, for who owns it."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.services import is_administrator
from portal.api.base import PERSONAL, ApiViewSet
from portal.api.projects import IN_PATH, project_named
from portal.errors import ProofNeeded
from portal.ledger.models import Entry
from portal.ledger.services import entries_of
from portal.ownership.services import has_proof


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = ["sequence", "at", "actor", "verb", "project", "facts", "previous_hash", "hash"]
        read_only_fields = fields


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
