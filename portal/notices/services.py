"""The only writer of notices, deliveries, preferences and webhooks."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone

from indexes.models import Project
from portal import dispatch
from portal.accounts.models import User
from portal.errors import InvalidWebhook, NothingToReplay, UnsubscribeInvalid
from portal.notices import outside
from portal.notices.kinds import Channel, Kind, Words, is_on_by_default, worded
from portal.notices.mail import send_mail
from portal.notices.models import Delivery, DeliveryState, Notice, Preference, Webhook
from portal.notices.signing import new_secret, signature_headers
from portal.ownership.owners import owners_of

TRIES = 9
"""Of a delivery, before it is given up: the last comes about thirty hours after the first."""
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=12)
TRY_TAKES_AT_MOST = timedelta(minutes=2)
"""A try that has not ended by then died with its worker."""
WEBHOOKS_AT_MOST = 5
ROUND = 200
"""Deliveries that workers are woken for at once."""

_SIGNER = Signer(salt="portal.notices.unsubscribe")
_GONE = 410


def notify(
    *,
    kind: Kind,
    project: Project,
    about: Mapping[str, Any],
    people: Iterable[User] | None = None,
    event: str = "",
    at: datetime | None = None,
) -> int:
    """Tell people of something in the transaction under way; says how many had not heard yet.

    `people` are the proven owners unless told. `about` is JSON with what the words need: of
    `reason`, `message`, `version`, `target`, `until`, `build`, `consent`, `proof`, what applies.
    `event` names what happened, so that nobody is told of it twice; each call is another one
    unless told. What leaves the portal leaves after commit.
    """
    at = at or timezone.now()
    told = {user.pk: user for user in (owners_of(project, at=at) if people is None else people)}
    if not told:
        return 0
    event = event or str(uuid4())
    channels = _channels(kind, told)
    with transaction.atomic():
        drafts = [
            Notice(
                person=person,
                project=project,
                kind=kind.value,
                event=event,
                about=dict(about),
                is_shown=Channel.IN_APP in channels[pk],
                created_at=at,
            )
            for pk, person in told.items()
            if channels[pk]
        ]
        Notice.objects.bulk_create(drafts, ignore_conflicts=True)
        made = list(Notice.objects.filter(pk__in=[draft.pk for draft in drafts]))
        deliveries = [*_mails(made, channels, at=at), *_calls(made, channels, at=at)]
        Delivery.objects.bulk_create(deliveries)
        if deliveries:
            # The rest of very many is found by the next rounds.
            pks = [delivery.pk for delivery in deliveries[:ROUND]]
            transaction.on_commit(lambda: dispatch.deliver(pks), robust=True)
    return len(made)


def deliver_due(*, at: datetime) -> int:
    """Have sent what waits and is due, and what a worker died with; says how many that is."""
    due = Delivery.objects.filter(state=DeliveryState.WAITING, next_at__lte=at)
    pks = list(due.order_by("next_at", "pk").values_list("pk", flat=True)[:ROUND])
    dispatch.deliver(pks)
    return len(pks)


def deliver(*, delivery_id: UUID, at: datetime) -> None:
    """Try to send one; nothing when it is not due, or another worker has it.

    Takes as long as the other end does, outside any transaction. A try that cannot be written
    down is made again: the other end tells by the message's id.
    """
    taken = Delivery.objects.filter(
        pk=delivery_id, state=DeliveryState.WAITING, next_at__lte=at
    ).update(next_at=at + TRY_TAKES_AT_MOST, tries=F("tries") + 1)
    if not taken:
        return
    delivery = Delivery.objects.select_related("notice__person", "notice__project", "webhook").get(
        pk=delivery_id
    )
    sending = _call if delivery.webhook else _mail
    ended = sending(delivery, at)
    delivery.log = [*delivery.log, {"at": at.isoformat(), "said": ended.said}]
    delivery.state, delivery.next_at = _after(delivery, ended, at)
    delivery.save(update_fields=["log", "state", "next_at"])
    if ended.is_gone and delivery.webhook:
        end_webhook(webhook=delivery.webhook, at=at)


def replay_delivery(*, delivery: Delivery, at: datetime) -> None:
    """Send it again, under the id that it had. Raises `NothingToReplay` when it still waits."""
    moved = (
        Delivery.objects.filter(pk=delivery.pk, webhook__ended_at=None)
        .exclude(state=DeliveryState.WAITING)
        .update(state=DeliveryState.WAITING, tries=0, next_at=at)
    )
    if not moved:
        raise NothingToReplay(delivery.notice.project.name)
    transaction.on_commit(lambda: dispatch.deliver([delivery.pk]), robust=True)


@transaction.atomic
def add_webhook(*, person: User, url: str, at: datetime) -> Webhook:
    """An address that is told what its person is told. Raises `InvalidWebhook`."""
    if problem := outside.problem_of(url):
        raise InvalidWebhook(url, problem)
    # One at a time, so that their number holds.
    User.objects.select_for_update().get(pk=person.pk)
    if live_webhooks(person).count() >= WEBHOOKS_AT_MOST:
        raise InvalidWebhook(url, f"you have {WEBHOOKS_AT_MOST} already; end one first")
    return Webhook.objects.create(person=person, url=url, secret=new_secret(), created_at=at)


@transaction.atomic
def end_webhook(*, webhook: Webhook, at: datetime) -> None:
    """Tell it nothing any more; what waits for it is given up."""
    Webhook.objects.filter(pk=webhook.pk, ended_at=None).update(ended_at=at)
    Delivery.objects.filter(webhook=webhook, state=DeliveryState.WAITING).update(
        state=DeliveryState.GIVEN_UP
    )


def live_webhooks(person: User) -> QuerySet[Webhook]:
    return Webhook.objects.filter(person=person, ended_at=None)


def preferences(person: User) -> dict[Kind, dict[Channel, bool]]:
    """How they hear of each kind, in one query."""
    said = dict(_said([person.pk]).get(person.pk, {}))
    return {
        kind: {
            channel: said.get((kind, channel), is_on_by_default(kind, channel))
            for channel in Channel
        }
        for kind in Kind
    }


@transaction.atomic
def set_preferences(*, person: User, wanted: Collection[tuple[Kind, Channel]]) -> None:
    """Tell them of these kinds by these channels, and of nothing else."""
    Preference.objects.bulk_create(
        [
            Preference(
                person=person,
                kind=kind.value,
                channel=channel.value,
                is_on=(kind, channel) in wanted,
            )
            for kind in Kind
            for channel in Channel
        ],
        update_conflicts=True,
        unique_fields=["person", "kind", "channel"],
        update_fields=["is_on"],
    )


def unsubscribe_token(person: User, kind: Kind) -> str:
    """What stands in an e-mail's link: it ends that kind of e-mail to that person, no more."""
    return _SIGNER.sign_object({"person": person.pk, "kind": kind.value})


