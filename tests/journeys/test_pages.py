"""Every page in a real browser, at the width of a phone and of a desk.

None scrolls sideways and axe-core finds nothing serious. Pictures go where
AFFINEUR_SCREENSHOTS says, or into a temporary folder.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from builds.domain.recipes import draft_recipe
from builds.models import Attempt, Build, BuilderStop, LearntRule, Replay, Replayed
from builds.services.recipes import change_recipe
from indexes.domain.curation import Rules
from indexes.models import Project
from indexes.services.curated import Terms
from indexes.upstream.fake import FakeUpstream
from portal.accounts.models import User
from portal.notices.kinds import Kind
from portal.notices.models import Delivery
from portal.notices.services import add_webhook, notify, unsubscribe_token
from portal.organisations.services import (
    create_index,
    create_organisation,
    issue_reader_token,
    revoke_reader_token,
)
from tests.portal.people import add_member, make_administrator, make_user
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


def pages(farm: Farm) -> dict[str, str]:
    """A name for its picture, and the address, of every page."""
    name = farm.project.name
    return {
        "home": reverse("web:home"),
        "search": reverse("web:search") + f"?q={name}%0Adocopt%3D%3D0.6.2%0Aunheard-of%0A%21%21",
        "project": reverse("web:project", args=[name]),
        "project-plain": reverse("web:project", args=["docopt"]),
        "project-unknown": reverse("web:project", args=["unheard-of"]),
        "release": reverse("web:release", args=[name, "0.27.1"]),
        "release-yanked": reverse("web:release", args=[name, "0.26.0"]),
        "ledger": reverse("web:ledger", args=[name]),
        "ledger-redacted": reverse("web:ledger", args=["docopt"]),
        "ledger-of-all": reverse("web:ledger-of-all"),
        "register-of-all": reverse("web:register-of-all"),
        "recipe": reverse("web:recipe", args=[name]),
        "recipe-none": reverse("web:recipe", args=["docopt"]),
        "ask": reverse("web:ask", args=[name]),
        "petition-form": reverse("web:ask", args=["docopt"]),
        "request": reverse("web:request", args=[farm.asked.pk]),
        "petition": reverse("web:request", args=[farm.petition.pk]),
        "build-published": reverse("web:build", args=[farm.published.pk]),
        "build-failed": reverse("web:build", args=[farm.failed.pk]),
        "build-running": reverse("web:build", args=[farm.running.pk]),
        "build-queued": reverse("web:build", args=[farm.queued.pk]),
        "build-cancelled": reverse("web:build", args=[farm.cancelled.pk]),
        "builds": reverse("web:builds"),
        "status": reverse("web:status"),
        "about": reverse("web:about"),
        "agreements": reverse("web:agreements"),
        "agreement": reverse("web:agreement", args=["build-and-execute", "1"]),
        "mine": reverse("web:mine"),
        "tokens": reverse("web:tokens"),
        "notices": reverse("web:notices"),
        "notice-settings": reverse("web:notice-settings"),
        "webhook": reverse("web:webhook", args=[farm.owner.webhooks.get().pk]),
        "unsubscribe": reverse(
            "web:unsubscribe", args=[unsubscribe_token(farm.owner, Kind.BUILD_FAILED)]
        ),
        "prove": reverse("web:prove", args=["docopt"]),
        "proof": reverse("web:proof", args=[farm.proof.pk]),
        "proof-pending": reverse("web:proof", args=[farm.pending.pk]),
        "consent-form": reverse("web:give-consent", args=[name]),
        "consent": reverse("web:consent", args=[farm.consent.pk]),
        "revoke": reverse("web:revoke", args=[farm.consent.pk]),
        "account-mfa": reverse("mfa_index"),
        "account-totp": reverse("mfa_activate_totp"),
        "account-webauthn": reverse("mfa_add_webauthn"),
        "account-email": reverse("account_email"),
        "account-connections": reverse("socialaccount_connections"),
        "sign-out": reverse("account_logout"),
        "yank": reverse("web:yank", args=[farm.file.filename]),
        "organisations": reverse("web:organisations"),
        "organisation": reverse("web:organisation", args=["acme"]),
        "new-index": reverse("web:new-index", args=["acme"]),
        "curated-index": reverse("web:curated-index", args=["acme", "tools"]),
        "left-out": reverse("web:left-out", args=["acme", "tools", name]),
        "reader-tokens": reverse("web:reader-tokens", args=["acme"]),
        "use-it": reverse("web:use-it"),
        "use-overlay": reverse("web:use-overlay"),
        "use-wheels": reverse("web:use-wheels"),
        "use-curated": reverse("web:use-curated", args=["acme", "tools"]),
        "nowhere": "/nowhere/",
    }


def staff_pages(farm: Farm, replayed: Replay) -> dict[str, str]:
    """Those that operators alone see."""
    return {
        "failures": reverse("web:failures"),
        "failure": f"{reverse('web:failure')}?{urlencode({'cause': farm.failed.cause})}",
        "replay": reverse("web:replay", args=[replayed.pk]),
        "status-stopped": reverse("web:status"),
    }


SIGNED_OUT = {"sign-in": "account_login", "sign-up-closed": "account_signup"}


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
    made = busy_farm(owner=owner, stranger=make_user("stranger"), at=timezone.now())
    address = "https://hook.example/one/that/is/told/of/everything/that/happens/here"
    add_webhook(person=owner, url=address, at=timezone.now())
    for kind in Kind:
        about = {"version": "0.27.0", "target": made.failed.target, "until": "2030-01-01"}
        notify(kind=kind, project=made.project, about=about, people=[owner])
    Delivery.objects.filter(channel="webhook").update(
        state="given-up", log=[{"at": timezone.now().isoformat(), "said": "Answered 500."}]
    )
    curate(made)
    return made


def curate(farm: Farm) -> None:
    """An organisation of the farm's owner, with one index and two tokens."""
    at = timezone.now()
    Project.objects.filter(pk=farm.project.pk).update(upstream_digest="0" * 64)
    acme = create_organisation(user=farm.owner, slug="acme", name="Acme Ltd", at=at)
    add_member(by=farm.owner, organisation=acme, username="stranger", role="viewer", at=at)
    terms = Terms(
        [farm.project.name, "docopt"],
        is_private=True,
        rules=Rules(min_age_days=30, reproducible_only=True),
    )
    create_index(by=farm.owner, organisation=acme, slug="tools", terms=terms, at=at)
    for name in ("CI", "Laptop"):
        token, _ = issue_reader_token(
            by=farm.owner, organisation=acme, name=name, expires_at=None, at=at
        )
    revoke_reader_token(by=farm.owner, organisation=acme, token_id=token.pk, at=at)


