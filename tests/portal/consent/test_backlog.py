"""Taking a consent back is as quick with a long queue as with a short one."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from builds.domain.states import AttemptState, BuildState
from builds.models import Attempt, Build
from portal.consent.services import revoke_consent
from portal.ledger.models import Entry
from portal.requests.models import Request
from tests.builds.farm import queue_build
from tests.portal.people import AT, LATER, consent, live_permits

pytestmark = pytest.mark.django_db


def queue(given, count):
    """Builds of as many releases, one of them running; a request waits for all."""
    (permit,) = live_permits(given.project)
    request = Request.objects.create(
        user=given.user, project=given.project, fingerprint=uuid4().hex, created_at=AT
    )
    builds = [
        queue_build(permit, version=f"1.{number}", queued_at=AT + timedelta(seconds=number))
        for number in range(count)
    ]
    request.builds.add(*builds)
    Build.objects.filter(pk=builds[-1].pk).update(state=BuildState.RUNNING.value)
    Attempt.objects.create(
        build=builds[-1],
        number=1,
        rung="declared",
        state=AttemptState.RUNNING.value,
        lease_hash=uuid4().hex,
        heartbeat_at=AT,
        created_at=AT,
    )


def revoke(given):
    with CaptureQueriesContext(connection) as queries:
        revoke_consent(consent=given, user=given.user, afterwards="keep", reason="", at=LATER)
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_the_queue(maintainer, docopt, proof):
    few = consent(maintainer, docopt)
    queue(few, 2)
    queries = revoke(few)
    Request.objects.all().delete()
    Build.objects.all().delete()
    many = consent(maintainer, docopt, at=LATER)
    queue(many, 150)

    assert revoke(many) <= queries + 5

    assert set(Build.objects.values_list("state", flat=True)) == {BuildState.CANCELLED}
    assert Attempt.objects.get().state == AttemptState.CANCELLED
    ended = Entry.objects.filter(verb="build-ended", facts__outcome="permit-gone")
    assert ended.count() == 2 + 150
