"""A case in a real browser: reported without an account, decided by two, appealed, answered.

Every page on the way is looked at as in `test_pages`, at the width of a phone and of a desk.
"""

from pathlib import Path

from django.urls import reverse
from playwright.sync_api import Browser

from portal.moderation.models import Case
from tests.journeys.test_pages import (  # noqa: F401  # fixtures
    WIDTHS,
    Looker,
    _playwright_runs_a_loop,
    browser,
    context_of,
    farm,
    owner,
    upstream,
)
from tests.portal.moderation.conftest import make_moderator
from tests.portal.web.scenes import Farm


class Reader(Looker):
    """Somebody at a browser, who presses buttons too."""

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def has(self, button: str) -> bool:
        return self.page.get_by_role("button", name=button).count() > 0


def report(visitor: Reader, scene: Farm, url: str) -> None:
    """Without an account, from the file's own page."""
    release = reverse("web:release", args=[scene.project.name, scene.file.version])
    visitor.page.goto(url + release)
    visitor.page.get_by_role("link", name=f"Report {scene.file.filename}").click()
    visitor.look("report")
    visitor.page.get_by_label("Suspicious content").check()
    visitor.page.get_by_label("What is wrong").fill("Importing it opens a connection.")
    visitor.press("Look at it once more")
    visitor.look("report-confirm")
    visitor.press("Send the report")
    visitor.look("report-sent")


def decide(moderator: Reader, scene: Farm, url: str) -> None:
    """From the queue to a decision that is held."""
    page = moderator.page
    page.goto(url + reverse("web:cases"))
    moderator.look("cases")
    page.get_by_role("link", name=scene.file.filename).click()
    moderator.press("Take it")
    page.get_by_text("Add evidence").click()
    page.get_by_label("What it is").select_option("link")
    page.get_by_label("Title").fill("Where others saw it")
    page.get_by_label("Text or link").fill("https://elsewhere.example/thread/1")
    moderator.press("Add it")
    page.get_by_label("Note", exact=True).fill("I could see the connection too.")
    moderator.press("Add the note")
    moderator.look("case-open")
    page.get_by_role("link", name="Decide", exact=True).click()
    moderator.look("case-decide")
    page.get_by_label("Withdraw all files of the project").check()
    page.get_by_label("Why").fill("Its wheels open connections when they are imported.")
    moderator.press("Decide")
    assert not moderator.has("Approve")
    assert not moderator.has("Carry it out")
    moderator.look("case-held")


def approve(moderator: Reader, case_url: str) -> None:
    moderator.page.goto(case_url)
    moderator.look("case-to-approve")
    moderator.press("Approve, as the second moderator")
    moderator.look("case-decided")
    moderator.press("Carry it out")
    moderator.look("case-carried-out")


def appeal(person: Reader, scene: Farm, url: str) -> None:
    """Told of it, they say what is wrong with it."""
    person.page.goto(url + reverse("web:notices"))
    assert f"{scene.project.name}: moderators have decided" in person.page.inner_text("main")
    person.page.goto(url + reverse("web:mine"))
    person.page.get_by_role("link", name="What you reported").click()
    person.look("decisions")
    person.page.get_by_role("link", name=scene.file.filename).click()
    person.look("decision")
    person.page.get_by_label("What is wrong with it").fill("It asks whether there is an update.")
    person.press("Appeal")
    person.look("decision-appealed")


def grant(moderator: Reader, case_url: str) -> None:
    moderator.page.goto(case_url)
    moderator.look("case-appealed")
    moderator.page.get_by_label("Answer").fill("It says so in its documentation.")
    moderator.press("Grant it")
    moderator.look("case-closed")


def test_a_case_from_the_report_to_the_answer(
    live_server,
    browser: Browser,  # noqa: F811  # the fixture
    farm: Farm,  # noqa: F811  # as above
    pictures: Path | None,
):
    found: list[str] = []
    people = [None, farm.owner, *(make_moderator(name) for name in ("ann", "ben", "cat"))]
    url = live_server.url
    contexts = [context_of(browser, WIDTHS[0], url, person) for person in people]
    visitor, maintainer, first, second, third = (
        Reader(context, url, pictures, found) for context in contexts
    )

    report(visitor, farm, live_server.url)
    case_url = live_server.url + reverse("web:case", args=[Case.objects.get().pk])
    decide(first, farm, live_server.url)
    approve(second, case_url)
    farm.file.refresh_from_db()
    assert farm.file.standing == "withdrawn"
    appeal(maintainer, farm, live_server.url)
    for decider in (first, second):
        decider.page.goto(case_url)
        assert not decider.has("Grant it")
    second.look("case-appealed-by-decider")
    grant(third, case_url)
    maintainer.page.reload()
    maintainer.look("decision-granted")
    assert "It holds no more" in maintainer.page.inner_text("main")
    third.page.goto(live_server.url + reverse("web:case-open"))
    third.look("case-new")

    farm.file.refresh_from_db()
    for context in contexts:
        context.close()
    assert (farm.file.decision, found) == ("", [])
