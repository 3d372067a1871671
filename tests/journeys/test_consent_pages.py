# ruff: noqa: F401, F811  # fixtures of the other pages
"""A consent's pages in a real browser: each state fits, is accessible, and takes few clicks."""

from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser

from portal.consent.models import Consent, PauseLink
from portal.consent.pause_links import link_of
from portal.consent.suspension import object_to, pause
from portal.ownership.models import Proof
from tests.journeys.test_pages import (
    WIDTHS,
    _playwright_runs_a_loop,
    browser,
    complaints,
    context_of,
    farm,
    owner,
    pictures,
    upstream,
)
from tests.portal.people import make_user
from tests.portal.web.scenes import Farm


@pytest.fixture
def proven(farm: Farm) -> Farm:
    """The owner has proven the project without consent, too; both are an organisation's."""
    snapshot = {"upstream": {"organization": "cheese", "roles": {"ada": "Owner"}}}
    Proof.objects.filter(pk=farm.pending.pk).update(
        state="proven", proven_at=timezone.now(), expires_at=None
    )
    Proof.objects.all().update(evidence=snapshot)
    return farm


def held_back(scene: Farm) -> None:
    """Paused by its owner, and objected to by another."""
    now = timezone.now()
    other = make_user("co-owner")
    Proof.objects.create(
        user=other,
        project=scene.project,
        method="staff-review",
        state="proven",
        created_at=now,
        proven_at=now,
    )
    pause(consent=scene.consent, user=scene.owner, reason="On holiday.", at=now)
    object_to(consent=scene.consent, user=other, reason="We never agreed on it.", at=now)


def addresses(scene: Farm) -> dict[str, str]:
    name = scene.project.name
    link = PauseLink.objects.create(
        project=scene.plain, address="a@x.example", sent_at=timezone.now()
    )
    return {
        "consent-form-plain": reverse("web:give-consent", args=["docopt"]),
        "consent-held": reverse("web:consent", args=[scene.consent.pk]),
        "scope": reverse("web:scope", args=[scene.consent.pk]),
        "owners": reverse("web:owners", args=[name]),
        "no": reverse("web:no", args=["docopt"]),
        "no-consented": reverse("web:no", args=[name]),
        "carry": reverse("web:carry", args=["docopt"]),
        "organisation": reverse("web:consent-organisation", args=["docopt"]),
        "ask-to-pause": reverse("web:ask-to-pause", args=[name]),
        "pause-by-link": link_of(link).removeprefix("http://testserver"),
        "project-held": reverse("web:project", args=[name]),
        "mine-wanted": reverse("web:mine"),
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_of_a_consent_fits_and_is_accessible(
    live_server,
    browser: Browser,
    proven: Farm,
    pictures: Path,
    *,
    width: int,
):
    held_back(proven)
    context = context_of(browser, width, live_server.url, proven.owner)
    page = context.new_page()
    found: list[str] = []
    for name, path in addresses(proven).items():
        page.goto(live_server.url + path)
        page.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)
        found += complaints(page, name, width)
        assert page.url == live_server.url + path
    context.close()
    assert found == []


def test_from_what_people_ask_to_a_consent_and_a_pause(live_server, browser: Browser, proven: Farm):
    """Beside a tick for each clause: four clicks to consent, one more to pause."""
    context = context_of(browser, 1280, live_server.url, proven.owner)
    page = context.new_page()
    page.goto(live_server.url + reverse("web:mine"))
    page.get_by_role("link", name="Read what you would agree to for docopt").click()
    page.get_by_label("Owner of the project").check()
    page.get_by_label("Licence", exact=True).fill("MIT")
    for box in page.locator("input[name^='clause:']").all():
        assert not box.is_checked()
        box.check()
    page.get_by_role("button", name="I consent").click()
    assert page.get_by_text("Thank you. Your consent for docopt is recorded").is_visible()
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_text("Paused. 2 builds are cancelled or stopped.").is_visible()
    context.close()
    assert Consent.objects.filter(project=proven.plain).count() == 1
    assert not proven.plain.permits.filter(revoked_at=None).exists()


def test_the_clauses_of_publishing_go_when_nothing_is_published(
    live_server,
    browser: Browser,
    proven: Farm,
):
    context = context_of(browser, 390, live_server.url, proven.owner)
    page = context.new_page()
    page.goto(live_server.url + reverse("web:give-consent", args=["docopt"]))
    clause = page.locator("input[name='clause:use-of-name:name']")
    assert clause.is_visible()
    page.get_by_label("What may be done").select_option(label="Build and check them only")
    assert not clause.is_visible()
    context.close()
