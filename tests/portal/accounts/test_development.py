"""What the development sign-in is, and that production knows nothing of it."""

import pytest
from allauth.account.adapter import get_adapter
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client

from portal.accounts.models import User
from portal.accounts.services import authenticate_token, development_sign_in, issue_token, may_act
from portal.errors import DevelopmentOnly, InvalidUsername, UsernameTaken
from tests.portal.people import AT, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def development(settings):
    settings.AFFINEUR_DEVELOPMENT = True


@pytest.fixture
def ann(settings) -> User:
    """Signed in for development once; now it is production."""
    settings.AFFINEUR_DEVELOPMENT = True
    user = development_sign_in(username="ann", at=AT)
    settings.AFFINEUR_DEVELOPMENT = False
    return user


def test_a_name_is_enough_in_development(development):
    user = development_sign_in(username="ann", at=AT)
    assert user.signed_in_for_development
    assert not user.has_usable_password()
    assert development_sign_in(username="ann", at=AT) == user


def test_production_refuses(db):
    with pytest.raises(DevelopmentOnly):
        development_sign_in(username="ann", at=AT)
    assert not User.objects.exists()


def test_it_never_opens_an_account_made_otherwise(development):
    make_user("root", is_staff=True)
    make_user("bob")
    for name in ("root", "bob"):
        with pytest.raises(UsernameTaken):
            development_sign_in(username=name, at=AT)


@pytest.mark.parametrize("name", ["builds", "Indexes", "portal"])
def test_nobody_is_called_as_a_part_of_the_machine(development, name):
    with pytest.raises(UsernameTaken):
        development_sign_in(username=name, at=AT)
    with pytest.raises(ValidationError):
        get_adapter().clean_username(name, shallow=True)


@pytest.mark.parametrize("name", ["", "a b", "x" * 151, "a/b"])
def test_a_name_that_is_none_is_refused(development, name):
    with pytest.raises(InvalidUsername):
        development_sign_in(username=name, at=AT)


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_the_database_keeps_development_users_from_power(ann, power):
    with pytest.raises(IntegrityError):
        User.objects.filter(pk=ann.pk).update(**{power: True})


def test_the_admin_gives_them_none(ann, administrator, client):
    client.force_login(administrator)
    url = f"/admin/accounts/user/{ann.pk}/change/"
    client.post(url, {"username": "ann", "is_active": "on", "is_staff": "on"})
    ann.refresh_from_db()
    assert not ann.is_staff


def test_such_a_user_may_not_act_in_production(ann, settings):
    assert not may_act(ann)
    settings.AFFINEUR_DEVELOPMENT = True
    assert may_act(ann)


def test_their_session_is_nobodys_in_production(ann, settings):
    client = Client()
    client.force_login(ann)
    assert client.get("/account/2fa/").status_code == 302
    settings.AFFINEUR_DEVELOPMENT = True
    assert client.get("/account/2fa/").status_code == 200


def test_their_token_is_nobodys_in_production(ann, settings):
    _, secret = issue_token(user=ann, name="x", scopes=["read"], expires_at=None, at=AT)
    assert authenticate_token(secret=secret, at=AT) is None
    settings.AFFINEUR_DEVELOPMENT = True
    assert authenticate_token(secret=secret, at=AT)


def test_production_has_no_such_address(client):
    assert client.post("/account/development/", {"username": "ann"}).status_code == 404
    assert not User.objects.exists()


@pytest.mark.urls("tests.portal.accounts.urls_of_development")
class TestPage:
    def test_signing_in_makes_a_session(self, client, development):
        response = client.post("/account/development/", {"username": "ann"})
        assert response.status_code == 302
        assert response["Location"] == "/mine/"
        assert client.session["_auth_user_id"] == str(User.objects.get(username="ann").pk)

    def test_it_goes_on_to_where_one_came_from(self, client, development):
        data = {"username": "ann", "next": "/docopt/"}
        assert client.post("/account/development/", data)["Location"] == "/docopt/"

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/"])
    def test_it_goes_nowhere_else(self, client, development, elsewhere):
        data = {"username": "ann", "next": elsewhere}
        assert client.post("/account/development/", data)["Location"] == "/mine/"

    def test_the_form_says_what_it_is(self, client, development):
        page = client.get("/account/development/").content.decode()
        assert "anyone can be anyone" in page
        assert 'name="username"' in page

    def test_a_bad_name_is_answered_beside_the_field(self, client, development):
        response = client.post("/account/development/", {"username": "a b"})
        assert response.status_code == 400
        assert "is no username" in response.content.decode()

    def test_it_is_closed_without_the_setting(self, client):
        response = client.post("/account/development/", {"username": "ann"})
        assert response.status_code == 400
        assert not User.objects.exists()

    def test_it_needs_the_forms_token(self, development):
        client = Client(enforce_csrf_checks=True)
        response = client.post("/account/development/", {"username": "ann"})
        assert response.status_code == 403
