"""A consent holds while its giver's proofs are enough: suspended at once, then restored."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from builds.domain.states import BuildState
from builds.models import Build
from builds.services.permits import live_permit
from indexes.domain.status import Decision, Standing
from indexes.models import File
from indexes.services.pages import stale_pages
from indexes.services.standing import decide
from portal.consent.models import Consent, Revocation, Suspension
from portal.consent.reach import reach_of
from portal.consent.services import live_consents, revoke_consent
from portal.consent.suspension import pause
from portal.ledger.models import Entry
from portal.moderation.files import yank_file
from portal.ownership.announcements import Announcement, Topic
from portal.ownership.models import Proof, ProofState
from portal.ownership.services import recheck_proofs
from portal.ownership.signals import announced
from portal.requests.services import make_request
from tests.portal.ownership.answers import Answers
from tests.portal.people import (
    AT,
    CP312,
    CP313,
    LATER,
    consent,
    live_permits,
    prove,
    publish,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def roles(settings):
    with Answers().serve() as served:
        settings.AFFINEUR_UPSTREAM_ROLES = f"{served.url}/pypi/{{name}}/json"
        served.roles("docopt", alice="Owner")
        yield served


@pytest.fixture
def told():
    heard: list[Announcement] = []

    def hear(announcement: Announcement, **_kwargs: object) -> None:
        heard.append(announcement)

    announced.connect(hear, weak=False)
    yield heard
    announced.disconnect(hear)


@pytest.fixture
def proof(roles, maintainer, docopt, administrator) -> Proof:
    return prove(maintainer, docopt, administrator)


@pytest.fixture
def given(proof, maintainer, docopt) -> Consent:
    return consent(maintainer, docopt)


@pytest.fixture
def lose(roles, docopt):
    """The project goes to other hands, and we look."""

    def at(moment=LATER):
        roles.roles("docopt", mallory="Owner")
        recheck_proofs(docopt, at=moment)

    return at


@pytest.fixture
def regain(roles, docopt):
    def at(moment):
        roles.roles("docopt", alice="Owner")
        recheck_proofs(docopt, at=moment)

    return at


def request(user, project):
    return make_request(
        user=user,
        project_name=project.name,
        specifiers="==0.6.2",
        targets=[CP313, CP312],
        reason="",
        at=AT,
    )


def test_it_is_suspended_at_once_and_builds_stop(given, docopt, stranger, lose):
    request(stranger, docopt)
    assert Build.objects.filter(state=BuildState.QUEUED).count() == 2
    lose()
    assert not live_consents(docopt, at=LATER).exists()
    assert not live_permits(docopt)
    assert set(Build.objects.values_list("state", flat=True)) == {BuildState.CANCELLED}
    assert (
        live_permit(project=docopt, version="0.6.2", target=CP313, channel="build", at=LATER)
        is None
    )
    request(stranger, docopt)
    assert not Build.objects.filter(state=BuildState.QUEUED).exists()


def test_everybody_is_told_what_happened_and_whose_turn_it_is(
    *, given, maintainer, docopt, lose, regain, told
):
    lose()
    assert [one.topic for one in told] == [Topic.PROOF_LAPSED, Topic.CONSENT_SUSPENDED]
    assert told[1].people == (maintainer,)
    assert "Nothing new is built" in told[1].text
    assert "left the listings at once" in told[1].text
    assert "nothing is deleted" in told[1].text
    assert "listed again when it holds again" in told[1].text
    assert "prove the project again" in told[1].text
    lose()
    assert len(told) == 2
    regain(LATER + timedelta(hours=1))
    assert [one.topic for one in told][2:] == [Topic.PROOF_RESTORED, Topic.CONSENT_RESTORED]
    verbs = Entry.objects.filter(verb__startswith="consent-").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == [
        "consent-given",
        "consent-suspended",
        "consent-restored",
    ]


def test_it_holds_as_before_when_the_proof_does(given, docopt, stranger, lose, regain):
    request(stranger, docopt)
    before = [
        (permit.specifiers, permit.targets, permit.channels, permit.expires_at, permit.origin)
        for permit in live_permits(docopt)
    ]
    lose()
    regain(LATER + timedelta(hours=1))
    assert live_consents(docopt, at=LATER + timedelta(hours=1)).get() == given
    after = [
        (permit.specifiers, permit.targets, permit.channels, permit.expires_at, permit.origin)
        for permit in live_permits(docopt)
    ]
    assert before == after
    assert Build.objects.filter(state=BuildState.QUEUED).count() == 2


def test_a_consent_for_what_there_was_does_not_grow_meanwhile(
    *, maintainer, docopt, proof, upstream, lose, regain
):
    consent(maintainer, docopt, covers_new_releases=False)
    before = {permit.specifiers for permit in live_permits(docopt)}
    lose()
    upstream.add_sdist("docopt", "0.6.3")
    regain(LATER + timedelta(hours=1))
    assert (
        {permit.specifiers for permit in live_permits(docopt)} == before == {"==0.6.1", "==0.6.2"}
    )


def test_another_proof_restores_it_too(given, maintainer, docopt, administrator, lose):
    lose()
    prove(maintainer, docopt, administrator, at=LATER + timedelta(hours=1))
    assert live_consents(docopt, at=LATER + timedelta(hours=1)).get() == given
    assert Proof.objects.filter(state=ProofState.LAPSED).count() == 1


def test_what_is_published_leaves_the_listings_at_once_and_comes_back(
    *, given, docopt, stranger, lose, regain
):
    request(stranger, docopt)
    file = publish(Build.objects.filter(target=CP313).get())
    lose()
    assert stands(file) == (Standing.WITHDRAWN, "")
    assert reason(file) == "Not listed while the consent for it is suspended."
    assert File.objects.downloadable().get() == file
    assert Entry.objects.get(verb="consent-suspended").facts["files_withheld"] == 1
    regain(LATER + timedelta(days=400))
    assert stands(file) == (Standing.LISTED, "")


def test_what_was_decided_of_a_wheel_meanwhile_holds_after(
    given, maintainer, docopt, stranger, *, lose, regain
):
    """A yank before, one during, and the end of a withdrawal: none is lost, and none lists."""
    request(stranger, docopt)
    yanked, withdrawn = (publish(build) for build in Build.objects.order_by("target"))
    yank_file(user=maintainer, file=yanked, reason="bad", rebuild=False, at=AT)
    decide(files=of(withdrawn), decision=Decision.WITHDRAWN, reason="waits for source", at=AT)
    lose()
    decide(files=of(withdrawn), decision=None, reason="", at=LATER)
    assert (stands(yanked)[0], stands(withdrawn)[0]) == (Standing.WITHDRAWN, Standing.WITHDRAWN)
    decide(files=of(withdrawn), decision=Decision.YANKED, reason="bad, too", at=LATER)
    regain(LATER + timedelta(hours=1))
    assert (stands(yanked)[0], stands(withdrawn)[0]) == (Standing.YANKED, Standing.YANKED)


def test_pages_of_the_index_follow_and_a_lock_file_still_resolves(
    given, docopt, stranger, client, lose
):
    request(stranger, docopt)
    file = publish(Build.objects.filter(target=CP313).get())
    decide(files=of(file), decision=None, reason="", at=AT)
    html = {"accept": "text/html"}
    assert file.filename in client.get("/simple/docopt/", headers=html).text
    lose()
    assert file.filename not in client.get("/simple/docopt/", headers=html).text
    docopt.refresh_from_db()
    assert stale_pages(project=docopt) == []


def of(file):
    return File.objects.filter(pk=file.pk)


def stands(file):
    file.refresh_from_db()
    return file.standing, file.decision


def reason(file):
    return of(file).get().standing_reason


def test_wheels_of_another_consent_stay(given, stranger, docopt, administrator, lose):
    request(stranger, docopt)
    publish(Build.objects.filter(target=CP313).get())
    lose()
    prove(stranger, docopt, administrator, at=LATER)
    theirs = consent(stranger, docopt, at=LATER)
    assert File.objects.get().standing == Standing.LISTED
    pause(consent=theirs, user=stranger, reason="", at=LATER)
    assert File.objects.get().standing == Standing.LISTED


def test_it_can_be_taken_back_while_it_is_suspended(given, maintainer, docopt, stranger, lose):
    request(stranger, docopt)
    publish(Build.objects.filter(target=CP313).get())
    lose()
    assert reach_of(given, at=LATER).wheels_listed == 0
    revoke_consent(consent=given, user=maintainer, afterwards="withdraw", reason="", at=LATER)
    assert File.objects.get().standing == Standing.WITHDRAWN
    assert Revocation.objects.count() == 1


def test_what_was_taken_back_is_not_restored(given, maintainer, docopt, lose, regain):
    lose()
    revoke_consent(consent=given, user=maintainer, afterwards="keep", reason="", at=LATER)
    regain(LATER + timedelta(hours=1))
    assert not live_permits(docopt)


def test_one_may_consent_anew_meanwhile(given, stranger, docopt, administrator, lose):
    lose()
    prove(stranger, docopt, administrator, at=LATER)
    theirs = consent(stranger, docopt, at=LATER)
    assert live_consents(docopt, at=LATER).get() == theirs


def test_a_policy_that_asks_for_more_suspends(given, docopt, settings):
    settings.AFFINEUR_PROOF_POLICY = {
        "build": [["staff-review"]],
        "publish": [["staff-review", "upstream-sign-in"]],
        "speak": [["staff-review"]],
    }
    recheck_proofs(docopt, at=LATER)
    assert "publish" in given.channels
    assert Suspension.objects.get().consent == given


def test_it_is_suspended_once_at_a_time(given, lose):
    lose()
    with pytest.raises(IntegrityError), transaction.atomic():
        Suspension.objects.create(consent=given, reason="twice", suspended_at=LATER)
