from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.http import require_safe
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.api.agreements import AgreementViewSet
from portal.api.builds import BuildViewSet
from portal.api.consents import (
    ConsentActsViewSet,
    ConsentsOfProjectViewSet,
    ConsentViewSet,
)
from portal.api.development import DevelopmentSignInViewSet
from portal.api.files import FileViewSet, ProvenanceKeyViewSet
from portal.api.ledger import CheckpointViewSet, LedgerViewSet, PublicLedgerViewSet
from portal.api.me import MeViewSet
from portal.api.moderation import CaseViewSet, DecisionViewSet, ReportViewSet
from portal.api.organisations import (
    IndexViewSet,
    InvitationViewSet,
    MemberViewSet,
    MyInvitationViewSet,
    OrganisationLedgerViewSet,
    OrganisationViewSet,
    ReaderTokenViewSet,
)
from portal.api.owners import (
    DelegationsViewSet,
    LicenceViewSet,
    PauseLinkViewSet,
    RefusalViewSet,
    SiblingsViewSet,
    ThresholdViewSet,
    WishesViewSet,
)
from portal.api.problems import ProblemKindViewSet
from portal.api.projects import ProjectViewSet
from portal.api.proofs import (
    ProofMethodViewSet,
    ProofsOfProjectViewSet,
    ProofViewSet,
    TokenOfProofViewSet,
)
from portal.api.recipes import RecipeEditsViewSet, RecipeViewSet
from portal.api.register import RegisterViewSet
from portal.api.requests import RequestViewSet
from portal.api.status import UpstreamStatusViewSet, VerificationViewSet
from portal.api.tokens import TokenViewSet

LIST: dict[str, Any] = {"get": "list"}
LIST_AND_CREATE: dict[str, Any] = {"get": "list", "post": "create"}
RETRIEVE: dict[str, Any] = {"get": "retrieve"}
ONE: dict[str, Any] = {"get": "retrieve", "put": "update", "delete": "destroy"}


class NothingHere(APIView):
    """Any other address under the API: not found, in the API's own words."""

    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("The API has nothing at this address; api/v1/schema/ lists what it has.")


