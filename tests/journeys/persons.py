"""Somebody at a browser of their own: what they click is counted, where they come is looked at."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Locator, sync_playwright

from portal.accounts.models import User

WIDTHS = (390, 1280)
HEIGHT = 900
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # An identity provider's pages ask for a font from elsewhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
PATIENCE_MS = 30_000
# Whether the page scrolls sideways, and all that axe-core finds, whatever its weight.
AUDIT = """async () => {
  const page = document.documentElement
  const { violations } = await axe.run({ resultTypes: ['violations'] })
  return violations
    .flatMap(({ id, nodes }) =>
      nodes.map(({ html, target }) => `${id}: ${target} ${html.slice(0, 160)}`))
    .concat(page.scrollWidth > page.clientWidth ? [`it is ${page.scrollWidth} px wide`] : [])
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """One for several tests. Its loop runs in between, too, where Django would refuse to query."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        yield browser
        browser.close()


class Person:
    """A person, in a browser context that nobody else has, under the policy of production.

    All that they do with a pointer goes through `clicks` and `goes_by`, whoever's page it is on.
    """

    def __init__(self, browser: Browser, url: str, pictures: Path | None, name: str) -> None:
        self.url, self.pictures, self.name = url, pictures, name
        self.context = browser.new_context(color_scheme="light")
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.count = 0
        """Of their clicks."""
        self.found: list[str] = []
        """What was wrong with the pages they came to."""
        self.page.on("pageerror", lambda error: self.found.append(str(error)))
        self._looked_for = 0.0
        self._began = time.monotonic()

    def is_signed_in_as(self, user: User) -> None:
        """Without a page: by the cookie of a session that has just begun with a password."""
        client = Client()
        client.force_login(user, backend="portal.accounts.backends.AccountBackend")
        session = client.session
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time(), "reauthenticated": True}
        ]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.url}
        self.context.add_cookies([cookie])

    @property
    def seconds(self) -> float:
        """How long they have been there, the looks at pages not counted."""
        return time.monotonic() - self._began - self._looked_for

    def goes_to(self, view: str, *arguments: str) -> None:
        self.page.goto(self.url + reverse(view, args=arguments))

    def clicks(self, what: Locator) -> None:
        """On something that changes the page they are at, and leads to no other."""
        what.click()
        self.count += 1

    def goes_by(self, what: Locator) -> None:
        """To the page that a click leads to, which is loaded when this returns."""
        with self.page.expect_navigation():
            self.clicks(what)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def presses(self, button: str) -> None:
        """One that sends a form."""
        self.goes_by(self.button(button))

    def follows(self, link: str) -> None:
        self.goes_by(self.page.get_by_role("link", name=link, exact=True))

    def ticks(self, label: str) -> None:
        self.clicks(self.page.get_by_label(label, exact=True))

    def writes(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def signs_in(self, way: str) -> None:
        """With an identity provider, at the portal's page of ways in."""
        self.presses(way)
        self.page.locator("[name=login]").fill(f"subject-{self.name}")
        self.page.locator("[name=password]").fill("any will do")
        self.goes_by(self.page.get_by_role("button"))

    @property
    def reads(self) -> str:
        """The words of the page they are at."""
        return " ".join(self.page.locator("body").inner_text().split())

    def looks(self, name: str) -> None:
        """At the page, at the width of a phone and of a desk. It is loaded once, and made wider."""
        began = time.monotonic()
        for width in WIDTHS:
            self.looks_at_width(width, name)
        self._looked_for += time.monotonic() - began

    def looks_at_width(self, width: int, name: str) -> None:
        """What is wrong with it is found; its picture is taken if anybody wants pictures."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        if self.pictures:
            path = self.pictures / f"{name}-{width}.png"
            self.page.screenshot(path=path, full_page=True)
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE_SCRIPT)
        self.found += [f"{name} at {width} px: {each}" for each in self.page.evaluate(AUDIT)]
