"""Organisations' indexes on the thin entry: kept for each reader apart, as they are now."""

import base64
from datetime import timedelta
from itertools import product

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone

from indexes.domain.curation import Rules
from indexes.domain.negotiation import HTML, JSON
from indexes.domain.status import Decision
from indexes.models import CuratedIndex, File, ReaderToken
from indexes.services.curated import (
    Terms,
    add_reader_token,
    change_index,
    create_index,
    delete_index,
    revoke_reader_token,
)
from indexes.services.publish import tell_reproducible
from indexes.services.standing import decide
from indexes.wsgi import FRESH_SECONDS, IndexApplication
from tests.indexes.conftest import NAME
from tests.indexes.test_wsgi import Clock, Counted, call, clock, connection_kept, django, thin

__all__ = ["Clock", "Counted", "clock", "connection_kept", "django", "thin"]

OPEN, CLOSED = f"/o/acme/open/simple/{NAME}/", f"/o/acme/closed/simple/{NAME}/"
PATHS = [
    OPEN,
    CLOSED,
    "/o/acme/open/simple/",
    "/o/acme/closed/simple/",
    "/o/acme/open/simple",
    "/o/acme/open/simple/Python_Levenshtein/",
    "/o/acme/open/simple/requests/",
    "/o/acme/open/simple/-x-/",
    f"/o/acme/nothing/simple/{NAME}/",
    f"/o/butchers/closed/simple/{NAME}/",
]


def reader(secret):
    given = base64.b64encode(f"__token__:{secret}".encode()).decode()
    return {"HTTP_AUTHORIZATION": f"Basic {given}"}


ACME, BUTCHERS, NOBODY = reader("acme"), reader("butchers"), reader("wrong")


@pytest.fixture
def indexes(farm, ours):
    """One that is public and one that is not, by slug; and a reader of them, and one of others."""
    for tenant in ("acme", "butchers"):
        add_reader_token(
            tenant=tenant, name="ci", prefix="affr", secret=tenant, expires_at=None, at=farm.now
        )
    return {
        slug: create_index(
            tenant="acme", slug=slug, terms=Terms([NAME], is_private=is_private), at=farm.now
        )
        for slug, is_private in (("open", False), ("closed", True))
    }


def change(index, farm, **terms):
    farm.now += timedelta(seconds=1)
    change_index(index=index, terms=Terms(**{"projects": [NAME]} | terms), at=farm.now)


def test_every_answer_is_djangos(connection_kept, indexes, subtests):
    bare, thin = WSGIHandler(), IndexApplication(WSGIHandler())
    wishes = product(PATHS, [JSON, HTML], [{}, ACME, BUTCHERS, NOBODY, reader("")])
    for path, accept, other in wishes:
        with subtests.test(path=path, accept=accept, other=other):
            expected = call(bare, path, accept=accept, other=other)
            again = {**other, "HTTP_IF_NONE_MATCH": expected[1].get("ETag", '"x"')}
            assert call(thin, path, accept=accept, other=other) == expected
            assert call(thin, path, accept=accept, other=other) == expected
            assert call(thin, path, accept=accept, other=again) == call(
                bare, path, accept=accept, other=again
            )


@pytest.mark.parametrize(
    ("path", "other"), [(OPEN, {}), (OPEN, ACME), (CLOSED, ACME), (CLOSED, {}), (CLOSED, BUTCHERS)]
)
@pytest.mark.usefixtures("indexes")
def test_what_is_remembered_asks_nobody(thin, django, path, other):
    first = call(thin, path, other=other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexes.wsgi.curated_stamp", lambda **_: pytest.fail("the database"))
        assert call(thin, path, other=other) == first
    assert django.calls == 1


@pytest.mark.usefixtures("indexes")
def test_after_a_second_an_unchanged_page_costs_few_small_queries(
    thin, django, clock, django_assert_num_queries
):
    wishes = ((OPEN, {}, 3), (CLOSED, ACME, 4))
    for path, other, _ in wishes:
        call(thin, path, other=other)
    clock.now += FRESH_SECONDS
    for path, other, queries in wishes:
        with django_assert_num_queries(queries):
            call(thin, path, other=other)
            call(thin, path, other=other)
    assert django.calls == len(wishes)


def test_what_one_reader_got_nobody_else_gets(thin, indexes):
    asked = [ACME, BUTCHERS, NOBODY, {}, ACME]
    told = [call(thin, CLOSED, other=other)[0][:3] for other in asked]
    assert told == ["200", "404", "401", "401", "200"]


def yank(farm):
    farm.upstream.yank(NAME, "0.12.2")
    farm.refresh()


def add_a_rule(farm):
    change(closed(), farm, is_private=True, rules=Rules(reproducible_only=True))


def choose_another_project(farm):
    change(closed(), farm, is_private=True, projects=["docopt"])


def end_it(farm):
    delete_index(index=closed())


def revoke_the_token(farm):
    token = ReaderToken.objects.get(tenant="acme")
    revoke_reader_token(tenant="acme", token_id=token.pk, at=farm.now)


def let_the_token_expire(farm):
    ReaderToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def closed():
    return CuratedIndex.objects.get(slug="closed")


CHANGES = (
    yank,
    add_a_rule,
    choose_another_project,
    end_it,
    revoke_the_token,
    let_the_token_expire,
)


@pytest.mark.usefixtures("indexes")
@pytest.mark.parametrize("act", CHANGES)
def test_a_change_is_seen_after_a_second(thin, clock, farm, act):
    before = call(thin, CLOSED, accept=JSON, other=ACME)
    act(farm)
    clock.now += FRESH_SECONDS
    assert call(thin, CLOSED, accept=JSON, other=ACME) != before


def test_what_becomes_private_is_so_after_a_second(thin, clock, farm, indexes):
    assert call(thin, OPEN)[0] == "200 OK"
    change(indexes["open"], farm, is_private=True)
    clock.now += FRESH_SECONDS
    assert call(thin, OPEN)[0] == "401 Unauthorized"


def test_what_rests_on_more_than_the_page_is_made_anew_each_second(
    thin, clock, farm, indexes, ours
):
    change(indexes["open"], farm, rules=Rules(reproducible_only=True))
    assert ours.filename.encode() not in call(thin, OPEN)[2]
    tell_reproducible(file=ours, is_reproducible=True, by="us", at=farm.now)
    clock.now += FRESH_SECONDS
    assert ours.filename.encode() in call(thin, OPEN)[2]


def test_a_yank_of_what_upstream_overtook_is_seen_after_a_second(thin, clock, farm, indexes, ours):
    wheel = "python_levenshtein-0.12.2-cp312-cp312-manylinux_2_28_x86_64.whl"
    farm.upstream.add_file(NAME, wheel, b"upstream's")
    farm.refresh()
    assert ours.filename.encode() in call(thin, OPEN, accept=JSON)[2]
    decide(
        files=File.objects.filter(pk=ours.pk),
        decision=Decision.YANKED,
        reason="it eats data",
        at=farm.now,
    )
    clock.now += FRESH_SECONDS
    assert b"it eats data" in call(thin, OPEN, accept=JSON)[2]
