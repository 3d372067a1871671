"""An index behind a token: nobody else learns that it is there."""

import pytest

from tests.indexes.conformance.corpus import DEMO
from tests.indexes.conformance.kinds import TOKEN_HEADERS
from tests.indexes.conformance.reading import ask

pytestmark = [pytest.mark.django_db, pytest.mark.only(is_public=False)]
PATHS = ("", f"{DEMO}/")


def test_who_has_no_token_is_asked_for_one(index, form):
    for path in PATHS:
        answer = ask(index.url + path, headers={"Accept": form})
        assert answer.status == 401
        assert answer["WWW-Authenticate"].lower().startswith("basic")


def test_what_does_not_exist_is_answered_alike(index, form):
    other = index.url.replace("/private/", "/nothing/")
    for headers in ({}, {"Authorization": "Basic eDp5"}):
        asked = [ask(url, headers={"Accept": form, **headers}) for url in (index.url, other)]
        assert asked[0].status == asked[1].status
        assert asked[0].body == asked[1].body


def test_the_index_of_another_tenant_is_404(index, form):
    other = index.url.replace("/dairy/", "/butchers/")
    assert ask(other, headers={"Accept": form, **TOKEN_HEADERS}).status == 404


def test_shared_caches_keep_nothing_of_it(index, form):
    for path in PATHS:
        answer = index.ask(path, accept=form)
        assert "private" in answer.cache_control
        assert "public" not in answer.cache_control
        assert "authorization" in answer.vary
