"""The pages on which people read what they are told, and choose it."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.notices.kinds import Channel, Kind
from portal.notices.models import Delivery, DeliveryState, Notice, Webhook
from portal.notices.services import (
    add_webhook,
    notify,
    preferences,
    unsubscribe_token,
)
from tests.portal.web.scenes import Farm
from tests.portal.web.test_every_page import words_of

HOOK = "https://hook.example/affineur"


@pytest.fixture
def told(farm: Farm) -> Farm:
    Notice.objects.all().delete()
    notify(
        kind=Kind.BUILD_FAILED,
        project=farm.project,
        about={"version": "0.27.0", "target": "x", "message": "<b>gcc</b> is missing."},
        people=[farm.owner],
    )
    return farm


@pytest.fixture
def hook(farm: Farm) -> Webhook:
    return add_webhook(person=farm.owner, url=HOOK, at=timezone.now())


def test_the_header_counts_what_is_new(told: Farm, owner_client: Client):
    assert "Notices (1<span" in words_of(owner_client.get("/"))
    page = words_of(owner_client.get(reverse("web:notices")))
    assert "&lt;b&gt;gcc&lt;/b&gt; is missing." in page
    owner_client.post(reverse("web:notices"))
    assert "Notices</a>" in words_of(owner_client.get("/"))


def test_nobody_sees_anothers(told: Farm, stranger, client: Client):
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    Notice.objects.filter(person=stranger).delete()
    assert "Nothing to tell yet" in words_of(client.get(reverse("web:notices")))


@pytest.mark.parametrize("page", ["notices", "notice-settings"])
def test_they_are_for_who_is_signed_in(client: Client, farm: Farm, page):
    assert client.get(reverse(f"web:{page}")).status_code == 302


def test_what_is_ticked_is_kept(owner_client: Client, farm: Farm):
    path = reverse("web:notice-settings")
    assert "you have confirmed no address" in words_of(owner_client.get(path))
    owner_client.post(path, {"build-failed:email": "on", "nonsense:email": "on"})
    chosen = preferences(farm.owner)
    assert chosen[Kind.BUILD_FAILED][Channel.EMAIL]
    assert not chosen[Kind.BUILD_FAILED][Channel.IN_APP]
    page = words_of(owner_client.get(path))
    assert 'name="build-failed:email" aria-label="A build has failed: E-mail" checked' in page


def test_a_webhook_is_added_and_its_secret_shown_once(owner_client: Client, farm: Farm):
    path = reverse("web:notice-settings")
    page = words_of(owner_client.post(path, {"add": "1", "url": HOOK}))
    secret = Webhook.objects.get().secret
    assert secret in page
    again = words_of(owner_client.get(path))
    assert HOOK in again
    assert secret not in again


def test_an_address_that_cannot_be_is_told_so(owner_client: Client, farm: Farm):
    response = owner_client.post(
        reverse("web:notice-settings"), {"add": "1", "url": "http://hook.example/"}
    )
    assert response.status_code == 400
    assert "does not begin with https://" in words_of(response)
    assert not Webhook.objects.exists()


def test_what_was_sent_is_listed_and_sent_again(told: Farm, owner_client: Client, hook: Webhook):
    notify(kind=Kind.CONSENT_GIVEN, project=told.project, about={}, people=[told.owner])
    delivery = Delivery.objects.get(webhook=hook)
    Delivery.objects.update(
        state=DeliveryState.GIVEN_UP,
        log=[{"at": timezone.now().isoformat(), "said": "Answered 500."}],
    )
    path = reverse("web:webhook", args=[hook.pk])
    page = words_of(owner_client.get(path))
    assert "Answered 500." in page
    assert "given up" in page
    owner_client.post(reverse("web:replay-delivery", args=[delivery.pk]))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.WAITING
    refused = owner_client.post(reverse("web:replay-delivery", args=[delivery.pk]))
    assert refused.status_code == 409


def test_a_webhook_is_ended(owner_client: Client, hook: Webhook):
    owner_client.post(reverse("web:end-webhook", args=[hook.pk]))
    hook.refresh_from_db()
    assert hook.ended_at
    assert "You have no webhook" in words_of(owner_client.get(reverse("web:notice-settings")))


def test_a_strangers_webhook_is_not_there(client: Client, farm: Farm, hook: Webhook, stranger):
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    assert client.get(reverse("web:webhook", args=[hook.pk])).status_code == 404
    assert client.post(reverse("web:end-webhook", args=[hook.pk])).status_code == 404


def test_a_mail_program_unsubscribes_without_a_sign_in(farm: Farm):
    program = Client(enforce_csrf_checks=True)
    path = reverse("web:unsubscribe", args=[unsubscribe_token(farm.owner, Kind.CONSENT_GIVEN)])
    looked = program.get(path)
    assert "End this kind of e-mail?" in words_of(looked)
    assert preferences(farm.owner)[Kind.CONSENT_GIVEN][Channel.EMAIL]
    done = program.post(path, {"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "This e-mail has ended" in words_of(done)
    assert not preferences(farm.owner)[Kind.CONSENT_GIVEN][Channel.EMAIL]
    assert preferences(farm.owner)[Kind.CONSENT_REVOKED][Channel.EMAIL]


def test_a_link_that_was_cut_short_says_so(client: Client, farm: Farm):
    path = reverse("web:unsubscribe", args=["eyJrIjoxfQ:nonsense"])
    response = client.post(path)
    assert response.status_code == 400
    assert "copy all of it" in words_of(response)


def test_reading_takes_the_same_queries_however_many(
    told: Farm, owner_client: Client, hook: Webhook, django_assert_max_num_queries
):
    for _ in range(30):
        notify(kind=Kind.CONSENT_GIVEN, project=told.project, about={}, people=[told.owner])
    with django_assert_max_num_queries(6):
        owner_client.get(reverse("web:notices"))
    with django_assert_max_num_queries(7):
        owner_client.get(reverse("web:webhook", args=[hook.pk]))
    with django_assert_max_num_queries(8):
        owner_client.get(reverse("web:notice-settings"))
