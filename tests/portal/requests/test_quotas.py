"""What organisations may use, and that nothing asked for in their name is lost."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from builds.models import Attempt, Build
from indexes.models import File
from portal.accounts.models import User
from portal.errors import RoleNeeded
from portal.organisations.services import create_organisation, entries_of, set_quotas
from portal.requests.quotas import usage_of
from portal.requests.services import make_request, replan_project, replan_requests, request_status
from portal.requests.status import RequestState
from tests.portal.people import AT, CP312, CP313, LATER, add_member, consent, make_user, publish

pytestmark = pytest.mark.django_db
NEXT_MONTH = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def acme(maintainer, docopt, proof):
    """It may have one build in progress, and docopt has consented."""
    consent(maintainer, docopt)
    acme = create_organisation(user=maintainer, slug="acme", name="Acme", at=AT)
    allow(acme, 1)
    return acme


def allow(acme, builds, cpu_hours=None, storage_bytes=None):
    by = acme.members.get(username="maintainer")
    set_quotas(
        by=by,
        organisation=acme,
        builds_at_once=builds,
        cpu_hours=cpu_hours,
        storage_bytes=storage_bytes,
        at=AT,
    )
    acme.refresh_from_db()


def ask(user, acme, target, at=AT):
    return make_request(
        user=user,
        project_name="docopt",
        specifiers="==0.6.2",
        targets=[target],
        reason="",
        at=at,
        organisation=acme,
    )


def fail(build):
    Build.objects.filter(pk=build.pk).update(state="failed", outcome="build-failed")


def test_over_its_quota_a_request_is_kept_and_planned_when_there_is_room(maintainer, acme):
    first = ask(maintainer, acme, CP313)
    second = ask(maintainer, acme, CP312)
    assert (first.builds.count(), second.builds.count()) == (1, 0)
    assert request_status(second).state == RequestState.WAITING_FOR_QUOTA
    assert "acme is at its quota of builds in progress: 1 of 1" in second.note
    assert replan_requests(at=AT) == 0

    fail(first.builds.get())
    replan_requests(at=AT)

    second.refresh_from_db()
    assert (second.builds.count(), second.held_back) == (1, "")
    assert request_status(second).state == RequestState.IN_PROGRESS


def test_a_quota_that_is_raised_lets_what_was_kept_go_on(maintainer, acme):
    ask(maintainer, acme, CP313)
    second = ask(maintainer, acme, CP312)
    allow(acme, None)
    replan_requests(at=AT)
    assert second.builds.count() == 1


def test_what_is_planned_anew_while_over_the_quota_is_due_after(maintainer, acme, docopt):
    first = ask(maintainer, acme, CP313)
    replan_project(project=docopt, at=AT)
    first.refresh_from_db()
    assert (first.planned_at, first.builds.count()) == (None, 1)
    assert request_status(first).state == RequestState.IN_PROGRESS
    fail(first.builds.get())
    replan_requests(at=AT)
    first.refresh_from_db()
    assert (first.planned_at, first.held_back) == (AT, "")


def test_hours_are_counted_by_the_month(maintainer, acme):
    build = ask(maintainer, acme, CP313).builds.get()
    for number, at in enumerate([AT, LATER], start=1):
        Attempt.objects.create(
            build=build,
            number=number,
            rung="declared",
            state="failed",
            lease_hash=f"{number:064}",
            heartbeat_at=at,
            created_at=at,
            report={"usage": {"cpu_seconds": 5400.0}},
        )
    fail(build)
    allow(acme, None, 3)
    second = ask(maintainer, acme, CP312)
    assert "has used 3.0 CPU-hours this month, and its quota is 3" in second.note
    assert usage_of(acme, at=NEXT_MONTH).over("acme") == ""


def test_wheels_that_are_kept_take_storage_whatever_their_standing(maintainer, acme):
    allow(acme, None, None, 2000)
    file = publish(ask(maintainer, acme, CP313).builds.get())
    File.objects.filter(pk=file.pk).update(size=1999, standing="withdrawn")
    # Another request for the same build counts it once more for nobody.
    add_member(
        by=maintainer, organisation=acme, username=make_user("b").username, role="requester", at=AT
    )
    ask(User.objects.get(username="b"), acme, CP313)
    assert usage_of(acme, at=AT).stored == 1999
    assert usage_of(acme, at=AT).over("acme") == ""

    File.objects.filter(pk=file.pk).update(size=2000)
    kept = ask(maintainer, acme, CP312)
    assert (kept.builds.count(), request_status(kept).state) == (0, RequestState.WAITING_FOR_QUOTA)
    assert "The wheels built for acme take 2.0" in kept.note
    assert "once an operator has raised the quota: it is their turn" in kept.note
    assert replan_requests(at=AT) == 0

    allow(acme, None, None, 2001)
    replan_requests(at=AT)
    assert kept.builds.count() == 1


def test_staff_set_quotas_in_the_admin_and_nothing_else_of_an_organisation(
    acme, administrator, client
):
    client.force_login(administrator, backend="portal.accounts.backends.AccountBackend")
    path = reverse("admin:organisations_organisation_change", args=[acme.pk])
    form = {"builds_at_once": "3", "cpu_hours": "", "storage_bytes": "5000", "slug": "taken"}
    assert client.post(path, form).status_code == 302
    acme.refresh_from_db()
    assert (acme.slug, acme.builds_at_once, acme.cpu_hours) == ("acme", 3, None)
    assert usage_of(acme, at=AT).storage == 5000
    entry = entries_of(acme)[0]
    assert (entry.actor, entry.facts["storage_bytes"]) == (administrator.username, 5000)
    for refused in ("-1", str(2**53)):
        assert client.post(path, form | {"storage_bytes": refused}).status_code == 200
    acme.refresh_from_db()
    assert acme.storage_bytes == 5000


def test_one_of_others_does_not_hold_back_what_people_ask_for_themselves(maintainer, acme):
    ask(maintainer, acme, CP313)
    own = ask(maintainer, None, CP312)
    assert own.builds.count() == 1


def test_the_same_wish_for_oneself_and_for_an_organisation_are_two(maintainer, acme):
    assert ask(maintainer, acme, CP313) != ask(maintainer, None, CP313)


@pytest.mark.parametrize("role", ["viewer", ""])
def test_who_may_not_ask_in_its_name_is_told_so(maintainer, acme, role):
    user = make_user("user")
    if role:
        add_member(by=maintainer, organisation=acme, username="user", role=role, at=AT)
    with pytest.raises(RoleNeeded):
        ask(user, acme, CP313)


def test_quotas_that_staff_set_are_in_the_ledger(acme):
    assert entries_of(acme)[0].verb == "quotas-set"