@pytest.fixture
def replayed(farm: Farm) -> Replay:
    """What staff and owners did: two versions of a recipe, a rule, a replay, a builder's stop."""
    at = timezone.now()
    for version, flag in ((1, "-DFOO"), (2, "-DBAR")):
        text = draft_recipe(farm.project.name, version=version, reviewer="maintainer")
        text = text.replace('reason = ""', 'reason = "It needs a flag."') + f'flags = ["{flag}"]'
        change_recipe(
            project=farm.project, text=text, by="maintainer", reason="It did not build.", at=at
        )
    LearntRule.objects.create(
        code="frobnicator-missing",
        pattern="the frobnicator '{name}' is not installed",
        stage="build",
        turn="farm",
        explanation="It needs {name}.",
        remedy="system",
        argument="{name}",
        by="root",
        created_at=at,
    )
    BuilderStop.objects.create(
        builder="builder-1", reason="5 of the last 6 attempts failed.", stopped_at=at, until=at
    )
    made = Replay.objects.create(
        cause="rule", subject="frobnicator-missing", by="root", created_at=at
    )
    Replayed.objects.create(replay=made, build=farm.failed, before="unknown")
    return made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("AFFINEUR_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def context_of(browser: Browser, width: int, url: str, user: User | None) -> BrowserContext:
    """A browser's context, signed in as `user`. axe-core is injected, which the CSP forbids."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, bypass_csp=True, color_scheme="light"
    )
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
    """What is wrong with the page that is open: sideways scrolling, and axe-core's findings."""
    found = []
    root = "document.documentElement"
    wide, seen = page.evaluate(f"[{root}.scrollWidth, {root}.clientWidth]")
    if wide > seen:
        found.append(f"{name} at {width} px is {wide} px wide")
    violations = Axe().run(page).response["violations"]
    found += [
        f"{name} at {width} px: {violation['id']}: {node['html'][:160]}"
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_is_accessible(
    live_server, browser: Browser, farm: Farm, *, replayed: Replay, pictures: Path, width: int
):
    context = context_of(browser, width, live_server.url, farm.owner)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    found: list[str] = []
    for name, path in pages(farm).items():
        page.goto(live_server.url + path)
        page.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)
        found += complaints(page, name, width)
        assert page.url == live_server.url + path
    context.close()
    staff = context_of(browser, width, live_server.url, make_administrator())
    page = staff.new_page()
    for name, path in staff_pages(farm, replayed).items():
        page.goto(live_server.url + path)
        page.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)
        found += complaints(page, name, width)
    staff.close()
    signed_out = context_of(browser, width, live_server.url, None)
    page = signed_out.new_page()
    for name, view in SIGNED_OUT.items():
        page.goto(live_server.url + reverse(view))
        page.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)
        found += complaints(page, name, width)
    signed_out.close()
    assert (found, errors) == ([], [])


def test_dark_is_as_readable_as_light(live_server, browser: Browser, farm: Farm, pictures: Path):
    context = context_of(browser, 1280, live_server.url, farm.owner)
    page = context.new_page()
    page.emulate_media(color_scheme="dark")
    found: list[str] = []
    for name in ("home", "project", "build-failed", "build-running", "consent-form", "revoke"):
        page.goto(live_server.url + pages(farm)[name])
        page.screenshot(path=pictures / f"{name}-dark.png", full_page=True)
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
