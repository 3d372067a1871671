"""What workers are sent by name does what the services do."""

import pytest
from django.core import mail
from django.utils import timezone

from portal.ledger.models import Checkpoint
from portal.ledger.tasks import checkpoint
from portal.notices import services
from portal.notices.kinds import Kind
from portal.notices.models import Delivery, DeliveryState
from portal.notices.services import notify
from portal.notices.tasks import deliver_notices, deliver_one

pytestmark = pytest.mark.django_db


def test_a_round_wakes_a_worker_for_each_that_is_due(docopt, maintainer, monkeypatch):
    monkeypatch.setattr(
        services.dispatch, "deliver", lambda pks: [deliver_one(str(pk)) for pk in pks]
    )
    notify(kind=Kind.CONSENT_GIVEN, project=docopt, about={}, people=[maintainer])
    deliver_notices()
    deliver_notices()
    delivery = Delivery.objects.get()
    assert (delivery.state, len(delivery.log), mail.outbox) == (DeliveryState.GIVEN_UP, 1, [])


def test_a_checkpoint_is_signed_by_the_clock(settings, tmp_path):
    settings.AFFINEUR_DEVELOPMENT = True
    settings.AFFINEUR_SIGNING_KEY = tmp_path / "key.pem"
    checkpoint()
    checkpoint()
    assert Checkpoint.objects.get().at <= timezone.now()
