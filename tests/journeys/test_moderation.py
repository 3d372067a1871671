"""A case in a real browser: reported without an account, decided by two, appealed, answered.

Every page on the way is looked at, at the width of a phone and of a desk.
"""

import pytest

from portal.moderation.models import Case
from tests.journeys.conftest import Arrive
from tests.journeys.persons import Person
from tests.portal.moderation.conftest import make_moderator
from tests.portal.web.scenes import Farm

pytestmark = pytest.mark.journey


def has(person: Person, button: str) -> bool:
    return person.page.get_by_role("button", name=button).count() > 0


def report(visitor: Person, scene: Farm) -> None:
    """Without an account, from the file's own page."""
    visitor.goes_to("web:release", scene.project.name, scene.file.version)
    visitor.follows(f"Report {scene.file.filename}")
    visitor.looks("report")
    visitor.ticks("Suspicious content")
    visitor.page.get_by_label("What is wrong").fill("Importing it opens a connection.")
    visitor.presses("Look at it once more")
    visitor.looks("report-confirm")
    visitor.presses("Send the report")
    visitor.looks("report-sent")


def decide(moderator: Person, scene: Farm) -> None:
    """From the queue to a decision that is held."""
    page = moderator.page
    moderator.goes_to("web:cases")
    moderator.looks("cases")
    moderator.goes_by(page.get_by_role("link", name=scene.file.filename))
    moderator.presses("Take it")
    moderator.clicks(page.get_by_text("Add evidence"))
    page.get_by_label("What it is").select_option("link")
    moderator.writes("Title", "Where others saw it")
    moderator.writes("Text or link", "https://elsewhere.example/thread/1")
    moderator.presses("Add it")
    moderator.writes("Note", "I could see the connection too.")
    moderator.presses("Add the note")
    moderator.looks("case-open")
    moderator.follows("Decide")
    moderator.looks("case-decide")
    moderator.clicks(page.get_by_label("Withdraw all files of the project"))
    page.get_by_label("Why").fill("Its wheels open connections when they are imported.")
    moderator.presses("Decide")
    assert not has(moderator, "Approve")
    assert not has(moderator, "Carry it out")
    moderator.looks("case-held")


def approve(moderator: Person, case: str) -> None:
    moderator.goes_to("web:case", case)
    moderator.looks("case-to-approve")
    moderator.presses("Approve, as the second moderator")
    moderator.looks("case-decided")
    moderator.presses("Carry it out")
    moderator.looks("case-carried-out")


def appeal(person: Person, scene: Farm) -> None:
    """Told of it, they say what is wrong with it."""
    person.goes_to("web:notices")
    assert f"{scene.project.name}: moderators have decided" in person.reads
    person.goes_to("web:mine")
    person.follows("What you reported, and what moderators decided that concerns you")
    person.looks("decisions")
    person.goes_by(person.page.get_by_role("link", name=scene.file.filename))
    person.looks("decision")
    person.page.get_by_label("What is wrong with it").fill("It asks whether there is an update.")
    person.presses("Appeal")
    person.looks("decision-appealed")


def grant(moderator: Person, case: str) -> None:
    moderator.goes_to("web:case", case)
    moderator.looks("case-appealed")
    moderator.page.get_by_label("Answer").fill("It says so in its documentation.")
    moderator.presses("Grant it")
    moderator.looks("case-closed")


def test_a_case_from_the_report_to_the_answer(arrive: Arrive, farm: Farm):
    visitor, maintainer = arrive(), arrive(user=farm.owner)
    first, second, third = (arrive(user=make_moderator(name)) for name in ("ann", "ben", "cat"))

    report(visitor, farm)
    case = str(Case.objects.get().pk)
    decide(first, farm)
    approve(second, case)
    farm.file.refresh_from_db()
    assert farm.file.standing == "withdrawn"
    appeal(maintainer, farm)
    for decider in (first, second):
        decider.goes_to("web:case", case)
        assert not has(decider, "Grant it")
    second.looks("case-appealed-by-decider")
    grant(third, case)
    maintainer.page.reload()
    maintainer.looks("decision-granted")
    assert "It holds no more" in maintainer.reads
    third.goes_to("web:case-open")
    third.looks("case-new")

    farm.file.refresh_from_db()
    assert farm.file.decision == ""