def read_unsubscribe_token(token: str) -> tuple[int, Kind]:
    """Whom and what a link is about. Raises `UnsubscribeInvalid`."""
    try:
        said = _SIGNER.unsign_object(token)
        return int(said["person"]), Kind(said["kind"])
    except (BadSignature, KeyError, TypeError, ValueError) as error:
        raise UnsubscribeInvalid from error


def unsubscribe(*, token: str) -> Kind:
    """Send no more e-mail of that kind (RFC 8058); a second time changes nothing.

    Raises `UnsubscribeInvalid`.
    """
    person, kind = read_unsubscribe_token(token)
    if not User.objects.filter(pk=person).exists():
        raise UnsubscribeInvalid
    Preference.objects.update_or_create(
        person_id=person,
        kind=kind.value,
        channel=Channel.EMAIL.value,
        defaults={"is_on": False},
    )
    return kind


def shown_notices(person: User) -> QuerySet[Notice]:
    """What they are told here, newest first."""
    return Notice.objects.filter(person=person, is_shown=True).select_related("project")


def count_unread(person: User) -> int:
    return Notice.objects.filter(person=person, is_shown=True, read_at=None).count()


def mark_read(*, person: User, at: datetime) -> None:
    """All that they were told until now."""
    Notice.objects.filter(person=person, is_shown=True, read_at=None, created_at__lte=at).update(
        read_at=at
    )


def words_of(notice: Notice) -> Words:
    return worded(Kind(notice.kind), project=notice.project.name, about=notice.about)


def path_of(notice: Notice) -> str:
    """Of the page where its person can do something about it."""
    project, about = notice.project.name, notice.about
    match Kind(notice.kind):
        case Kind.CONSENT_ASKED:
            return reverse("web:give-consent", args=[project])
        case (
            Kind.CONSENT_OBJECTED
            | Kind.CONSENT_SUSPENDED
            | Kind.CONSENT_RESTORED
            | Kind.CONSENT_EXPIRING
        ) if about.get("consent"):
            return reverse("web:consent", args=[about["consent"]])
        case Kind.BUILD_FINISHED | Kind.BUILD_FAILED if about.get("build"):
            return reverse("web:build", args=[about["build"]])
        case Kind.PROOF_LAPSING:
            return reverse("web:prove", args=[project])
        case Kind.MODERATED if about.get("path"):
            return str(about["path"])
        case _:
            return reverse("web:ledger", args=[project])


