"""Every page in a real browser, at the width of a phone and of a desk.

None scrolls sideways, and axe-core finds nothing. Pictures are taken when AFFINEUR_SCREENSHOTS
says where they go.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.template.loader import render_to_string
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from builds.models import Attempt, Build
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
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
from tests.portal.people import make_administrator, make_user
from tests.portal.test_isolation import routes
from tests.portal.web.scenes import Farm, busy_farm, make_project, releases, write_log

WIDTHS = (390, 1280)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RUN_AXE = """async () => {
  const {violations} = await axe.run({resultTypes: ["violations"]});
  return violations.flatMap(({id, nodes}) =>
    nodes.map(({html, target}) => `${id}: ${target} ${html.slice(0, 160)}`));
}"""


@pytest.fixture(autouse=True)
def _playwright_runs_a_loop(monkeypatch) -> None:
    """Playwright's synchronous API keeps an event loop, in which Django would refuse to query."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def upstream(settings) -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    with fake.serve() as url:
        settings.AFFINEUR_UPSTREAM = url
        yield fake


@pytest.fixture
def owner(transactional_db) -> User:  # the rows are seen by the server's threads
    return make_user("maintainer")


@pytest.fixture
def farm(owner: User, upstream: FakeUpstream) -> Farm:  # asked by the services
    return busy_farm(owner=owner, stranger=make_user("stranger"), at=timezone.now())


def context_of(browser: Browser, width: int, url: str, user: User | None) -> BrowserContext:
    """A browser's context, signed in as `user`, under the policy of production."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
    if user is not None:
        client = Client()
        client.force_login(user, backend="portal.accounts.backends.AccountBackend")
        session = client.session
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time(), "reauthenticated": True}
        ]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
        context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": url}]
        )
    return context


def complaints(page: Page, name: str, width: int) -> list[str]:
    """What is wrong with the page that is open: sideways scrolling, and what axe-core finds."""
    found = []
    root = "document.documentElement"
    wide, seen = page.evaluate(f"[{root}.scrollWidth, {root}.clientWidth]")
    if wide > seen:
        found.append(f"{name} at {width} px is {wide} px wide")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found += [f"{name} at {width} px: {violation}" for violation in page.evaluate(RUN_AXE)]
    return found


def take_picture(page: Page, folder: Path | None, name: str) -> None:
    if folder:
        page.screenshot(path=folder / f"{name}.png", full_page=True)


class Looker:
    """Somebody who looks at one page after another, each at both widths."""

    def __init__(
        self, context: BrowserContext, url: str, folder: Path | None, found: list[str]
    ) -> None:
        self.page, self.url, self.folder, self.found = context.new_page(), url, folder, found
        self.page.on("pageerror", lambda error: self.found.append(str(error)))

    def visit(self, addresses: dict[str, str]) -> None:
        for name, path in addresses.items():
            answer = self.page.goto(self.url + path)
            assert (answer is not None and answer.ok, self.page.url) == (
                name not in NOT_OK,
                self.url + path,
            )
            self.look(name)

    def look(self, name: str) -> None:
        """At what is open. It is loaded once, and made wider."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            take_picture(self.page, self.folder, f"{name}-{width}")
            self.found += complaints(self.page, name, width)


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


def test_every_page_fits_and_is_accessible(
    live_server, browser: Browser, farm: Farm, *, staff: User, pictures: Path | None
):
    url = live_server.url
    found: list[str] = []

    def as_person(user: User | None) -> Looker:
        return Looker(context_of(browser, WIDTHS[0], url, user), url, pictures, found)

    owner = as_person(farm.owner)
    owner.visit(addresses_of_owner(farm))
    as_person(staff).visit(addresses_of_staff(farm))
    hold_back(farm)
    owner.visit(addresses_when_held_back(farm))
    anybody = as_person(None)
    anybody.visit(addresses_of_anybody(farm))
    for template in BROKEN:
        anybody.page.set_content(render_to_string(template))
        anybody.look(template)
    anybody.page.goto(url + reverse("account_login"))
    anybody.page.get_by_text("Administrators sign in").click()
    anybody.page.get_by_label("Username").fill(staff.username)
    anybody.page.get_by_label("Password").fill("wrong")
    anybody.page.get_by_role("button", name="Sign in").click()
    anybody.look("sign-in-refused")
    anybody.page.get_by_label("Password").fill("a password")
    anybody.page.get_by_role("button", name="Sign in").click()
    assert anybody.page.url == url + reverse("mfa_authenticate")
    anybody.look("sign-in-code")
    assert found == []


def test_dark_is_as_readable_as_light(
    live_server, browser: Browser, farm: Farm, *, staff: User, pictures: Path | None
):
    context = context_of(browser, 1280, live_server.url, farm.owner)
    page = context.new_page()
    page.emulate_media(color_scheme="dark")
    found: list[str] = []
    addresses = addresses_of_owner(farm)
    for name in ("home", "project", "build-failed", "build-running", "consent-form", "revoke"):
        page.goto(live_server.url + addresses[name])
        take_picture(page, pictures, f"{name}-dark")
        found += complaints(page, f"{name} in the dark", 1280)
    context.close()
    assert found == []


def test_the_log_follows_under_the_policy_of_production(live_server, browser: Browser, farm: Farm):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(live_server.url + reverse("web:build", args=[farm.running.pk]))
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
    context.close()


def test_a_folded_minor_opens_in_place(live_server, browser: Browser, owner: User):
    at = timezone.now()
    versions = [f"{major}.0.{patch}" for major in range(30, 0, -1) for patch in "10"]
    releases(make_project("many", at=at), versions, at)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(live_server.url + reverse("web:project", args=["many"]))
    assert page.get_by_role("link", name="1.0.1", exact=True).count() == 0
    page.locator("#fold-1\\.0 summary").click()
    page.get_by_role("link", name="1.0.1", exact=True).wait_for()
    assert page.locator("#fold-1\\.0 td.missing").count() == 10
    context.close()
