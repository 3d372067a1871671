"""Organisations: their members, the indexes that they curate, and the tokens that read them.

To who does not belong to one it is not there.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from indexes.domain.curation import LONGEST_AGE, Ground, Rules
from indexes.domain.names import parse_project_name
from indexes.models import CuratedIndex, ReaderToken
from indexes.services.curated import MOST_PROJECTS, Terms, read_curated
from portal.accounts.scopes import Scope
from portal.api.base import PERSONAL, ApiViewSet
from portal.api.ledger import EntrySerializer
from portal.organisations.models import Invitation, Membership, Organisation
from portal.organisations.roles import ROLES, Act
from portal.organisations.services import (
    NAME_LENGTH,
    SLUG_LENGTH,
    accept_invitation,
    change_index,
    change_role,
    create_index,
    create_organisation,
    decline_invitation,
    delete_index,
    entries_of,
    indexes_of,
    invitations_to,
    invite,
    issue_reader_token,
    open_invitations,
    remove_member,
    revoke_invitation,
    revoke_reader_token,
    role_of,
    tokens_of,
    verify_may,
)

GROUNDS = [(ground.value, ground.label) for ground in Ground]
SLUG = OpenApiParameter("slug", str, OpenApiParameter.PATH, description="Of the organisation.")
INDEX = OpenApiParameter("index", str, OpenApiParameter.PATH, description="Of the index.")
USERNAME = OpenApiParameter("username", str, OpenApiParameter.PATH)


class OrganisationSerializer(serializers.ModelSerializer[Organisation]):
    class Meta:
        model = Organisation
        fields = ["slug", "name", "created_at"]
        read_only_fields = fields


class OrganisationDetailSerializer(OrganisationSerializer):
    role = serializers.SerializerMethodField(help_text="Yours.")

    class Meta(OrganisationSerializer.Meta):
        fields = [*OrganisationSerializer.Meta.fields, "role"]
        read_only_fields = fields

    def get_role(self, organisation: Organisation) -> str:
        return role_of(self.context["request"].user, organisation) or ""


class OrganisationWishSerializer(serializers.Serializer[dict[str, Any]]):
    slug = serializers.CharField(
        max_length=SLUG_LENGTH, help_text="In the address of its indexes; it stays what it is."
    )
    name = serializers.CharField(max_length=NAME_LENGTH)


class MemberSerializer(serializers.ModelSerializer[Membership]):
    username = serializers.CharField(source="user.username")

    class Meta:
        model = Membership
        fields = ["username", "role", "since"]
        read_only_fields = fields


class RoleWishSerializer(serializers.Serializer[dict[str, Any]]):
    role = serializers.ChoiceField(choices=ROLES)


class InvitationWishSerializer(RoleWishSerializer):
    whom = serializers.CharField(max_length=254, help_text="A username, or an e-mail address.")


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    organisation = serializers.CharField(source="organisation.slug")
    invited = serializers.CharField(help_text="The username, or the e-mail address.")

    class Meta:
        model = Invitation
        fields = ["id", "organisation", "invited", "role", "created_at", "expires_at"]
        read_only_fields = fields


class TermsSerializer(serializers.Serializer[Any]):
    """What an index lists, and to whom."""

    projects = serializers.ListField(
        child=serializers.CharField(max_length=214), allow_empty=False, max_length=MOST_PROJECTS
    )
    is_private = serializers.BooleanField(default=False)
    licences = serializers.ListField(
        child=serializers.CharField(max_length=255),
        default=list,
        max_length=200,
        help_text="SPDX licences that are allowed, each by itself; none allows any.",
    )
    reproducible_only = serializers.BooleanField(
        default=False, help_text="List only wheels that came out the same when built again."
    )
    min_age_days = serializers.IntegerField(default=0, min_value=0, max_value=LONGEST_AGE)
    without_superseded = serializers.BooleanField(
        default=True,
        help_text="Leave out wheels of ours that upstream's, or later ones of ours, take the place"
        " of.",
    )


class IndexWishSerializer(TermsSerializer):
    slug = serializers.CharField(max_length=SLUG_LENGTH)


class IndexSerializer(serializers.ModelSerializer[CuratedIndex]):
    projects = serializers.ListField(child=serializers.CharField())
    licences = serializers.ListField(child=serializers.CharField())
    url = serializers.SerializerMethodField(help_text="What pip and uv are given.")

    class Meta:
        model = CuratedIndex
        fields = [
            "slug",
            "url",
            "is_private",
            "projects",
            "licences",
            "reproducible_only",
            "min_age_days",
            "without_superseded",
            "created_at",
            "changed_at",
        ]
        read_only_fields = fields

    def get_url(self, index: CuratedIndex) -> str:
        return f"{settings.AFFINEUR_PUBLIC_URL}/o/{index.tenant}/{index.slug}/simple/"


class LeftOutQuerySerializer(serializers.Serializer[dict[str, Any]]):
    project = serializers.CharField(max_length=214)


class LeftOutFileSerializer(serializers.Serializer[Any]):
    filename = serializers.CharField()
    ground = serializers.ChoiceField(choices=GROUNDS)
    detail = serializers.CharField(allow_blank=True)


class LeftOutSerializer(serializers.Serializer[Any]):
    """What the rules of an index do to one project, as of now."""

    project = serializers.CharField()
    is_known = serializers.BooleanField(
        help_text="Whether it was chosen, and there is such a project."
    )
    listed = serializers.ListField(child=serializers.CharField())
    left_out = LeftOutFileSerializer(many=True)


class ReaderTokenSerializer(serializers.ModelSerializer[ReaderToken]):
    class Meta:
        model = ReaderToken
        fields = [
            "id",
            "name",
            "prefix",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]
        read_only_fields = fields


class NewReaderTokenSerializer(ReaderTokenSerializer):
    """A token with its secret, which cannot be shown again."""

    token = serializers.SerializerMethodField(help_text="The secret. Keep it; it is not kept here.")

    class Meta(ReaderTokenSerializer.Meta):
        fields = [*ReaderTokenSerializer.Meta.fields, "token"]
        read_only_fields = fields

    def get_token(self, token: ReaderToken) -> str:
        return str(self.context["secret"])


class ReaderTokenWishSerializer(serializers.Serializer[dict[str, Any]]):
    name = serializers.CharField(max_length=NAME_LENGTH)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class OrganisationViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.ORGANISE
    cursor_ordering = ("slug",)
    serializer_class = OrganisationSerializer
    lookup_field = "slug"

    def get_queryset(self) -> QuerySet[Organisation]:
        return Organisation.objects.of(self.person)

    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), OrganisationSerializer)

    @extend_schema(request=OrganisationWishSerializer, responses={201: OrganisationSerializer})
    def create(self, request: Request) -> Response:
        """Who makes it is its owner."""
        wish = OrganisationWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = create_organisation(user=self.person, at=timezone.now(), **wish.validated_data)
        return Response(OrganisationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[SLUG], responses=OrganisationDetailSerializer)
    def retrieve(self, request: Request, slug: str) -> Response:
        context = self.get_serializer_context()
        return Response(OrganisationDetailSerializer(self.get_object(), context=context).data)


class InOrganisation(ApiViewSet):
    # Those below, whose address begins with an organisation's.
    permission_classes = PERSONAL
    required_scope = Scope.ORGANISE

    def organisation(self, slug: str) -> Organisation:
        return get_object_or_404(Organisation.objects.of(self.person), slug=slug)


class MemberViewSet(InOrganisation):
    cursor_ordering = ("since", "pk")
    serializer_class = MemberSerializer

    @extend_schema(parameters=[SLUG])
    def list(self, request: Request, slug: str) -> Response:
        members = self.organisation(slug).memberships.select_related("user")
        return self.page_of(members, MemberSerializer)

    @extend_schema(
        parameters=[SLUG, USERNAME], request=RoleWishSerializer, responses=MemberSerializer
    )
    def update(self, request: Request, slug: str, username: str) -> Response:
        wish = RoleWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        member = change_role(
            by=self.person,
            organisation=self.organisation(slug),
            username=username,
            role=wish.validated_data["role"],
            at=timezone.now(),
        )
        return Response(MemberSerializer(member).data)

    @extend_schema(parameters=[SLUG, USERNAME], responses={204: None})
    def destroy(self, request: Request, slug: str, username: str) -> Response:
        """Of somebody else it takes an owner; your own membership you end yourself."""
        organisation = self.organisation(slug)
        remove_member(
            by=self.person, organisation=organisation, username=username, at=timezone.now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationViewSet(InOrganisation):
    cursor_ordering = ("-created_at", "pk")
    serializer_class = InvitationSerializer

    @extend_schema(parameters=[SLUG])
    def list(self, request: Request, slug: str) -> Response:
        """Those that nobody has answered yet."""
        organisation = self.organisation(slug)
        verify_may(self.person, organisation, Act.ADMIT)
        found = open_invitations(organisation, at=timezone.now())
        return self.page_of(found.select_related("organisation", "user"), InvitationSerializer)

    @extend_schema(
        parameters=[SLUG], request=InvitationWishSerializer, responses={201: InvitationSerializer}
    )
    def create(self, request: Request, slug: str) -> Response:
        """Nobody belongs to it before they have accepted."""
        wish = InvitationWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        made = invite(
            by=self.person,
            organisation=self.organisation(slug),
            at=timezone.now(),
            **wish.validated_data,
        )
        return Response(InvitationSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[SLUG], responses={204: None})
    def destroy(self, request: Request, slug: str, pk: UUID) -> Response:
        """Take it back."""
        found = get_object_or_404(self.organisation(slug).invitations, pk=pk)
        revoke_invitation(by=self.person, invitation=found, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class MyInvitationViewSet(ApiViewSet):
    permission_classes = PERSONAL
    required_scope = Scope.ORGANISE
    cursor_ordering = ("-created_at", "pk")
    serializer_class = InvitationSerializer

    def get_queryset(self) -> QuerySet[Invitation]:
        return Invitation.objects.to(self.person).select_related("organisation", "user")

    def list(self, request: Request) -> Response:
        """What you are invited to and have not answered."""
        found = invitations_to(self.person, at=timezone.now()).select_related("user")
        return self.page_of(found, InvitationSerializer)

    @extend_schema(request=None, responses={201: MemberSerializer})
    def accept(self, request: Request, pk: UUID) -> Response:
        """Belong to the organisation."""
        member = accept_invitation(
            user=self.person, invitation=self.get_object(), at=timezone.now()
        )
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def decline(self, request: Request, pk: UUID) -> Response:
        decline_invitation(user=self.person, invitation=self.get_object(), at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class OrganisationLedgerViewSet(InOrganisation):
    cursor_ordering = ("-pk",)
    serializer_class = EntrySerializer

    @extend_schema(parameters=[SLUG], operation_id="organisations_ledger_list")
    def list(self, request: Request, slug: str) -> Response:
        """Everything that was done in it, newest first, for its owners and managers."""
        organisation = self.organisation(slug)
        verify_may(self.person, organisation, Act.CURATE)
        return self.page_of(entries_of(organisation), EntrySerializer)


class IndexViewSet(InOrganisation):
    cursor_ordering = ("slug",)
    serializer_class = IndexSerializer

    def _index(self, slug: str, index: str) -> CuratedIndex:
        return get_object_or_404(indexes_of(self.organisation(slug)), slug=index)

    @extend_schema(parameters=[SLUG])
    def list(self, request: Request, slug: str) -> Response:
        return self.page_of(indexes_of(self.organisation(slug)), IndexSerializer)

    @extend_schema(parameters=[SLUG], request=IndexWishSerializer, responses={201: IndexSerializer})
    def create(self, request: Request, slug: str) -> Response:
        wish = IndexWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        index = create_index(
            by=self.person,
            organisation=self.organisation(slug),
            slug=wish.validated_data["slug"],
            terms=_terms(wish.validated_data),
            at=timezone.now(),
        )
        return Response(IndexSerializer(index).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[SLUG, INDEX])
    def retrieve(self, request: Request, slug: str, index: str) -> Response:
        return Response(IndexSerializer(self._index(slug, index)).data)

    @extend_schema(parameters=[SLUG, INDEX], request=TermsSerializer, responses=IndexSerializer)
    def update(self, request: Request, slug: str, index: str) -> Response:
        """All of its terms anew; what is left out has its default."""
        wish = TermsSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        changed = change_index(
            by=self.person,
            organisation=self.organisation(slug),
            index=self._index(slug, index),
            terms=_terms(wish.validated_data),
            at=timezone.now(),
        )
        return Response(IndexSerializer(changed).data)

    @extend_schema(parameters=[SLUG, INDEX], responses={204: None})
    def destroy(self, request: Request, slug: str, index: str) -> Response:
        delete_index(
            by=self.person,
            organisation=self.organisation(slug),
            index=self._index(slug, index),
            at=timezone.now(),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[SLUG, INDEX, LeftOutQuerySerializer], responses=LeftOutSerializer)
    def left_out(self, request: Request, slug: str, index: str) -> Response:
        """Which files of a project the rules leave out, and why."""
        chosen = self._index(slug, index)
        wanted = LeftOutQuerySerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        name = parse_project_name(wanted.validated_data["project"])
        found = read_curated(index=chosen, name=name, at=timezone.now())
        answer = {
            "project": name,
            "is_known": found is not None,
            "listed": [file.filename for file in found.page.files] if found else [],
            "left_out": found.left_out if found else [],
        }
        return Response(LeftOutSerializer(answer).data)


def _terms(wanted: dict[str, Any]) -> Terms:
    return Terms(
        projects=wanted["projects"],
        is_private=wanted["is_private"],
        rules=Rules(
            licences=tuple(wanted["licences"]),
            reproducible_only=wanted["reproducible_only"],
            min_age_days=wanted["min_age_days"],
            without_superseded=wanted["without_superseded"],
        ),
    )


class ReaderTokenViewSet(InOrganisation):
    cursor_ordering = ("-created_at", "pk")
    serializer_class = ReaderTokenSerializer

    @extend_schema(parameters=[SLUG])
    def list(self, request: Request, slug: str) -> Response:
        organisation = self.organisation(slug)
        verify_may(self.person, organisation, Act.CURATE)
        return self.page_of(tokens_of(organisation), ReaderTokenSerializer)

    @extend_schema(
        parameters=[SLUG],
        request=ReaderTokenWishSerializer,
        responses={201: NewReaderTokenSerializer},
    )
    def create(self, request: Request, slug: str) -> Response:
        """One that reads every index of the organisation."""
        wish = ReaderTokenWishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        token, secret = issue_reader_token(
            by=self.person,
            organisation=self.organisation(slug),
            at=timezone.now(),
            **wish.validated_data,
        )
        data = NewReaderTokenSerializer(token, context={"secret": secret}).data
        return Response(data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[SLUG], responses={204: None})
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Revoke it: it stays in the list, and opens nothing any more."""
        organisation = self.organisation(slug)
        token = get_object_or_404(tokens_of(organisation), pk=pk)
        revoke_reader_token(
            by=self.person, organisation=organisation, token_id=token.pk, at=timezone.now()
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
