"""Every page in a real browser, at the width of a phone and of a desk.

None scrolls sideways, and axe-core finds nothing. Pictures are taken when AFFINEUR_SCREENSHOTS
says where they go.
"""

import pytest
from django.template.loader import render_to_string
from django.test import override_settings
from django.urls import resolve, reverse
from django.utils import timezone

from builds.models import Attempt, Build
from portal.accounts.models import User
from tests.journeys.conftest import Arrive
from tests.journeys.pages import (
    BROKEN,
    NOT_OK,
    NOT_PAGES,
    NOWHERE,
    addresses_of_anybody,
    addresses_of_owner,
    addresses_of_staff,
    addresses_when_held_back,
    furnish,
    hold_back,
)
from tests.journeys.persons import Person
from tests.portal.people import make_administrator
from tests.portal.test_isolation import routes
from tests.portal.web.scenes import Farm, make_project, releases, write_log

pytestmark = pytest.mark.journey


@pytest.fixture
def staff(farm: Farm, settings) -> User:
    """An administrator, with a farm that has one of everything, and a way to sign in."""
    github = {"APPS": [{"client_id": "x", "secret": "y"}]}
    settings.SOCIALACCOUNT_PROVIDERS = {**settings.SOCIALACCOUNT_PROVIDERS, "github": github}
    settings.AFFINEUR_GITHUB_CLIENT_ID = "x"
    staff = make_administrator()
    staff.set_password("a password")
    staff.save(update_fields=["password"])
    furnish(farm, staff)
    return staff


def test_every_page_is_looked_at(farm: Farm, staff: User):
    groups = (
        addresses_of_owner,
        addresses_when_held_back,
        addresses_of_staff,
        addresses_of_anybody,
    )
    paths = [path.partition("?")[0] for group in groups for path in group(farm).values()]
    seen = {resolve(path).url_name for path in paths if path != NOWHERE} | {"mfa_authenticate"}
    names = {
        pattern.name
        for _, pattern in routes()
        if pattern.callback.__module__.startswith(("portal.web.", "allauth."))
    }
    assert names - seen == set().union(*NOT_PAGES.values())


def visit(person: Person, addresses: dict[str, str]) -> None:
    for name, path in addresses.items():
        answer = person.page.goto(person.url + path)
        assert (answer is not None and answer.ok, person.page.url) == (
            name not in NOT_OK,
            person.url + path,
        )
        person.looks(name)


def test_every_page_fits_and_is_accessible(arrive: Arrive, farm: Farm, staff: User):
    owner = arrive(user=farm.owner)
    visit(owner, addresses_of_owner(farm))
    visit(arrive(user=staff), addresses_of_staff(farm))
    hold_back(farm)
    visit(owner, addresses_when_held_back(farm))
    anybody = arrive()
    visit(anybody, addresses_of_anybody(farm))
    for template in BROKEN:
        anybody.page.set_content(render_to_string(template))
        anybody.looks(template)
    anybody.goes_to("account_login")
    anybody.clicks(anybody.page.get_by_text("Administrators sign in"))
    anybody.writes("Username", staff.username)
    anybody.writes("Password", "wrong")
    anybody.presses("Sign in")
    anybody.looks("sign-in-refused")
    with override_settings(ACCOUNT_RATE_LIMITS={"login": "1/m/ip"}):
        for _ in range(2):
            anybody.writes("Password", "wrong")
            anybody.presses("Sign in")
    assert "Too many tries" in anybody.reads
    anybody.looks("sign-in-too-often")
    anybody.goes_to("account_login")
    anybody.clicks(anybody.page.get_by_text("Administrators sign in"))
    anybody.writes("Username", staff.username)
    anybody.writes("Password", "a password")
    anybody.presses("Sign in")
    assert anybody.page.url == anybody.url + reverse("mfa_authenticate")
    anybody.looks("sign-in-code")


def test_dark_is_as_readable_as_light(arrive: Arrive, farm: Farm, staff: User):
    owner = arrive(user=farm.owner)
    owner.page.emulate_media(color_scheme="dark")
    addresses = addresses_of_owner(farm)
    for name in ("home", "project", "build-failed", "build-running", "consent-form", "revoke"):
        owner.page.goto(owner.url + addresses[name])
        owner.looks_at_width(1280, f"{name}-dark")


def test_the_log_follows_under_the_policy_of_production(arrive: Arrive, farm: Farm):
    reader = arrive()
    page = reader.page
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    reader.goes_to("web:build", str(farm.running.pk))
    write_log(
        farm.running.attempts.get(),
        ("build", "compiling <b>levenshtein.c</b>\n"),
        ("repair", "auditwheel repair\n"),
    )
    page.get_by_text("compiling <b>levenshtein.c</b>").wait_for()
    page.get_by_text("auditwheel repair").wait_for()
    build_section = page.locator(".log details").filter(has_text="running bdist_wheel")
    assert "compiling" in (build_section.text_content() or "")
    Attempt.objects.filter(build=farm.running).update(state="failed")
    Build.objects.filter(pk=farm.running.pk).update(state="failed", message="The sources broke.")
    page.get_by_text("The sources broke.").wait_for()
    assert page.locator("[hx-get]").count() == 0
    assert problems == []


def test_a_folded_minor_opens_in_place(arrive: Arrive):
    at = timezone.now()
    versions = [f"{major}.0.{patch}" for major in range(30, 0, -1) for patch in "10"]
    releases(make_project("many", at=at), versions, at)
    reader = arrive()
    reader.goes_to("web:project", "many")
    page = reader.page
    assert page.get_by_role("link", name="1.0.1", exact=True).count() == 0
    page.locator("#fold-1\\.0 summary").click()
    page.get_by_role("link", name="1.0.1", exact=True).wait_for()
    assert page.locator("#fold-1\\.0 td.missing").count() == 10
