"""The pages that say how to use each index."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from indexes.services.curated import Terms
from portal.organisations.services import create_index, create_organisation
from tests.portal.people import make_user
from tests.portal.web.test_every_page import words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    ada, now = make_user("ada"), timezone.now()
    acme = create_organisation(user=ada, slug="acme", name="Acme", at=now)
    for slug, is_private in (("tools", False), ("secret", True)):
        terms = Terms(["docopt"], is_private=is_private)
        create_index(by=ada, organisation=acme, slug=slug, terms=terms, at=now)
    return ada


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/use/overlay/", "/simple/"),
        ("/use/wheels/", "/wheels/simple/"),
        ("/use/project/docopt/", "/projects/docopt/simple/"),
        ("/use/platform/win_amd64/", "/platforms/win_amd64/simple/"),
        ("/use/as-of/2024-05-01/", "/as-of/2024-05-01/simple/"),
        ("/use/o/acme/tools/", "/o/acme/tools/simple/"),
    ],
)
def test_each_index_has_its_page(client, acme, path, address, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        page = words_of(client.get(path))
    assert page.count(f"http://testserver{address}") > 5
    for words in ("pip.conf", "What it risks", "[[tool.poetry.source]]", "Dockerfile"):
        assert words in page


def test_a_private_indexs_page_is_its_members(client, acme, stranger):
    path = reverse("web:use-curated", args=["acme", "secret"])
    assert client.get(path).status_code == 404
    client.force_login(stranger, backend="portal.accounts.backends.AccountBackend")
    assert client.get(path).status_code == 404
    client.force_login(acme, backend="portal.accounts.backends.AccountBackend")
    assert "__token__" in words_of(client.get(path))
    assert client.get("/use/o/acme/nothing/").status_code == 404


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ({"project": "Doc_Opt"}, "/use/project/doc-opt/"),
        ({"platform": "win_amd64"}, "/use/platform/win_amd64/"),
        ({"day": "2024-05-01"}, "/use/as-of/2024-05-01/"),
    ],
)
def test_what_there_is_one_of_for_each_is_chosen_by_a_form(client, query, place):
    assert "The wheels index" in words_of(client.get("/use/"))
    assert client.get("/use/", query)["Location"] == place


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"platform": "toaster"}, "Write a platform"),
        ({"day": "9999-01-01"}, "yet to come"),
        ({"project": "-x-"}, "is no project name"),
    ],
)
def test_what_is_none_is_told(client, query, words):
    response = client.get("/use/", query)
    assert response.status_code == 400
    assert words in words_of(response)


def test_another_spelling_is_sent_to_the_normalised_one():
    assert Client().get("/use/project/Doc_Opt/")["Location"] == "/use/project/doc-opt/"
