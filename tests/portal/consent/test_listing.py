"""What is listed follows consents: each end takes off what it alone let be, and says so before."""

from datetime import timedelta

import pytest
from django.conf import settings as ours
from django.db import connection
from django.test.utils import CaptureQueriesContext

from builds.models import Build
from indexes.domain.status import Standing
from indexes.models import File
from indexes.services.pages import stale_pages
from portal.consent.delegation import delegate
from portal.consent.expiry import end_expired, remind_of_expiry
from portal.consent.listing import kept_consents, settle_listing, wheels_that_wait
from portal.consent.models import Consent, Expiry
from portal.consent.owners import set_threshold
from portal.consent.reach import reach_of
from portal.consent.services import (
    change_scope,
    end_development_permits,
    preview_scope,
    revoke_consent,
    unlist_wheels,
)
from portal.consent.suspension import approve, object_to, pause, relent
from portal.consent.tasks import end_those_over
from portal.errors import ConsentEnded, ConsentStands, NothingKept, NotYourConsent
from portal.ledger.models import Entry
from portal.notices.models import Notice
from portal.notices.services import words_of
from portal.requests.services import make_request
from tests.portal.people import (
    AT,
    CP312,
    CP313,
    LATER,
    attest,
    consent,
    live_permits,
    make_user,
    publish,
)

pytestmark = pytest.mark.django_db
END = AT + timedelta(days=20)
TERMS = {
    "specifiers": "",
    "covers_new_releases": True,
    "targets": [],
    "channels": ["build", "publish"],
    "asked_by": "anyone",
    "expires_at": None,
}


@pytest.fixture
def given(maintainer, docopt, proof) -> Consent:
    return consent(maintainer, docopt, expires_at=END)


@pytest.fixture
def wheels(given, docopt, stranger) -> list[File]:
    """Two of 0.6.2, for two targets, and one of 0.6.1."""
    for version, targets in (("0.6.2", [CP312, CP313]), ("0.6.1", [CP313])):
        make_request(
            user=stranger,
            project_name="docopt",
            specifiers=f"=={version}",
            targets=targets,
            reason="",
            at=AT,
        )
    made = [publish(build) for build in Build.objects.order_by("-version", "target")]
    settle_listing(docopt, at=AT)
    return made


def listed() -> list[tuple[str, str]]:
    files = File.objects.on_pages().order_by("-version", "filename")
    return [(file.version, file.filename.rpartition("affineur-")[2][:5]) for file in files]


ALL = [("0.6.2", "cp312"), ("0.6.2", "cp313"), ("0.6.1", "cp313")]


def revoke(given: Consent, afterwards: str, user=None, at=LATER):
    return revoke_consent(
        consent=given, user=user or given.user, afterwards=afterwards, reason="", at=at
    )


class TestExpiry:
    def test_wheels_leave_with_its_date_and_come_back_with_another(
        self, given, wheels, maintainer, docopt
    ):
        assert end_expired(at=END - timedelta(seconds=1)) == 0
        assert listed() == ALL
        assert end_expired(at=END) == 1
        assert listed() == []
        assert File.objects.downloadable().count() == 3
        why = "Not listed: the consent for it has ended."
        assert set(File.objects.values_list("standing_reason", flat=True)) == {why}
        docopt.refresh_from_db()
        assert stale_pages(project=docopt) == []
        consent(maintainer, docopt, at=END)
        assert listed() == ALL

    def test_it_is_seen_to_once_and_told(self, given, wheels, maintainer, owner, stranger):
        make_request(
            user=stranger,
            project_name="docopt",
            specifiers="==0.6.1",
            targets=[CP312],
            reason="",
            at=AT,
        )
        Notice.objects.all().delete()
        assert [end_expired(at=END), end_expired(at=END)] == [1, 0]
        seen = Expiry.objects.get()
        assert (seen.consent, seen.builds_cancelled, seen.files_withheld) == (given, 1, 3)
        assert not live_permits(given.project)
        told = Notice.objects.filter(kind="consent-expiring")
        assert {one.person for one in told} == {maintainer, owner}
        assert "Wheels that left the listings: 3" in words_of(told[0]).body
        assert "It is the turn of maintainer, or of any other owner" in words_of(told[0]).body

    def test_a_paused_one_ends_too(self, given, wheels, maintainer):
        pause(consent=given, user=maintainer, reason="", at=LATER)
        assert listed() == ALL
        end_expired(at=END)
        assert listed() == []

    def test_what_another_covers_stays(self, given, wheels, owner, docopt):
        consent(owner, docopt, targets=[CP312])
        end_expired(at=END)
        assert listed() == ALL[:1]

    def test_what_was_taken_back_before_does_not_end_again(self, given, wheels):
        """The word that wheels stay has no date."""
        revoke(given, "keep")
        assert end_expired(at=END) == 0
        assert listed() == ALL

    def test_it_is_said_before(self, given, wheels, maintainer):
        remind_of_expiry(at=AT)
        words = words_of(Notice.objects.get(kind="consent-expiring", person=maintainer))
        assert "wheels that it alone covers leave the listings (3 now)" in words.body

    def test_the_schedule_sees_to_it_where_nothing_slow_is(self, given, wheels):
        entry = ours.CELERY_BEAT_SCHEDULE["end-expired"]
        assert (entry["task"], entry["options"]) == ("portal.end_expired", {"queue": "prompt"})
        assert entry["schedule"] <= 60
        end_those_over()
        assert Expiry.objects.get().consent == given


