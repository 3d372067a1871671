"""Staff with a security key, in a browser whose authenticator is Chromium's virtual one."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.urls import reverse

from portal.accounts.models import User
from portal.moderation.apps import MODERATORS
from tests.journeys.conftest import Arrive
from tests.journeys.persons import Person

pytestmark = [pytest.mark.journey, pytest.mark.xdist_group("keys")]

PASSWORD = "a good long password"
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def root(transactional_db, settings) -> User:
    """As `manage.py createsuperuser` makes one, who moderates besides."""
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    user = User.objects.create_superuser("root", "root@host.example", PASSWORD)
    user.groups.add(Group.objects.get(name=MODERATORS))
    return user


@pytest.fixture
def person(arrive: Arrive, root: User) -> Person:
    return arrive("root")


def plug_in(person: Person) -> None:
    """A key that answers by itself, as if it were touched."""
    session = person.context.new_cdp_session(person.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})


def give_password(person: Person, then: str) -> None:
    person.page.goto(f"{person.url}{reverse('account_login')}?next={reverse(then)}")
    person.clicks(person.page.get_by_text("Administrators sign in with a password"))
    person.writes("Username", person.name)
    person.writes("Password", PASSWORD)
    person.presses("Sign in")


def add_key(person: Person) -> None:
    person.goes_to("mfa_index")
    person.goes_by(person.page.locator(f"a[href='{reverse('mfa_add_webauthn')}']"))
    person.writes("Password", PASSWORD)
    person.presses("Confirm")
    person.looks("staff-add-key")
    person.writes("Name", "The one on my keys")
    person.presses("Add")


def test_staff_adds_a_key_and_signs_in_with_it_and_with_no_other(
    person: Person, arrive: Arrive, root: User
):
    plug_in(person)
    give_password(person, "admin:index")
    assert person.page.url.endswith(reverse("mfa_index"))
    assert "Staff act here with a second factor only" in person.reads
    person.looks("staff-no-key")
    add_key(person)
    person.looks("staff-key-added")
    key = Authenticator.objects.get(user=root, type=Authenticator.Type.WEBAUTHN)
    assert key.wrap().name == "The one on my keys"

    person.goes_to("account_logout")
    person.presses("Sign Out")
    give_password(person, "web:cases")
    person.looks("staff-asked-for-key")
    person.goes_to("web:cases")
    assert person.page.url.endswith(reverse("mfa_authenticate"))
    person.presses("Use a security key")
    assert person.page.url == person.url + reverse("web:cases")
    assert "Cases" in person.page.title()
    person.goes_to("admin:index")
    assert "Site administration" in person.reads

    thief = arrive("root")
    plug_in(thief)
    give_password(thief, "admin:index")
    thief.clicks(thief.button("Use a security key"))
    thief.page.wait_for_timeout(500)
    thief.goes_to("admin:index")
    assert thief.page.url.endswith(reverse("mfa_authenticate"))


def test_staff_without_a_key_is_kept_out(person: Person):
    give_password(person, "web:cases")
    assert "Staff act here with a second factor only" in person.reads
    person.goes_to("admin:index")
    assert person.page.url.endswith(reverse("mfa_index"))
