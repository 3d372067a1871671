"""Who may yank a bad wheel of ours, what is written down, and the way back."""

import pytest

from builds.models import Build
from indexes.domain.status import Decision, Standing
from indexes.models import File
from indexes.services.standing import decide
from portal.consent.services import revoke_consent
from portal.errors import NotYankable, NotYankedHere, ProofNeeded, ReasonNeeded
from portal.ledger.services import entries_of
from portal.moderation.files import unyank_file, yank_file
from portal.requests.services import make_request
from tests.portal.people import AT, CP313, LATER, consent, publish


@pytest.fixture
def given(maintainer, docopt, proof):
    return consent(maintainer, docopt)


@pytest.fixture
def wheel(given, maintainer) -> File:
    """Of docopt 0.6.2 for CPython 3.13, asked for by its maintainer."""
    make_request(
        user=maintainer,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=[CP313],
        reason="",
        at=AT,
    )
    return publish(Build.objects.get())


def yank(user, wheel, *, reason="It crashes on import.", rebuild=False):
    return yank_file(user=user, file=wheel, reason=reason, rebuild=rebuild, at=LATER)


def verbs(project):
    return [entry.verb for entry in entries_of(project) if entry.verb.startswith("file-")]


@pytest.mark.parametrize("who", ["maintainer", "administrator"])
def test_an_owner_or_a_moderator_yanks_it_with_a_reason(request, wheel, who, docopt):
    yanked = yank(request.getfixturevalue(who), wheel)
    assert (yanked.standing, yanked.standing_reason) == (Standing.YANKED, "It crashes on import.")
    entry = entries_of("docopt").filter(verb="file-yanked").get()
    assert entry.actor == request.getfixturevalue(who).username
    assert entry.facts == {
        "filename": wheel.filename,
        "reason": "It crashes on import.",
        "rebuild": False,
    }


def test_nobody_speaks_as_moderators_do(maintainer, wheel):
    with pytest.raises(ReasonNeeded, match="in words of your own"):
        yank(maintainer, wheel, reason=" Decided by moderators, case 1f3a9c02: malware.")
    wheel.refresh_from_db()
    assert wheel.standing == Standing.LISTED


def test_the_page_says_so(client, maintainer, wheel):
    yank(maintainer, wheel)
    headers = {"accept": "application/vnd.pypi.simple.v1+json"}
    files = client.get("/simple/docopt/", headers=headers).json()["files"]
    shown = {file["filename"]: file["yanked"] for file in files}
    assert shown[wheel.filename] == "It crashes on import."


def test_the_way_back(maintainer, wheel):
    yank(maintainer, wheel)
    assert unyank_file(user=maintainer, file=wheel, at=LATER).standing == Standing.LISTED
    assert verbs("docopt") == ["file-unyanked", "file-yanked"]
    with pytest.raises(NotYankedHere):
        unyank_file(user=maintainer, file=wheel, at=LATER)


def test_a_stranger_does_neither(stranger, maintainer, wheel):
    with pytest.raises(ProofNeeded):
        yank(stranger, wheel)
    yank(maintainer, wheel)
    with pytest.raises(ProofNeeded):
        unyank_file(user=stranger, file=wheel, at=LATER)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_it_takes_a_reason(maintainer, wheel, reason):
    with pytest.raises(ReasonNeeded):
        yank(maintainer, wheel, reason=reason)


@pytest.mark.parametrize("decision", Decision)
def test_what_was_decided_before_is_not_weakened(maintainer, wheel, decision):
    decide(files=File.objects.all(), decision=decision, reason="Before.", at=AT)
    with pytest.raises(NotYankable):
        yank(maintainer, wheel)
    wheel.refresh_from_db()
    assert (wheel.decision, wheel.decision_reason) == (decision, "Before.")


def test_a_rebuild_is_queued_for_who_had_asked(maintainer, wheel):
    yank(maintainer, wheel, rebuild=True)
    build = Build.objects.exclude(pk=wheel.build_id).get()
    assert (build.state, build.remakes, build.target) == ("queued", wheel.filename, CP313)


def test_without_one_nothing_is_built(maintainer, wheel):
    yank(maintainer, wheel)
    assert Build.objects.get().pk == wheel.build_id


def test_what_was_yanked_as_bad_is_still_yanked_under_a_new_consent(
    maintainer, wheel, given, docopt
):
    yank(maintainer, wheel)
    revoke_consent(consent=given, user=maintainer, reason="", afterwards="withdraw", at=LATER)
    wheel.refresh_from_db()
    assert wheel.standing == Standing.WITHDRAWN
    consent(maintainer, docopt, at=LATER)
    wheel.refresh_from_db()
    assert wheel.standing == Standing.YANKED
