import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.test import Client
from django.urls import reverse

from portal.accounts.middleware import staff_needs_mfa
from portal.accounts.models import User
from portal.accounts.services import sign_in_methods
from portal.settings.base import form_targets
from tests.portal.people import add_factor, make_user

PASSWORD = "a good long password"

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db) -> User:
    """As `manage.py createsuperuser` makes one."""
    return User.objects.create_superuser("root", "root@host.example", PASSWORD)


def methods():
    return {method.id: method for method in sign_in_methods()}


def test_what_is_not_set_up_says_why():
    assert set(methods()) == {"github", "pypi"}
    for method in methods().values():
        assert not method.available
        assert method.url is None
    assert "release challenge" in methods()["pypi"].explanation
    assert "operator" in methods()["github"].explanation


def test_what_is_set_up_has_an_address(settings):
    settings.AFFINEUR_GITHUB_CLIENT_ID = "id"
    settings.AFFINEUR_PYPI_OIDC_SERVER = "https://idp.example"
    assert methods()["github"].url == "/account/github/login/"
    assert methods()["pypi"].url == "/account/oidc/pypi/login/"
    assert all(method.available for method in methods().values())


def test_an_operators_provider_is_offered_when_it_is_set_up(settings):
    settings.AFFINEUR_OIDC_SERVER = "https://idp.example"
    settings.AFFINEUR_OIDC_NAME = "The guild"
    offered = methods()["operator"]
    assert (offered.name, offered.url) == ("The guild", "/account/oidc/operator/login/")


@pytest.mark.urls("tests.portal.accounts.urls_of_development")
def test_development_says_what_it_is(settings):
    settings.AFFINEUR_DEVELOPMENT = True
    assert methods()["development"].url == "/account/development/"
    assert "marked so for ever" in methods()["development"].explanation


def test_a_way_in_is_one_press_that_remembers_where_to_go(client, settings):
    settings.AFFINEUR_OIDC_SERVER = "https://idp.example"
    page = client.get("/account/login/?next=/project/docopt/consent/").content.decode()
    form = re.search(
        r'<form method="post" action="/account/oidc/operator/login/">.*?</form>', page, re.DOTALL
    )
    assert 'name="next" value="/project/docopt/consent/"' in form[0]
    assert page.index("/account/oidc/operator/login/") < page.index("switched off")


def test_forms_lead_here_and_to_who_signs_people_in():
    app = {"settings": {"server_url": "https://idp.example:8443/realms/guild"}}
    providers = {"openid_connect": {"APPS": [app]}, "github": {}}
    assert form_targets({"openid_connect": {"APPS": []}}) == ["'self'"]
    assert form_targets(providers) == [
        "'self'",
        "https://idp.example:8443",
        "https://github.com",
    ]


def test_nobody_signs_up_with_a_password(client):
    data = {"username": "ann", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/account/signup/", data)
    assert not User.objects.exists()


def test_the_admin_has_no_sign_in_of_its_own(client):
    response = client.get("/admin/login/")
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


def test_staff_is_sent_to_set_up_a_second_factor_before_the_admin(client, root):
    client.force_login(root)
    response = client.get("/admin/")
    assert response.status_code == 302
    assert response["Location"] == "/account/2fa/"


@pytest.mark.parametrize("page", ["/cases/", "/failures/"])
def test_staff_is_sent_to_set_one_up_before_pages_of_staff(client, root, page):
    client.force_login(root)
    assert client.get(page)["Location"] == "/account/2fa/"


def test_staff_without_one_does_nothing(client, root):
    client.force_login(root)
    response = client.post("/api/v1/requests/", headers={"accept": "application/json"})
    assert response.status_code == 403
    assert response.json()["code"] == "second-factor-needed"
    assert client.post("/anything/")["Location"] == "/account/2fa/"


def test_staff_with_one_goes_on(client, root):
    add_factor(root)
    client.force_login(root)
    assert client.get("/admin/").status_code == 200


def test_recovery_codes_are_no_second_factor(client, root):
    codes = Authenticator.Type.RECOVERY_CODES
    Authenticator.objects.create(user=root, type=codes, data={})
    client.force_login(root)
    assert client.get("/admin/").status_code == 302


def test_others_need_none_to_act(client):
    client.force_login(make_user("ann"))
    assert client.post("/anything/").status_code == 404


def test_who_only_reads_is_not_looked_up(rf):
    """Such a request has no `user` at all: to look at it would fail."""
    seen = []
    staff_needs_mfa(seen.append)(rf.get("/simple/docopt/"))
    assert len(seen) == 1


def test_an_administrator_comes_from_a_password_to_the_admin(client, root):
    """The whole way: password, a second factor set up, and from then on asked for."""
    sign_in(client)
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/account/2fa/totp/activate/").context["form"].secret
    client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    assert client.get("/admin/").status_code == 200

    later = Client()
    sign_in(later)
    assert later.get("/admin/").status_code == 302
    later.post("/account/2fa/authenticate/", {"code": "000000"})
    assert later.get("/admin/").status_code == 302


def sign_in(client: Client) -> None:
    client.post("/account/login/", {"login": "root", "password": PASSWORD})


def code_of(secret: str) -> str:
    counter = int(time.time()) // 30
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def test_nobody_is_given_the_username_of_somebody_before(client, administrator, stranger):
    """The ledger, and what people take home of it, go by usernames: no account is deleted."""
    client.force_login(administrator)
    path = reverse("admin:accounts_user_delete", args=[stranger.pk])
    assert client.post(path, {"post": "yes"}).status_code == 403
    assert User.objects.filter(username="stranger").exists()
