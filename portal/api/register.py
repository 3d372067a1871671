"""The public register of consents, without the names of people."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from builds.domain.permits import Channel
from portal.api.base import ApiViewSet
from portal.api.consents import GivenAgreementSerializer
from portal.api.ledger import OF_PROJECT, project_asked_for
from portal.audit.register import consents_ever_given, registered
from portal.consent.models import Capacity, Consent
from portal.consent.states import State

CHANNELS = [(channel.value, channel.label) for channel in Channel]
STATES = [
    ("holds", "holds"),
    *((state.value, state.label) for state in State if state is not State.LIVE),
]


class RegisteredSerializer(serializers.Serializer[Any]):
    project = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    capacity = serializers.ChoiceField(choices=Capacity.choices)
    agreements = GivenAgreementSerializer(many=True)
    specifiers = serializers.CharField(help_text="Empty means every release.")
    covers_new_releases = serializers.BooleanField()
    targets = serializers.ListField(
        child=serializers.CharField(), help_text="Empty means every target."
    )
    channels = serializers.ListField(child=serializers.ChoiceField(choices=CHANNELS))
    licence_expression = serializers.CharField()
    is_for_development = serializers.BooleanField()
    given_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Consent) -> dict[str, Any]:
        said: dict[str, Any] = super().to_representation(registered(instance, at=timezone.now()))
        return said


class RegisterViewSet(ApiViewSet):
    cursor_ordering = ("-given_at", "pk")
    serializer_class = RegisteredSerializer

    @extend_schema(operation_id="register_list", parameters=[OF_PROJECT])
    def list(self, request: Request) -> Response:
        """Every consent that was given, newest first, those that have ended too."""
        consents = consents_ever_given(project=project_asked_for(request))
        return self.page_of(consents, RegisteredSerializer)