class TestScope:
    @pytest.mark.parametrize(
        ("changes", "left"),
        [
            ({}, ALL),
            ({"targets": [CP312]}, ALL[:1]),
            ({"specifiers": "<0.6.2"}, ALL[2:]),
            ({"channels": ["build"]}, []),
            ({"covers_new_releases": False}, ALL),
        ],
    )
    def test_what_it_leaves_out_leaves_the_listings(self, given, wheels, changes, left):
        terms = TERMS | changes
        said = preview_scope(consent=given, user=given.user, at=LATER, **terms)
        assert listed() == ALL
        changed = change_scope(consent=given, user=given.user, at=LATER, **terms)
        assert listed() == left
        assert said == len(ALL) - len(left)
        facts = Entry.objects.filter(verb="consent-given").latest("pk").facts
        assert facts["files_withheld"] == said
        if "build" in changed.channels and "publish" in changed.channels:
            change_scope(consent=changed, user=given.user, at=LATER, **TERMS)
            assert listed() == ALL

    def test_what_waits_for_other_owners_lists_nothing_and_it_is_said_before(
        self, given, wheels, owner, docopt
    ):
        set_threshold(user=owner, project=docopt, owners=2, at=AT)
        assert preview_scope(consent=given, user=given.user, at=LATER, **TERMS) == 3
        changed = change_scope(consent=given, user=given.user, at=LATER, **TERMS)
        assert listed() == []
        heard = Notice.objects.filter(person=owner, kind="consent-given")
        assert "It waits until 2 of the project's owners" in words_of(heard.latest("pk")).body
        assert "have said yes" in File.objects.first().standing_reason
        approve(consent=changed, user=owner, at=LATER)
        assert listed() == ALL

    def test_people_hear_how_many_left(self, given, wheels, owner):
        Notice.objects.all().delete()
        change_scope(consent=given, user=given.user, at=LATER, **(TERMS | {"targets": [CP312]}))
        heard = words_of(Notice.objects.get(person=owner))
        assert "Wheels that left the listings: 2." in heard.body

    def test_to_look_beforehand_takes_the_same_right(self, given, wheels, owner):
        with pytest.raises(NotYourConsent):
            preview_scope(consent=given, user=owner, at=LATER, **TERMS)