def mail_address(person: User) -> str:
    """Where they get e-mail: an address that they confirmed, the primary one first; or nothing."""
    confirmed = EmailAddress.objects.filter(user=person, verified=True)
    address = confirmed.order_by("-primary", "pk").values_list("email", flat=True).first()
    return address or ""


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a try ended."""

    said: str
    is_sent: bool = False
    is_final: bool = False
    is_gone: bool = False


def _channels(kind: Kind, people: Collection[int]) -> dict[int, set[Channel]]:
    said = _said(people, kind)
    return {
        pk: {
            channel
            for channel in Channel
            if said.get(pk, {}).get((kind, channel), is_on_by_default(kind, channel))
        }
        for pk in people
    }


def _said(
    people: Collection[int], kind: Kind | None = None
) -> dict[int, dict[tuple[Kind, Channel], bool]]:
    """What people chose, by person."""
    rows = Preference.objects.filter(person__in=people)
    if kind:
        rows = rows.filter(kind=kind.value)
    said: dict[int, dict[tuple[Kind, Channel], bool]] = {}
    for row in rows:
        said.setdefault(row.person_id, {})[Kind(row.kind), Channel(row.channel)] = row.is_on
    return said


def _mails(
    notices: Iterable[Notice], channels: Mapping[int, set[Channel]], *, at: datetime
) -> list[Delivery]:
    return [
        Delivery(notice=notice, channel=Channel.EMAIL.value, next_at=at)
        for notice in notices
        if Channel.EMAIL in channels[notice.person_id]
    ]


def _calls(
    notices: Iterable[Notice], channels: Mapping[int, set[Channel]], *, at: datetime
) -> list[Delivery]:
    by_person = {
        notice.person_id: notice
        for notice in notices
        if Channel.WEBHOOK in channels[notice.person_id]
    }
    webhooks = Webhook.objects.filter(person__in=by_person, ended_at=None)
    return [
        Delivery(
            notice=by_person[webhook.person_id],
            channel=Channel.WEBHOOK.value,
            webhook=webhook,
            next_at=at,
        )
        for webhook in webhooks
    ]


def _after(delivery: Delivery, ended: _Ended, at: datetime) -> tuple[str, datetime]:
    """What a try leaves of a delivery: its state, and when it is tried next."""
    if ended.is_sent:
        return DeliveryState.SENT, at
    if ended.is_final or delivery.tries >= TRIES:
        return DeliveryState.GIVEN_UP, at
    return DeliveryState.WAITING, at + wait_after(delivery.tries)


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many tries that failed: four times as long each time."""
    return min(FIRST_WAIT * 4.0 ** (tries - 1), LONGEST_WAIT)


def _mail(delivery: Delivery, _at: datetime) -> _Ended:
    notice = delivery.notice
    kind = Kind(notice.kind)
    address = mail_address(notice.person)
    if not address:
        return _Ended("They have confirmed no address.", is_final=True)
    if Channel.EMAIL not in _channels(kind, [notice.person_id])[notice.person_id]:
        return _Ended("They ended this kind of e-mail meanwhile.", is_final=True)
    token = unsubscribe_token(notice.person, kind)
    try:
        send_mail(
            address,
            words_of(notice),
            kind=kind,
            link=f"{settings.AFFINEUR_PUBLIC_URL}{path_of(notice)}",
            unsubscribe=f"{settings.AFFINEUR_PUBLIC_URL}{reverse('web:unsubscribe', args=[token])}",
            message_id=delivery.pk.hex,
        )
    except OSError as error:
        # Also what SMTP says: `smtplib.SMTPException` is one.
        return _Ended(f"Not sent: {type(error).__name__}.")
    return _Ended("Handed to the mail server.", is_sent=True)


def _call(delivery: Delivery, at: datetime) -> _Ended:
    webhook, notice = delivery.webhook, delivery.notice
    if webhook is None or webhook.ended_at is not None:
        return _Ended("The webhook was ended.", is_final=True)
    body = _payload(notice)
    headers = {
        "content-type": "application/json",
        "user-agent": "affineur",
        **signature_headers(
            secret=webhook.secret,
            message_id=f"msg_{delivery.pk.hex}",
            timestamp=int(at.timestamp()),
            body=body,
        ),
    }
    try:
        status = outside.post(webhook.url, body, headers)
    except outside.NotSent as error:
        return _Ended(f"Not sent: {error}.")
    is_gone = status == _GONE
    return _Ended(
        f"Answered {status}.",
        is_sent=200 <= status < 300,  # noqa: PLR2004  # HTTP's
        is_final=is_gone,
        is_gone=is_gone,
    )


def _payload(notice: Notice) -> bytes:
    """As Standard Webhooks shapes it; the same bytes at every try."""
    words = words_of(notice)
    said = {
        "type": notice.kind,
        "timestamp": notice.created_at.isoformat(),
        "data": {
            "project": notice.project.name,
            "subject": words.subject,
            "body": words.body,
            "url": f"{settings.AFFINEUR_PUBLIC_URL}{path_of(notice)}",
            "about": notice.about,
        },
    }
    return json.dumps(said, ensure_ascii=False).encode()
