# ruff: noqa: F401, F811  # fixtures of the other pages
"""A consent's pages in a real browser: few clicks, and nothing ticked beforehand."""

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser

from portal.consent.models import Consent
from portal.ownership.models import Proof
from tests.journeys.test_pages import (
    _playwright_runs_a_loop,
    browser,
    context_of,
    farm,
    owner,
    upstream,
)
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
