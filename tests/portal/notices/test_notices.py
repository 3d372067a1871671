"""Who is told of what, how, and that nothing of it is lost or said twice."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import transaction

from builds.domain.outcomes import Outcome
from builds.domain.states import BuildState
from builds.models import Build
from builds.signals import builds_ended
from indexes.domain.names import NormalizedName
from indexes.services.refresh import refresh_project
from portal.consent.services import revoke_consent
from portal.consent.suspension import object_to
from portal.errors import InvalidWebhook, NothingToReplay, UnsubscribeInvalid
from portal.notices import outside
from portal.notices import services as notices
from portal.notices.kinds import Channel, Kind, worded
from portal.notices.models import Delivery, DeliveryState, Notice, Webhook
from portal.notices.services import (
    TRIES,
    TRY_TAKES_AT_MOST,
    add_webhook,
    count_unread,
    deliver,
    deliver_due,
    end_webhook,
    mark_read,
    notify,
    preferences,
    replay_delivery,
    set_preferences,
    unsubscribe,
    unsubscribe_token,
    wait_after,
)
from portal.notices.signing import signature_headers
from portal.ownership.models import Proof, ProofState
from portal.requests.services import make_request
from tests.portal.people import AT, CP313, LATER, consent, prove, publish

pytestmark = pytest.mark.django_db
HOOK = "https://hook.example/affineur"


class Receiver:
    """The other end of a webhook."""

    def __init__(self) -> None:
        self.answers: list[int | str] = []
        self.heard: list[tuple[str, bytes, dict[str, str]]] = []

    def post(self, url, body, headers):
        self.heard.append((url, body, headers))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, str):
            raise outside.NotSent(answer)
        return answer


@pytest.fixture
def receiver(monkeypatch) -> Receiver:
    made = Receiver()
    monkeypatch.setattr(outside, "post", made.post)
    return made


@pytest.fixture
def hook(maintainer) -> Webhook:
    return add_webhook(person=maintainer, url=HOOK, at=AT)


@pytest.fixture
def confirmed(maintainer) -> str:
    EmailAddress.objects.create(
        user=maintainer, email="owner@mail.example", verified=True, primary=True
    )
    return "owner@mail.example"


def tell(project, *people, kind=Kind.CONSENT_GIVEN, **more) -> int:
    return notify(kind=kind, project=project, about={}, people=people, at=AT, **more)


def kinds_of(person) -> list[str]:
    return list(Notice.objects.filter(person=person).order_by("pk").values_list("kind", flat=True))


def deliveries(channel: Channel) -> list[Delivery]:
    return list(Delivery.objects.filter(channel=channel.value))


def build_for(project, user) -> Build:
    make_request(
        user=user,
        project_name=project.name,
        specifiers="",
        targets=[CP313],
        reason="",
        at=AT,
    )
    return Build.objects.get()


# Who is told.


@pytest.mark.parametrize(
    ("methods", "is_told"),
    [
        (["upstream-roles"], False),
        (["upstream-roles", "consent-as-code"], False),
        (["upstream-roles", "attested-repository"], True),
        (["release-challenge"], True),
    ],
)
def test_owners_are_those_whose_proofs_are_enough(docopt, stranger, methods, is_told):
    for method in methods:
        Proof.objects.create(
            user=stranger,
            project=docopt,
            method=method,
            state=ProofState.PROVEN,
            created_at=AT,
            proven_at=AT,
        )
    assert notify(kind=Kind.CONSENT_GIVEN, project=docopt, about={}, at=AT) == is_told


def test_owners_are_told_unless_others_are_named(docopt, proof, maintainer, stranger):
    assert notify(kind=Kind.CONSENT_OBJECTED, project=docopt, about={"reason": "No."}) == 1
    assert kinds_of(maintainer) == ["consent-objected"]
    assert kinds_of(stranger) == []


def test_one_event_is_told_once(docopt, maintainer):
    assert [tell(docopt, maintainer, event="e") for _ in range(3)] == [1, 0, 0]
    assert Notice.objects.count() == 1
    assert len(deliveries(Channel.EMAIL)) == 1
    assert tell(docopt, maintainer) == tell(docopt, maintainer) == 1


def test_what_did_not_happen_is_not_told(docopt, maintainer):
    with transaction.atomic():
        tell(docopt, maintainer)
        transaction.set_rollback(True)  # Django's
    assert not Notice.objects.exists()
    assert not Delivery.objects.exists()


def test_a_wish_without_consent_is_told_to_owners_once_and_not_to_who_wished(
    docopt, proof, maintainer, stranger
):
    for specifiers in ("", "==0.6.1", ">=0.6"):
        wish = make_request(
            user=stranger,
            project_name="docopt",
            specifiers=specifiers,
            targets=[],
            reason="",
            at=AT,
        )
        assert wish.is_petition
    assert kinds_of(maintainer) == ["consent-asked"]
    assert kinds_of(stranger) == []


def test_a_consent_and_its_end_are_told_to_co_owners_and_to_who_asked(
    docopt, proof, maintainer, stranger, administrator
):
    make_request(user=stranger, project_name="docopt", specifiers="", targets=[], reason="", at=AT)
    from tests.portal.people import make_user

    other = make_user("co-owner")
    prove(other, docopt, administrator)
    given = consent(maintainer, docopt)
    revoke_consent(consent=given, user=other, afterwards="keep", reason="Ask first.", at=LATER)
    assert sorted(kinds_of(other)) == ["consent-given", "consent-revoked"]
    assert sorted(kinds_of(stranger)) == ["consent-given", "consent-revoked"]
    told = {
        notice.person: notices.words_of(notice).body
        for notice in Notice.objects.filter(kind="consent-revoked")
    }
    assert "The reason given: Ask first." in told[maintainer]
    assert "The reason given: Ask first." in told[other]
    # The form says that it is for the project's owners.
    assert "Ask first." not in told[stranger]


def test_a_finished_build_is_told(docopt, proof, maintainer, stranger):
    consent(maintainer, docopt)
    build = build_for(docopt, stranger)
    publish(build)
    build.refresh_from_db()
    builds_ended.send(Build, builds=[build], outcome=Outcome.BUILT)
    assert "build-finished" in kinds_of(stranger)
    assert "build-finished" in kinds_of(maintainer)


def test_a_failed_build_is_told_with_its_diagnosis(docopt, proof, maintainer, stranger):
    consent(maintainer, docopt)
    build = build_for(docopt, stranger)
    build.state, build.outcome = BuildState.FAILED.value, "build-failed"
    build.message = "These sources use PyUnicode_AS_UNICODE, which 3.12 removed."
    build.save()
    builds_ended.send(Build, builds=[build], outcome=Outcome.BUILD_FAILED)
    told = Notice.objects.get(person=stranger, kind="build-failed")
    assert build.message in notices.words_of(told).body
    assert notices.path_of(told) == f"/build/{build.pk}/"


def test_a_cancelled_build_is_nobodys_news(docopt, proof, maintainer, stranger):
    consent(maintainer, docopt)
    build = build_for(docopt, stranger)
    build.state = BuildState.CANCELLED.value
    build.save()
    builds_ended.send(Build, builds=[build], outcome=Outcome.CANCELLED)
    assert set(kinds_of(stranger)) <= {"consent-given"}


def test_a_yank_is_told_where_wheels_of_ours_are_touched(
    docopt, proof, maintainer, stranger, upstream
):
    consent(maintainer, docopt)
    publish(build_for(docopt, stranger))
    upstream.yank("docopt", "0.6.1", reason="not ours")
    refresh_project(name=NormalizedName("docopt"), at=LATER)
    assert "yank-mirrored" not in kinds_of(maintainer)
    upstream.yank("docopt", "0.6.2", reason="broken metadata")
    refresh_project(name=NormalizedName("docopt"), at=LATER + timedelta(minutes=1))
    told = Notice.objects.get(person=stranger, kind="yank-mirrored")
    assert "broken metadata" in notices.words_of(told).body
    assert "yank-mirrored" in kinds_of(maintainer)


def test_who_hears_of_an_objection_is_led_to_the_consent_that_it_is_about(
    proof, maintainer, stranger, administrator, client
):
    given = consent(maintainer, proof.project)
    prove(stranger, proof.project, administrator)
    object_to(consent=given, user=stranger, reason="Ask me first.", at=AT)
    told = Notice.objects.get(person=maintainer, kind="consent-objected")
    client.force_login(maintainer)
    assert "Ask me first." in client.get(notices.path_of(told)).content.decode()


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_and_a_place(docopt, maintainer, kind):
    about = {"build": str(uuid4()), "version": "1.0", "target": CP313, "until": "2026-04-01"}
    notify(kind=kind, project=docopt, about=about, people=[maintainer], at=AT)
    notice = Notice.objects.get()
    words = notices.words_of(notice)
    assert "docopt" in words.subject
    assert "{" not in words.subject + words.body
    assert notices.path_of(notice).startswith("/")


def test_a_subject_is_one_line_whatever_strangers_wrote():
    said = worded(
        Kind.BUILD_FAILED, project="docopt", about={"version": "1.0\r\nBcc: eve@mail.example"}
    )
    assert "\n" not in said.subject
    assert "\r" not in said.subject


# Here.


def test_what_is_unread_is_counted_until_it_is_read(docopt, maintainer):
    tell(docopt, maintainer)
    tell(docopt, maintainer)
    assert count_unread(maintainer) == 2
    mark_read(person=maintainer, at=LATER)
    assert count_unread(maintainer) == 0


def test_who_does_not_want_it_here_is_told_elsewhere(docopt, maintainer):
    set_preferences(person=maintainer, wanted={(Kind.CONSENT_GIVEN, Channel.EMAIL)})
    tell(docopt, maintainer)
    assert count_unread(maintainer) == 0
    assert len(deliveries(Channel.EMAIL)) == 1
    assert tell(docopt, maintainer, kind=Kind.CONSENT_REVOKED) == 0


def test_preferences_are_what_was_set(maintainer):
    assert preferences(maintainer)[Kind.CONSENT_GIVEN][Channel.EMAIL]
    set_preferences(person=maintainer, wanted={(Kind.BUILD_FAILED, Channel.EMAIL)})
    chosen = {
        (kind, channel)
        for kind, by in preferences(maintainer).items()
        for channel, is_on in by.items()
        if is_on
    }
    assert chosen == {(Kind.BUILD_FAILED, Channel.EMAIL)}


# By e-mail.


def test_an_e_mail_goes_to_the_confirmed_address_with_one_click_to_end_it(
    docopt, maintainer, confirmed
):
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.EMAIL)
    deliver(delivery_id=delivery.pk, at=AT)
    deliver(delivery_id=delivery.pk, at=LATER)
    [sent] = mail.outbox
    assert sent.to == [confirmed]
    assert sent.subject == "docopt: consent was given"
    headers = sent.message()
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = headers["List-Unsubscribe"].strip("<>")
    assert link.startswith("http://testserver/notices/unsubscribe/")
    assert link in sent.body
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.SENT


def test_nobody_is_mailed_at_an_address_they_did_not_confirm(docopt, maintainer):
    EmailAddress.objects.create(user=maintainer, email="victim@mail.example", verified=False)
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.EMAIL)
    deliver(delivery_id=delivery.pk, at=AT)
    assert mail.outbox == []
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.GIVEN_UP


def test_a_mail_server_that_is_away_is_tried_again(docopt, maintainer, confirmed, monkeypatch):
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.EMAIL)

    def refuse(*_args, **_options):
        raise ConnectionRefusedError

    with monkeypatch.context() as away:
        away.setattr(notices, "send_mail", refuse)
        deliver(delivery_id=delivery.pk, at=AT)
    assert mail.outbox == []
    deliver(delivery_id=delivery.pk, at=LATER)
    assert len(mail.outbox) == 1


def test_unsubscribing_ends_that_kind_of_e_mail_and_nothing_else(docopt, maintainer):
    token = unsubscribe_token(maintainer, Kind.CONSENT_GIVEN)
    assert unsubscribe(token=token) == unsubscribe(token=token) == Kind.CONSENT_GIVEN
    tell(docopt, maintainer)
    tell(docopt, maintainer, kind=Kind.CONSENT_REVOKED)
    assert [each.notice.kind for each in deliveries(Channel.EMAIL)] == ["consent-revoked"]
    assert count_unread(maintainer) == 2


def test_unsubscribing_ends_what_waits_to_be_mailed(docopt, maintainer, confirmed):
    tell(docopt, maintainer)
    unsubscribe(token=unsubscribe_token(maintainer, Kind.CONSENT_GIVEN))
    [delivery] = deliveries(Channel.EMAIL)
    deliver(delivery_id=delivery.pk, at=AT)
    delivery.refresh_from_db()
    assert (delivery.state, mail.outbox) == (DeliveryState.GIVEN_UP, [])


@pytest.mark.parametrize(
    "change",
    [lambda t: t[:-1], lambda t: "x" + t, lambda _: "", str.upper],
    ids=["cut", "longer", "empty", "shouted"],
)
def test_a_forged_link_ends_nothing(maintainer, change):
    with pytest.raises(UnsubscribeInvalid):
        unsubscribe(token=change(unsubscribe_token(maintainer, Kind.CONSENT_GIVEN)))


# By webhook.


def test_a_webhook_is_told_and_can_tell_that_it_was_us(docopt, maintainer, hook, receiver):
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.WEBHOOK)
    deliver(delivery_id=delivery.pk, at=AT)
    [(url, body, headers)] = receiver.heard
    assert url == HOOK
    said = json.loads(body)
    assert (said["type"], said["data"]["project"]) == ("consent-given", "docopt")
    expected = signature_headers(
        secret=hook.secret,
        message_id=headers["webhook-id"],
        timestamp=int(AT.timestamp()),
        body=body,
    )
    assert expected.items() <= headers.items()


def test_what_is_not_taken_is_tried_again_under_the_same_id_until_it_is(
    docopt, maintainer, hook, receiver
):
    receiver.answers = [500, "no answer came", 302, 200]
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.WEBHOOK)
    at = AT
    for _ in range(6):
        deliver(delivery_id=delivery.pk, at=at)
        delivery.refresh_from_db()
        at = max(at, delivery.next_at)
    assert len(receiver.heard) == 4
    assert len({headers["webhook-id"] for _, _, headers in receiver.heard}) == 1
    assert len({body for _, body, _ in receiver.heard}) == 1
    assert delivery.state == DeliveryState.SENT
    assert [each["said"] for each in delivery.log] == [
        "Answered 500.",
        "Not sent: no answer came.",
        "Answered 302.",
        "Answered 200.",
    ]


def test_a_try_comes_four_times_later_than_the_one_before_and_there_are_nine():
    waits = [wait_after(tries) for tries in range(1, TRIES)]
    assert waits[:3] == [timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=4)]
    assert timedelta(days=1) < sum(waits, timedelta()) < timedelta(days=2)


def test_what_is_never_taken_is_given_up_and_can_be_sent_again(docopt, maintainer, hook, receiver):
    receiver.answers = [503] * TRIES
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.WEBHOOK)
    at = AT
    for _ in range(TRIES + 3):
        deliver(delivery_id=delivery.pk, at=at)
        at += timedelta(days=1)
    delivery.refresh_from_db()
    assert (delivery.state, len(receiver.heard)) == (DeliveryState.GIVEN_UP, TRIES)
    replay_delivery(delivery=delivery, at=at)
    with pytest.raises(NothingToReplay):
        replay_delivery(delivery=delivery, at=at)
    deliver(delivery_id=delivery.pk, at=at)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.SENT
    assert len({headers["webhook-id"] for _, _, headers in receiver.heard}) == 1


def test_a_worker_that_died_while_it_sent_is_made_up_for(docopt, maintainer, hook, receiver):
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.WEBHOOK)

    class Killed(BaseException):
        pass

    def die(*_arguments):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outside, "post", die)
        with pytest.raises(Killed):
            deliver(delivery_id=delivery.pk, at=AT)
    deliver(delivery_id=delivery.pk, at=AT + TRY_TAKES_AT_MOST / 2)
    assert receiver.heard == []
    deliver(delivery_id=delivery.pk, at=AT + TRY_TAKES_AT_MOST)
    assert len(receiver.heard) == 1


def test_a_round_finds_what_no_message_told_of(docopt, maintainer, hook, monkeypatch):
    woken = []
    monkeypatch.setattr(notices.dispatch, "deliver", woken.extend)
    tell(docopt, maintainer)
    assert deliver_due(at=AT - timedelta(seconds=1)) == 0
    assert deliver_due(at=AT) == 2
    assert set(woken) == set(Delivery.objects.values_list("pk", flat=True))


def test_workers_are_woken_after_the_commit(
    docopt, maintainer, hook, monkeypatch, django_capture_on_commit_callbacks
):
    woken = []
    monkeypatch.setattr(notices.dispatch, "deliver", woken.extend)
    with django_capture_on_commit_callbacks(execute=True):
        tell(docopt, maintainer)
        assert woken == []
    assert len(woken) == 2


def test_a_webhook_that_says_it_is_gone_is_ended(docopt, maintainer, hook, receiver):
    receiver.answers = [410]
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.WEBHOOK)
    deliver(delivery_id=delivery.pk, at=AT)
    hook.refresh_from_db()
    assert hook.ended_at == AT
    tell(docopt, maintainer)
    assert len(deliveries(Channel.WEBHOOK)) == 1


def test_an_ended_webhook_is_told_nothing_that_waited(docopt, maintainer, hook, receiver):
    tell(docopt, maintainer)
    [delivery] = deliveries(Channel.WEBHOOK)
    end_webhook(webhook=hook, at=AT)
    deliver(delivery_id=delivery.pk, at=LATER)
    assert receiver.heard == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "ftp://hook.example/",
        "https://",
        "https://user:secret@hook.example/",
        "https://hook.example:0/",
        "https://hook.example:99999/",
        "https://hook.example/\r\nHost: other",
        "https://höök.example/",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_nothing_is_sent_to_is_refused(maintainer, url):
    with pytest.raises(InvalidWebhook):
        add_webhook(person=maintainer, url=url, at=AT)


def test_a_person_has_a_handful_of_webhooks(maintainer):
    for number in range(5):
        add_webhook(person=maintainer, url=f"{HOOK}{number}", at=AT)
    with pytest.raises(InvalidWebhook, match="end one first"):
        add_webhook(person=maintainer, url=HOOK, at=AT)