class TestKept:
    def test_a_co_owner_ends_the_word_by_which_wheels_stay(
        self, given, wheels, owner, maintainer, docopt
    ):
        revoke(given, "keep")
        assert kept_consents(docopt, at=LATER) == [(given, 3)]
        heard = words_of(Notice.objects.get(person=owner, kind="consent-revoked"))
        assert "until an owner takes them off" in heard.body
        Notice.objects.all().delete()
        made = unlist_wheels(consent=given, user=owner, reason="Old.", at=LATER)
        assert (made.files_withdrawn, listed()) == (3, [])
        assert kept_consents(docopt, at=LATER) == []
        (told,) = Notice.objects.filter(person=maintainer)
        assert "co-owner took the wheels of docopt off the index" in words_of(told).body
        assert Entry.objects.get(verb="wheels-unlisted").actor == "co-owner"
        consent(maintainer, docopt, at=LATER)
        assert listed() == ALL

    def test_nobody_else_can(self, given, wheels, stranger):
        revoke(given, "keep")
        with pytest.raises(NotYourConsent):
            unlist_wheels(consent=given, user=stranger, reason="", at=LATER)
        assert listed() == ALL

    def test_whom_an_owner_named_to_take_back_can(
        self, given, wheels, maintainer, stranger, docopt
    ):
        delegate(user=maintainer, project=docopt, username="stranger", tasks=["revoke"], at=AT)
        revoke(given, "keep")
        assert unlist_wheels(consent=given, user=stranger, reason="", at=LATER).user == stranger

    @pytest.mark.parametrize("state", ["live", "withdrawn", "unlisted"])
    def test_where_no_such_word_stands_there_is_nothing_to_end(self, given, wheels, owner, state):
        if state == "withdrawn":
            revoke(given, "withdraw")
        elif state == "unlisted":
            revoke(given, "keep")
            unlist_wheels(consent=given, user=owner, reason="", at=LATER)
        with pytest.raises(NothingKept, match="docopt"):
            unlist_wheels(consent=given, user=owner, reason="", at=LATER)

    def test_it_takes_off_what_no_other_consent_covers(self, given, wheels, owner, docopt):
        consent(owner, docopt, targets=[CP312])
        revoke(given, "keep")
        assert kept_consents(docopt, at=LATER) == [(given, 2)]
        assert unlist_wheels(consent=given, user=owner, reason="", at=LATER).files_withdrawn == 2
        assert listed() == ALL[:1]

    def test_the_word_lists_nothing_that_an_objection_keeps_off(self, given, wheels, owner, docopt):
        object_to(consent=given, user=owner, reason="", at=LATER)
        revoke(given, "keep")
        assert (listed(), kept_consents(docopt, at=LATER)) == ([], [])
        relent(consent=given, user=owner, at=LATER)
        assert listed() == ALL

    def test_what_is_over_is_not_taken_back_again(self, given, wheels):
        revoke(given, "keep")
        with pytest.raises(ConsentEnded):
            revoke(given, "withdraw")

    def test_what_ended_by_its_date_keeps_nothing(self, given, wheels):
        end_expired(at=END)
        with pytest.raises(ConsentStands):
            revoke(given, "keep", at=END)


def test_withdrawn_wheels_are_those_that_were_said_before(given, wheels, owner, docopt):
    consent(owner, docopt, targets=[CP312])
    assert reach_of(given, at=LATER).wheels_listed == 2
    assert revoke(given, "withdraw").files_withdrawn == 2
    assert listed() == ALL[:1]


def test_how_many_wait_for_a_consent_is_known(given, wheels, owner):
    object_to(consent=given, user=owner, reason="", at=LATER)
    assert wheels_that_wait(given, at=LATER) == 3


def test_outside_development_a_consent_made_for_it_lists_nothing(docopt, stranger, settings):
    settings.AFFINEUR_DEVELOPMENT = True
    ada = make_user("ada")
    attest(ada, docopt)
    consent(ada, docopt)
    asked = make_request(
        user=stranger,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=[CP313],
        reason="",
        at=AT,
    )
    publish(asked.builds.get())
    settle_listing(docopt, at=AT)
    settings.AFFINEUR_DEVELOPMENT = False
    assert end_development_permits(at=LATER) == 1
    assert File.objects.get().standing == Standing.WITHDRAWN
    assert end_development_permits(at=LATER) == 0


def test_however_many_wheels_and_consents_there_are_it_takes_the_same_queries(
    given, wheels, docopt, owner, stranger
):
    with CaptureQueriesContext(connection) as before:
        assert settle_listing(docopt, at=LATER) == 0
    for target in (CP312, CP313):
        consent(owner, docopt, targets=[target])
    make_request(
        user=stranger,
        project_name="docopt",
        specifiers="==0.6.1",
        targets=[CP312],
        reason="",
        at=LATER,
    )
    publish(Build.objects.get(version="0.6.1", target=CP312))
    with CaptureQueriesContext(connection) as after:
        assert settle_listing(docopt, at=LATER) == 0
    assert len(after) == len(before)
