"""Somebody at a browser of their own: what they click is counted, where they come is looked at."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.urls import reverse
from playwright.sync_api import Browser, Locator, sync_playwright

from tests.journeys.test_pages import ARGUMENTS, WIDTHS, take_picture

# The provider's pages ask for a font from elsewhere.
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
PATIENCE_MS = 15_000
# Whether the page scrolls sideways, and all that axe-core finds, whatever its weight.
AUDIT = """async () => {
  const page = document.documentElement
  const { violations } = await axe.run({ resultTypes: ['violations'] })
  return violations
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
    .concat(page.scrollWidth > page.clientWidth ? [`it is ${page.scrollWidth} px wide`] : [])
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """One for several tests. Its loop runs in between, too, where Django would refuse to query."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*ARGUMENTS, ONLY_HERE]
        )
        yield browser
        browser.close()


class Person:
    """A person, in a browser context that nobody else has, under the policy of production.

    All that they do with a pointer goes through `click`, whoever's page it is on.
    """

    def __init__(self, browser: Browser, url: str, pictures: Path | None, name: str) -> None:
        self.url, self.pictures, self.name = url, pictures, name
        self.context = browser.new_context(color_scheme="light")
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.clicks = 0
        self.found: list[str] = []
        """What was wrong with the pages they came to."""
        self._looked_for = 0.0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long they have been there, the looks at pages not counted."""
        return time.monotonic() - self._began - self._looked_for

    def goes_to(self, view: str, *arguments: str) -> None:
        self.page.goto(self.url + reverse(view, args=arguments))

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def presses(self, button: str) -> None:
        self.click(self.page.get_by_role("button", name=button, exact=True))

    def follows(self, link: str) -> None:
        self.click(self.page.get_by_role("link", name=link, exact=True))

    def ticks(self, label: str) -> None:
        self.click(self.page.get_by_label(label, exact=True))

    def writes(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def signs_in(self, way: str) -> None:
        """With an identity provider, at the portal's page of ways in."""
        self.presses(way)
        self.page.locator("[name=login]").fill(f"subject-{self.name}")
        self.page.locator("[name=password]").fill("any will do")
        self.click(self.page.get_by_role("button"))

    @property
    def reads(self) -> str:
        """The words of the page they are at."""
        return " ".join(self.page.locator("body").inner_text().split())

    def looks(self, name: str) -> None:
        """At the page, at the width of a phone and of a desk."""
        began = time.monotonic()
        self.page.evaluate(AXE_SCRIPT)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            take_picture(self.page, self.pictures, f"{name}-{width}")
            self.found += [f"{name} at {width} px: {each}" for each in self.page.evaluate(AUDIT)]
        self._looked_for += time.monotonic() - began