@require_safe
def committed_schema(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # Django calls it so
    """The schema as it was reviewed: making it anew takes long, and gives the same."""
    return HttpResponse(_schema(), content_type="application/vnd.oai.openapi+json")


@cache
def _schema() -> bytes:
    return (Path(__file__).parent / "openapi.json").read_bytes()


urlpatterns = [
    path("agreements/", AgreementViewSet.as_view(LIST)),
    path("agreements/<slug:sha256>/", AgreementViewSet.as_view(RETRIEVE)),
    path("builds/", BuildViewSet.as_view(LIST)),
    path("builds/<uuid:pk>/", BuildViewSet.as_view(RETRIEVE)),
    path("builds/<uuid:pk>/log/", BuildViewSet.as_view({"get": "log"})),
    path("cases/", CaseViewSet.as_view(LIST)),
    path("consents/<uuid:pk>/", ConsentViewSet.as_view(RETRIEVE)),
    path(
        "consents/<uuid:pk>/revocation/",
        ConsentViewSet.as_view({"get": "revocation", "post": "revoke"}),
    ),
    path("consents/<uuid:pk>/approval/", ConsentActsViewSet.as_view({"post": "approve"})),
    path(
        "consents/<uuid:pk>/objection/",
        ConsentActsViewSet.as_view({"post": "object", "delete": "relent"}),
    ),
    path("consents/<uuid:pk>/pause/", ConsentActsViewSet.as_view({"post": "pause"})),
    path("consents/<uuid:pk>/resume/", ConsentActsViewSet.as_view({"post": "resume"})),
    path("consents/<uuid:pk>/scope/", ConsentActsViewSet.as_view({"post": "rescope"})),
    path("consents/<uuid:pk>/unlisting/", ConsentActsViewSet.as_view({"post": "unlist"})),
    path("delegations/<int:pk>/", DelegationsViewSet.as_view({"delete": "destroy"})),
    path("decisions/", DecisionViewSet.as_view(LIST)),
    path("decisions/<uuid:pk>/", DecisionViewSet.as_view(RETRIEVE)),
    path(
        "decisions/<uuid:pk>/appeal/",
        DecisionViewSet.as_view({"get": "appeal", "post": "make_appeal"}),
    ),
    path("files/", FileViewSet.as_view(LIST)),
    path("files/<str:filename>/", FileViewSet.as_view(RETRIEVE)),
    path("ledger/", PublicLedgerViewSet.as_view(LIST)),
    path("ledger/checkpoints/", CheckpointViewSet.as_view(LIST)),
    path("files/<str:filename>/yank/", FileViewSet.as_view({"post": "yank", "delete": "unyank"})),
    path("invitations/", MyInvitationViewSet.as_view(LIST)),
    path(
        "invitations/<uuid:pk>/",
        MyInvitationViewSet.as_view({"post": "accept", "delete": "decline"}),
    ),
    path("me/", MeViewSet.as_view(LIST)),
    path("organisations/", OrganisationViewSet.as_view(LIST_AND_CREATE)),
    path("organisations/<slug:slug>/", OrganisationViewSet.as_view(RETRIEVE)),
    path("organisations/<slug:slug>/indexes/", IndexViewSet.as_view(LIST_AND_CREATE)),
    path("organisations/<slug:slug>/indexes/<slug:index>/", IndexViewSet.as_view(ONE)),
    path(
        "organisations/<slug:slug>/indexes/<slug:index>/left-out/",
        IndexViewSet.as_view({"get": "left_out"}),
    ),
    path("organisations/<slug:slug>/invitations/", InvitationViewSet.as_view(LIST_AND_CREATE)),
    path(
        "organisations/<slug:slug>/invitations/<uuid:pk>/",
        InvitationViewSet.as_view({"delete": "destroy"}),
    ),
    path("organisations/<slug:slug>/ledger/", OrganisationLedgerViewSet.as_view(LIST)),
    path("organisations/<slug:slug>/members/", MemberViewSet.as_view(LIST)),
    path(
        "organisations/<slug:slug>/members/<str:username>/",
        MemberViewSet.as_view({"put": "update", "delete": "destroy"}),
    ),
    path("organisations/<slug:slug>/tokens/", ReaderTokenViewSet.as_view(LIST_AND_CREATE)),
    path(
        "organisations/<slug:slug>/tokens/<uuid:pk>/",
        ReaderTokenViewSet.as_view({"delete": "destroy"}),
    ),
    path("problems/", ProblemKindViewSet.as_view(LIST)),
    path("problems/<slug:code>/", ProblemKindViewSet.as_view(RETRIEVE)),
    path("projects/<str:name>/", ProjectViewSet.as_view(RETRIEVE)),
    path("projects/<str:name>/consents/", ConsentsOfProjectViewSet.as_view(LIST_AND_CREATE)),
    path("projects/<str:name>/coverage/", ProjectViewSet.as_view({"get": "coverage"})),
    path("projects/<str:name>/delegations/", DelegationsViewSet.as_view(LIST_AND_CREATE)),
    path("projects/<str:name>/drafts/", WishesViewSet.as_view({"get": "drafts"})),
    path("projects/<str:name>/ledger/", LedgerViewSet.as_view(LIST)),
    path("projects/<str:name>/licence/", LicenceViewSet.as_view(RETRIEVE)),
    path("projects/<str:name>/pause-link/", PauseLinkViewSet.as_view({"post": "create"})),
    path("projects/<str:name>/plan/", ProjectViewSet.as_view({"get": "plan"})),
    path("projects/<str:name>/proofs/", ProofsOfProjectViewSet.as_view(LIST_AND_CREATE)),
    path(
        "projects/<str:name>/recipe/",
        RecipeViewSet.as_view({"get": "retrieve", "post": "create"}),
    ),
    path("projects/<str:name>/recipe/edits/", RecipeEditsViewSet.as_view(LIST)),
    path("projects/<str:name>/recipe/preview/", RecipeViewSet.as_view({"post": "preview"})),
    path("proof-methods/", ProofMethodViewSet.as_view(LIST)),
    path(
        "projects/<str:name>/refusal/",
        RefusalViewSet.as_view({"get": "retrieve", "post": "create", "delete": "destroy"}),
    ),
    path("projects/<str:name>/siblings/", SiblingsViewSet.as_view(LIST_AND_CREATE)),
    path(
        "projects/<str:name>/threshold/",
        ThresholdViewSet.as_view({"get": "retrieve", "put": "update"}),
    ),
    path("projects/<str:name>/wishes/", WishesViewSet.as_view(RETRIEVE)),
    path("proofs/<uuid:pk>/", ProofViewSet.as_view(RETRIEVE)),
    path("proofs/<uuid:pk>/check/", ProofViewSet.as_view({"post": "check"})),
    path("proofs/<uuid:pk>/token/", TokenOfProofViewSet.as_view({"post": "bring"})),
    path("provenance/key/", ProvenanceKeyViewSet.as_view(LIST)),
    path("register/", RegisterViewSet.as_view(LIST)),
    path("reports/", ReportViewSet.as_view(LIST_AND_CREATE)),
    path("reports/<uuid:pk>/", ReportViewSet.as_view(RETRIEVE)),
    path("requests/", RequestViewSet.as_view(LIST_AND_CREATE)),
    path("requests/<uuid:pk>/", RequestViewSet.as_view(RETRIEVE)),
    path("schema/", committed_schema, name="api-schema"),
    path("status/projects/", VerificationViewSet.as_view(LIST)),
    path("status/upstream/", UpstreamStatusViewSet.as_view(LIST)),
    path("tokens/", TokenViewSet.as_view(LIST_AND_CREATE)),
    path("tokens/<uuid:pk>/", TokenViewSet.as_view({"delete": "destroy"})),
]
if settings.AFFINEUR_DEVELOPMENT:
    urlpatterns.append(
        path("development/sign-in/", DevelopmentSignInViewSet.as_view({"post": "create"}))
    )
urlpatterns.append(re_path(r"^(?:.*/)?$", NothingHere.as_view()))
