"""What owners settle: who may act for them, how many must agree, and whether to be asked."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from indexes.domain.licences import canonical_licence
from indexes.models import Project
from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet
from portal.api.consents import AcceptedSerializer, ScopeWishSerializer
from portal.api.projects import IN_PATH, project_named
from portal.consent.delegation import delegate, delegations_of, end_delegation
from portal.consent.licences import Confidence, licence_seen
from portal.consent.licensing import LicenceClass, judge
from portal.consent.models import Capacity, Delegation, Refusal, Task
from portal.consent.organisation import consent_for_organisation, siblings_of
from portal.consent.owners import MOST_OWNERS, owners_wanted, set_threshold
from portal.consent.pause_links import send_pause_link
from portal.consent.refusals import say_no, standing_refusal, take_no_back
from portal.errors import ProofNeeded
from portal.ownership.owners import owners_of
from portal.ownership.services import has_proof
from portal.requests import drafts
from portal.requests.carrying import asked_of
from portal.requests.services import demand


class DelegationSerializer(serializers.ModelSerializer[Delegation]):
    username = serializers.CharField(source="person.username")
    by = serializers.CharField(source="by.username")
    tasks = serializers.ListField(child=serializers.ChoiceField(choices=Task.choices))

    class Meta:
        model = Delegation
        fields = ["id", "username", "by", "tasks", "given_at"]
        read_only_fields = fields


class DelegationWishSerializer(serializers.Serializer[dict[str, Any]]):
    username = serializers.CharField(max_length=150)
    tasks = serializers.ListField(
        child=serializers.ChoiceField(choices=Task.choices), allow_empty=False
    )


class ThresholdSerializer(serializers.Serializer[Any]):
    """How many proven owners have to say yes before a consent holds."""

    wanted = serializers.IntegerField()
    owners = serializers.IntegerField(help_text="How many proven owners there are now.")


class ThresholdWishSerializer(serializers.Serializer[dict[str, Any]]):
    owners = serializers.IntegerField(
        min_value=0, max_value=MOST_OWNERS, help_text="0 for all; the strictest wish goes."
    )


class NoSerializer(serializers.ModelSerializer[Refusal]):
    project = serializers.CharField(source="project.name")

    class Meta:
        model = Refusal
        fields = ["project", "said_at"]
        read_only_fields = fields


class NoWishSerializer(serializers.Serializer[dict[str, Any]]):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)


class CountSerializer(serializers.Serializer[Any]):
    what = serializers.CharField()
    people = serializers.IntegerField()


class WishesSerializer(serializers.Serializer[Any]):
    """What people ask for that no consent covers, each person counted once."""

    petitions = serializers.IntegerField()
    people = serializers.IntegerField()
    targets = CountSerializer(many=True)
    platforms = CountSerializer(many=True)
    costs = CountSerializer(many=True)
    reasons = serializers.ListField(child=serializers.CharField())


class DraftSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    body = serializers.CharField(help_text="Markdown.")


class DraftsSerializer(serializers.Serializer[Any]):
    """For a user to take to the project themselves."""

    issue = DraftSerializer()
    pull_request = DraftSerializer()


class LicenceFilterSerializer(serializers.Serializer[dict[str, Any]]):
    expression = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=255,
        help_text="SPDX; what the newest release states when left out.",
    )


class LicenceSerializer(serializers.Serializer[Any]):
    """What publishing under a licence would come to."""

    expression = serializers.CharField()
    seen_in = serializers.CharField(help_text="Where the newest release states a licence.")
    confidence = serializers.ChoiceField(choices=[(each.value, each.label) for each in Confidence])
    chosen = serializers.CharField(help_text="The part of the expression that would be used.")
    licence_class = serializers.ChoiceField(
        choices=[(each.value, each.label) for each in LicenceClass]
    )
    duties = serializers.ListField(child=serializers.CharField())
    refusal = serializers.CharField(help_text="Why nothing is published under it; mostly empty.")


class SiblingSerializer(serializers.Serializer[Any]):
    project = serializers.CharField(source="project.name")
    is_proven = serializers.BooleanField(help_text="Whether you have proven that it is yours.")
    has_consent = serializers.BooleanField()


class SiblingsWishSerializer(ScopeWishSerializer):
    names = serializers.ListField(
        child=serializers.CharField(max_length=214), allow_empty=False, max_length=100
    )
    licences = serializers.DictField(
        child=serializers.CharField(max_length=255), help_text="SPDX, by project."
    )
    capacity = serializers.ChoiceField(choices=Capacity.choices)
    accepted = AcceptedSerializer(many=True, allow_empty=False)
    licence_seen_in = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=255
    )


class GivenSerializer(serializers.Serializer[Any]):
    project = serializers.CharField()
    consent = serializers.UUIDField(source="consent.pk", allow_null=True, default=None)
    problem = serializers.CharField(help_text="Why there is none; empty when there is.")


class DelegationsViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.CONSENT
    cursor_ordering = ("-given_at", "pk")
    serializer_class = DelegationSerializer

    def get_queryset(self) -> QuerySet[Delegation]:
        return Delegation.objects.filter(ended_at=None).select_related("project", "by", "person")

    @extend_schema(operation_id="projects_delegations_list", parameters=[IN_PATH])
    def list(self, request: Request, name: str) -> Response:
        """For the project's proven owners."""
        project = self._owned(name)
        return self.page_of(delegations_of(project), DelegationSerializer)

    @extend_schema(
        operation_id="projects_delegations_create",
        parameters=[IN_PATH],
        request=DelegationWishSerializer,
        responses={201: DelegationSerializer},
    )
    def create(self, request: Request, name: str) -> Response:
        """Name somebody; what you named them for before ends."""
        wish = DelegationWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = delegate(
            user=self.person,
            project=project_named(name, request),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(DelegationSerializer(made).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, pk: int) -> Response:
        """By who named them, another owner, or the person themself."""
        end_delegation(delegation=self.get_object(), user=self.person, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _owned(self, name: str) -> Project:
        project = project_named(name, self.request)
        if has_proof(user=self.person, project=project, at=timezone.now()) is None:
            raise ProofNeeded(project.name)
        return project


class ThresholdViewSet(ApiViewSet):
    required_scope = Scope.CONSENT
    pagination_class = None
    serializer_class = ThresholdSerializer

    @extend_schema(parameters=[IN_PATH])
    def retrieve(self, request: Request, name: str) -> Response:
        return Response(_threshold(project_named(name, request)))

    @extend_schema(
        parameters=[IN_PATH], request=ThresholdWishSerializer, responses=ThresholdSerializer
    )
    def update(self, request: Request, name: str) -> Response:
        """Say how many you want; by a proven owner."""
        wish = ThresholdWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        project = project_named(name, request)
        set_threshold(user=self.person, project=project, at=timezone.now(), **wish.validated_data)
        return Response(_threshold(project))


class RefusalViewSet(ApiViewSet):
    required_scope = Scope.CONSENT
    pagination_class = None
    serializer_class = NoSerializer

    @extend_schema(parameters=[IN_PATH])
    def retrieve(self, request: Request, name: str) -> Response:
        """The no that stands."""
        standing = standing_refusal(project_named(name, request))
        if standing is None:
            raise NotFound(f"No owner of {name[:214]!r} said no.")
        return Response(NoSerializer(standing).data)

    @extend_schema(parameters=[IN_PATH], request=NoWishSerializer, responses={201: NoSerializer})
    def create(self, request: Request, name: str) -> Response:
        """No, and do not ask again; by a proven owner."""
        wish = NoWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        said = say_no(
            user=self.person,
            project=project_named(name, request),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(NoSerializer(said).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[IN_PATH])
    def destroy(self, request: Request, name: str) -> Response:
        """Take your own no back."""
        project = project_named(name, request)
        mine = Refusal.objects.filter(project=project, user=self.person, ended_at=None).first()
        if mine is None:
            raise NotFound(f"You did not say no for {project.name}.")
        take_no_back(refusal=mine, user=self.person, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class WishesViewSet(ApiViewSet):
    pagination_class = None
    serializer_class = WishesSerializer

    @extend_schema(parameters=[IN_PATH])
    def retrieve(self, request: Request, name: str) -> Response:
        asked = demand(project_named(name, request))
        counted = {
            part: [{"what": what, "people": people} for what, people in getattr(asked, part)]
            for part in ("targets", "platforms", "costs")
        }
        facts = {"petitions": asked.petitions, "people": asked.people, "reasons": asked.reasons}
        return Response(WishesSerializer(facts | counted).data)

    @extend_schema(parameters=[IN_PATH], responses=DraftsSerializer)
    def drafts(self, request: Request, name: str) -> Response:
        """An issue and a pull request to carry to the project."""
        facts = asked_of(project_named(name, request))
        both = {"issue": drafts.issue(facts), "pull_request": drafts.pull_request(facts)}
        return Response(DraftsSerializer(both).data)


class SiblingsViewSet(ApiViewSet):
    """Projects that upstream says are of the same organisation, as far as we know them."""

    permission_classes = PERSONAL
    required_scope = Scope.CONSENT
    pagination_class = None
    serializer_class = SiblingSerializer

    @extend_schema(
        operation_id="projects_siblings_list",
        parameters=[IN_PATH],
        responses=SiblingSerializer(many=True),
    )
    def list(self, request: Request, name: str) -> Response:
        found = siblings_of(project_named(name, request), user=self.person, at=timezone.now())
        return Response(SiblingSerializer(found, many=True).data)

    @extend_schema(
        operation_id="projects_siblings_create",
        parameters=[IN_PATH],
        request=SiblingsWishSerializer,
        responses=GivenSerializer(many=True),
    )
    def create(self, request: Request, name: str) -> Response:
        """Consent for several of them, on the same terms; each needs your proof."""
        wish = SiblingsWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        given = consent_for_organisation(
            user=self.person,
            project=project_named(name, request),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(GivenSerializer(given, many=True).data)


class PauseLinkViewSet(ApiViewSet):
    permission_classes = (AllowAny,)
    throttle_scopes = {"create": "pause-links"}
    pagination_class = None

    @extend_schema(parameters=[IN_PATH], request=None, responses={202: None})
    def create(self, request: Request, name: str) -> Response:
        """Send a link that pauses to the address in the metadata; no account is needed."""
        send_pause_link(project=project_named(name, request), at=timezone.now())
        return Response(status=status.HTTP_202_ACCEPTED)


class LicenceViewSet(ApiViewSet):
    pagination_class = None
    serializer_class = LicenceSerializer

    @extend_schema(parameters=[IN_PATH, LicenceFilterSerializer])
    def retrieve(self, request: Request, name: str) -> Response:
        wanted = LicenceFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        seen = licence_seen(project_named(name, request))
        given = wanted.validated_data["expression"] or seen.expression
        judged = judge(canonical_licence(given) or given)
        facts = {
            "expression": judged.expression,
            "seen_in": seen.place,
            "confidence": seen.confidence.value,
            "chosen": judged.chosen,
            "licence_class": judged.licence_class.value,
            "duties": judged.licence_class.duties,
            "refusal": judged.licence_class.refusal,
        }
        return Response(LicenceSerializer(facts).data)


def _threshold(project: Project) -> dict[str, Any]:
    now = timezone.now()
    facts = {
        "wanted": owners_wanted(project, at=now),
        "owners": len(owners_of(project, at=now)),
    }
    return dict(ThresholdSerializer(facts).data)
