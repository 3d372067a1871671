"""Who is asked, how often, and what a no means; and stopping without an account."""

from datetime import timedelta

import pytest
from django.core import mail

from portal.consent.expiry import remind_of_expiry
from portal.consent.letters import A_YEAR, write_letter, write_letters
from portal.consent.models import Letter, PauseLink
from portal.consent.pause_links import link_of, pause_by_link, read_link, send_pause_link
from portal.consent.refusals import say_no, standing_refusal, take_no_back
from portal.consent.services import live_consents
from portal.errors import (
    ConsentStands,
    LetterNotSent,
    LinkInvalid,
    LinkSentJustNow,
    NoAddress,
    NotYourConsent,
    ProofNeeded,
    RefusalStands,
)
from portal.ledger.models import Entry
from portal.moderation.models import Case
from portal.notices.models import Notice
from portal.notices.services import words_of
from portal.ownership.models import Proof, ProofState
from portal.requests.models import Request
from portal.requests.services import demand, make_request, request_status
from tests.portal.people import AT, CP313, LATER, consent, know, make_user, prove

pytestmark = pytest.mark.django_db
METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nAuthor-email: ada@x.example\n"


@pytest.fixture(autouse=True)
def letters_are_on(settings):
    settings.AFFINEUR_LETTER_PEOPLE = 2


@pytest.fixture
def demo(upstream):
    upstream.add_sdist("demo", "1.0", files={"PKG-INFO": METADATA})
    return know("demo")


def ask(user, at=AT, **why) -> Request:
    return make_request(
        user=user,
        project_name="demo",
        specifiers="",
        targets=[CP313],
        reason="no compiler in CI",
        at=at,
        **why,
    )


@pytest.fixture
def wanted(demo):
    for name in ("ann", "ben"):
        ask(make_user(name), cost="blocked")
    return demo


class TestLetters:
    def test_enough_people_make_one_letter_a_year(self, wanted):
        assert write_letters(at=LATER) == 1
        assert write_letters(at=LATER) == 0
        assert write_letters(at=LATER + A_YEAR - timedelta(seconds=1)) == 0
        assert write_letters(at=LATER + A_YEAR) == 1
        assert [message.to for message in mail.outbox] == [["ada@x.example"]] * 2

    def test_it_says_what_is_asked_and_how_to_hear_no_more(self, wanted):
        write_letter(project=wanted, at=LATER)
        (message,) = mail.outbox
        link = link_of(PauseLink.objects.get())
        for words in ("2 people asked", "I cannot install it at all: 2", link, "/demo/consent/"):
            assert words in message.body
        assert message.extra_headers["Auto-Submitted"] == "auto-generated"
        assert Entry.objects.filter(verb="letter-sent", project="demo").count() == 1

    def test_nobody_is_written_to_while_it_is_off_or_too_few_ask(self, wanted, settings):
        for people in (0, 3):
            settings.AFFINEUR_LETTER_PEOPLE = people
            assert write_letters(at=LATER) == 0
        assert not mail.outbox

    @pytest.mark.parametrize("is_taken_back", [False, True])
    def test_never_after_a_no(self, wanted, administrator, is_taken_back):
        owner = make_user("owner")
        proof = prove(owner, wanted, administrator)
        said = say_no(user=owner, project=wanted, reason="", at=AT)
        if is_taken_back:
            take_no_back(refusal=said, user=owner, at=AT)
        proof.delete()
        assert write_letters(at=LATER) == 0
        assert not write_letter(project=wanted, at=LATER + 3 * A_YEAR)
        assert not mail.outbox

    def test_never_after_the_link_of_an_earlier_one_was_used(self, wanted):
        write_letter(project=wanted, at=LATER)
        token = link_of(PauseLink.objects.get()).rstrip("/").rpartition("/")[2]
        pause_by_link(token=token, at=LATER + timedelta(days=200))
        assert not write_letter(project=wanted, at=LATER + A_YEAR)

    def test_not_where_an_owner_is_known_already(self, wanted, administrator):
        owner = make_user("owner")
        prove(owner, wanted, administrator)
        assert write_letters(at=LATER) == 0
        consent(owner, wanted)
        assert write_letters(at=LATER) == 0

    def test_whoever_names_an_account_upstream_is_no_owner_yet(self, wanted):
        Proof.objects.create(
            user=make_user("mallory"),
            project=wanted,
            method="upstream-roles",
            state=ProofState.PROVEN,
            created_at=AT,
            proven_at=AT,
        )
        assert write_letters(at=LATER) == 1

    def test_wishes_of_who_was_banned_count_no_more(self, wanted):
        user = Request.objects.first().user
        user.is_active = False
        user.save()
        assert write_letters(at=LATER) == 0

    def test_what_was_not_sent_was_no_letter(self, wanted, monkeypatch):
        monkeypatch.setattr("portal.consent.mail.EmailMessage.send", refuse)
        assert not write_letter(project=wanted, at=LATER)
        assert not Letter.objects.exists()

    def test_two_at_once_write_one(self, wanted):
        """The row is there already: another process claimed it a moment ago."""
        Letter.objects.create(project=wanted, sent_at=LATER)
        assert not write_letter(project=wanted, at=LATER)
        assert not mail.outbox


def refuse(_message) -> None:
    raise OSError("no server")


