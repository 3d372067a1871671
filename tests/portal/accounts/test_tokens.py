from datetime import timedelta

import pytest
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from portal.accounts.authentication import HasScope, required_scope
from portal.accounts.models import ApiToken
from portal.accounts.scopes import Scope
from portal.accounts.services import authenticate_token, issue_token, revoke_token
from portal.errors import InvalidToken, UnknownScope
from tests.portal.people import AT, LATER, add_factor

pytestmark = pytest.mark.django_db


class Wishes(APIView):
    permission_classes = [IsAuthenticated, HasScope]
    required_scope = Scope.REQUEST

    def get(self, request):
        return Response({"user": request.user.username})

    def post(self, request):
        return Response({"user": request.user.username})


class Unmarked(APIView):
    permission_classes = [HasScope]

    def post(self, request):
        return Response({})


class Consents(APIView):
    permission_classes = [IsAuthenticated, required_scope(Scope.CONSENT)]

    def post(self, request):
        return Response({})


urlpatterns = [
    path("wishes/", Wishes.as_view()),
    path("unmarked/", Unmarked.as_view()),
    path("consents/", Consents.as_view()),
]


def issue(user, *scopes, expires_at=None):
    return issue_token(
        user=user,
        name="laptop",
        scopes=scopes or ("read", "request"),
        expires_at=expires_at,
        at=AT,
    )


def client_with(secret: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_the_secret_is_nowhere_in_the_database(maintainer):
    token, secret = issue(maintainer)
    row = ApiToken.objects.values().get(pk=token.pk)
    assert secret.startswith("aff_")
    assert len(secret) > 40
    assert secret not in str(row)
    assert secret.startswith(row["prefix"])
    assert len(row["prefix"]) < 16


def test_its_secret_finds_the_token(maintainer):
    token, secret = issue(maintainer)
    assert authenticate_token(secret=secret, at=AT) == token
    assert authenticate_token(secret=secret + "x", at=AT) is None


def test_scopes_are_kept_in_their_order_and_once(maintainer):
    token, _ = issue(maintainer, "consent", "read", "read")
    assert token.scopes == ["read", "consent"]


@pytest.mark.parametrize("scopes", [["read", "everything"], []])
def test_a_scope_that_is_none_is_refused(maintainer, scopes):
    with pytest.raises(UnknownScope, match="read, request, consent"):
        issue_token(user=maintainer, name="x", scopes=scopes, expires_at=None, at=AT)


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_token_needs_a_name(maintainer, name):
    with pytest.raises(InvalidToken, match="80 characters"):
        issue_token(user=maintainer, name=name, scopes=["read"], expires_at=None, at=AT)


def test_a_token_that_is_over_already_is_refused(maintainer):
    with pytest.raises(InvalidToken, match="later time"):
        issue(maintainer, expires_at=AT)


def test_an_expired_token_is_nobodys(maintainer):
    _, secret = issue(maintainer, expires_at=LATER)
    assert authenticate_token(secret=secret, at=LATER - timedelta(seconds=1))
    assert authenticate_token(secret=secret, at=LATER) is None


def test_a_revoked_token_is_nobodys_at_once(maintainer):
    token, secret = issue(maintainer)
    revoke_token(token=token, by=token.user, at=AT)
    revoke_token(token=token, by=token.user, at=LATER)
    assert token.revoked_at == AT
    assert authenticate_token(secret=secret, at=AT) is None


def test_a_closed_accounts_token_is_nobodys(maintainer):
    _, secret = issue(maintainer)
    maintainer.is_active = False
    maintainer.save()
    assert authenticate_token(secret=secret, at=AT) is None


def test_staff_without_a_second_factor_has_no_working_token(administrator, stranger):
    _, secret = issue(stranger)
    stranger.is_staff = True
    stranger.save()
    assert authenticate_token(secret=secret, at=AT) is None
    add_factor(stranger)
    assert authenticate_token(secret=secret, at=AT)


def test_its_use_is_written_once_a_minute_at_most(maintainer, django_assert_num_queries):
    token, secret = issue(maintainer)
    authenticate_token(secret=secret, at=AT)
    with django_assert_num_queries(1):
        authenticate_token(secret=secret, at=AT + timedelta(seconds=59))
    token.refresh_from_db()
    assert token.last_used_at == AT
    authenticate_token(secret=secret, at=AT + timedelta(seconds=60))
    token.refresh_from_db()
    assert token.last_used_at == AT + timedelta(seconds=60)


@pytest.mark.urls(__name__)
class TestRequests:
    def test_a_token_speaks_for_its_user(self, maintainer):
        _, secret = issue(maintainer)
        assert client_with(secret).get("/wishes/").json() == {"user": "maintainer"}

    @pytest.mark.parametrize("secret", ["aff_wrong", "", "\xff"])
    def test_a_bad_token_is_401_and_says_how_to_come_in(self, secret, db):
        response = client_with(secret).get("/wishes/")
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == 'Bearer realm="affineur"'

    def test_nobody_is_401(self, db):
        response = APIClient().get("/wishes/")
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")

    def test_acting_needs_the_views_scope(self, maintainer):
        _, reading = issue(maintainer, "read")
        _, asking = issue(maintainer, "request")
        assert client_with(reading).post("/wishes/").status_code == 403
        assert client_with(asking).post("/wishes/").status_code == 200

    def test_reading_needs_the_scope_to_read(self, maintainer):
        _, asking = issue(maintainer, "request")
        assert client_with(asking).get("/wishes/").status_code == 403

    def test_a_scope_can_be_named_at_the_permission(self, maintainer):
        _, asking = issue(maintainer, "request")
        _, consenting = issue(maintainer, "consent")
        assert client_with(asking).post("/consents/").status_code == 403
        assert client_with(consenting).post("/consents/").status_code == 200

    def test_a_view_that_names_no_scope_is_closed_to_tokens(self, maintainer):
        _, secret = issue(maintainer, "read", "request", "consent")
        assert client_with(secret).post("/unmarked/").status_code == 403

    def test_a_session_has_every_scope(self, maintainer):
        client = APIClient()
        client.force_login(maintainer)
        assert client.post("/wishes/").status_code == 200
        assert client.post("/consents/").status_code == 200