class TestLinks:
    def test_it_goes_to_the_metadata_and_pauses_everything(self, demo, administrator, maintainer):
        prove(maintainer, demo, administrator)
        consent(maintainer, demo)
        send_pause_link(project=demo, at=LATER)
        (message,) = mail.outbox
        assert message.to == ["ada@x.example"]
        token = link_of(PauseLink.objects.get()).rstrip("/").rpartition("/")[2]
        assert token in message.body
        assert live_consents(demo, at=LATER).exists()
        assert pause_by_link(token=token, at=LATER) == 1
        assert not live_consents(demo, at=LATER).exists()
        assert pause_by_link(token=token, at=LATER) == 0
        case = Case.objects.get()
        assert (case.project, case.kind) == (demo, "pause-by-email")
        assert "paused by that: 1" in case.reports.get().text

    def test_one_a_day(self, demo):
        send_pause_link(project=demo, at=AT)
        with pytest.raises(LinkSentJustNow):
            send_pause_link(project=demo, at=AT + timedelta(hours=23))
        send_pause_link(project=demo, at=AT + timedelta(hours=25))
        assert len(mail.outbox) == 2

    def test_without_an_address_none_is_sent(self, docopt):
        with pytest.raises(NoAddress, match="docopt"):
            send_pause_link(project=docopt, at=AT)

    @pytest.mark.parametrize("change", [str.upper, str.title, lambda token: token[:-3]])
    def test_a_link_of_somebody_elses_making_is_none(self, demo, change):
        send_pause_link(project=demo, at=AT)
        token = link_of(PauseLink.objects.get()).rstrip("/").rpartition("/")[2]
        assert read_link(token, at=AT).project == demo
        with pytest.raises(LinkInvalid):
            read_link(change(token), at=AT)

    def test_it_ends_after_a_week(self, demo):
        send_pause_link(project=demo, at=AT)
        token = link_of(PauseLink.objects.get()).rstrip("/").rpartition("/")[2]
        with pytest.raises(LinkInvalid, match="older than a week"):
            pause_by_link(token=token, at=AT + timedelta(days=7))

    def test_opening_it_changes_nothing(self, demo, administrator, maintainer, client, settings):
        prove(maintainer, demo, administrator)
        consent(maintainer, demo)
        send_pause_link(project=demo, at=AT)
        assert client.get("/project/demo/pause/").status_code == 200
        assert live_consents(demo, at=LATER).exists()

    def test_a_link_that_was_not_sent_is_none(self, demo, monkeypatch):
        monkeypatch.setattr("portal.consent.mail.EmailMessage.send", refuse)
        with pytest.raises(LetterNotSent):
            send_pause_link(project=demo, at=AT)
        assert not PauseLink.objects.exists()


class TestNo:
    @pytest.fixture
    def owner(self, demo, administrator):
        user = make_user("owner")
        prove(user, demo, administrator)
        return user

    def test_it_closes_petitions_and_takes_no_new_one(self, wanted, owner, stranger):
        said = say_no(user=owner, project=wanted, reason="no binaries, please", at=AT)
        assert demand(wanted).people == 0
        status = request_status(Request.objects.first())
        assert "said no" in status.words
        with pytest.raises(RefusalStands, match="Somebody, who owns demo, said no"):
            ask(stranger)
        assert standing_refusal(wanted) == said

    def test_it_is_taken_back_by_who_said_it(self, wanted, owner, administrator):
        said = say_no(user=owner, project=wanted, reason="", at=AT)
        other = make_user("other")
        prove(other, wanted, administrator)
        with pytest.raises(NotYourConsent):
            take_no_back(refusal=said, user=other, at=LATER)
        with pytest.raises(RefusalStands):
            consent(other, wanted)
        take_no_back(refusal=said, user=owner, at=LATER)
        assert demand(wanted).people == 2

    def test_a_yes_of_the_same_person_ends_it(self, wanted, owner):
        say_no(user=owner, project=wanted, reason="", at=AT)
        consent(owner, wanted)
        assert standing_refusal(wanted) is None
        assert not Request.objects.filter(is_petition=True).exists()

    def test_it_takes_a_proof(self, demo, stranger):
        with pytest.raises(ProofNeeded):
            say_no(user=stranger, project=demo, reason="", at=AT)

    def test_a_consent_is_taken_back_first(self, demo, owner):
        consent(owner, demo)
        with pytest.raises(ConsentStands):
            say_no(user=owner, project=demo, reason="", at=AT)


class TestExpiry:
    def test_people_are_told_once_within_the_last_month(self, maintainer, docopt, proof):
        consent(maintainer, docopt, expires_at=AT + timedelta(days=60))
        assert remind_of_expiry(at=AT + timedelta(days=29)) == 0
        assert remind_of_expiry(at=AT + timedelta(days=30)) == 1
        assert remind_of_expiry(at=AT + timedelta(days=31)) == 0
        words = words_of(Notice.objects.get(kind="consent-expiring"))
        assert words.subject == "docopt: consent ends on 2026-04-30"
        assert "It is the turn of maintainer" in words.body


class TestPetitions:
    def test_each_person_counts_once_however_often_they_ask(self, demo):
        ann, ben = make_user("ann"), make_user("ben")
        ask(ann, platform="macos", cost="time")
        make_request(
            user=ann,
            project_name="demo",
            specifiers="==1.0",
            targets=[CP313],
            reason="",
            platform="macos",
            cost="time",
            at=AT,
        )
        ask(ben, platform="windows", cost="time")
        asked = demand(demo)
        assert (asked.petitions, asked.people) == (3, 2)
        assert asked.targets == ((CP313, 2),)
        assert asked.platforms == (("Windows", 1), ("macOS", 1))
        assert asked.costs == (("Each installation builds it again", 2),)
