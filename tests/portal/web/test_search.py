import pytest
from django.test import Client
from django.urls import reverse

from indexes.models import Project
from indexes.upstream.fake import FakeUpstream, Fault
from tests.portal.web.scenes import Farm, make_project, releases
from tests.portal.web.test_every_page import words_of

SEARCH = reverse("web:search")


def test_a_requirement_tells_what_is_missing_and_that_nobody_consented(client: Client, farm: Farm):
    page = words_of(client.get(SEARCH, {"q": "Docopt==0.6.2"}))
    assert "No wheel for CPython 3.13, 3.12, 3.11, 3.10, 3.9" in page
    assert "No consent yet" in page
    assert "Petition for wheels of docopt" in page


def test_a_project_tells_of_its_newest_release_who_serves_it(client: Client, farm: Farm):
    page = words_of(client.get(SEARCH, {"q": "python_Levenshtein"}))
    assert "Release 0.27.2" in page
    assert "3 targets served by PyPI's own wheels" in page
    assert "The project consented" in page


def test_what_the_farm_built_is_named(client: Client, farm: Farm):
    page = words_of(client.get(SEARCH, {"q": "python-levenshtein==0.27.1"}))
    assert "1 target served by ours" in page


def test_one_project_that_was_never_seen_is_asked_for_upstream(
    client: Client, upstream: FakeUpstream, db
):
    assert "No wheel for" in words_of(client.get(SEARCH, {"q": "docopt"}))
    assert Project.objects.filter(name="docopt").exists()


def test_many_projects_that_were_never_seen_are_not(client: Client, farm: Farm):
    page = words_of(client.get(SEARCH, {"q": "unheard\nof"}))
    assert page.count("We have not looked at this project yet") == 2
    assert not Project.objects.filter(name__in=["unheard", "of"]).exists()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("unheard-of", "There is no project unheard-of upstream"),
        ("docopt==9.9", "docopt"),
        ("!!!", "Nothing in this names a project"),
        ("", "Type a project or a requirement"),
    ],
)
def test_what_cannot_be_answered_has_words(client: Client, farm: Farm, query, words):
    response = client.get(SEARCH, {"q": query})
    assert response.status_code == 200
    assert words in words_of(response)


def test_upstream_being_down_has_words(client: Client, upstream: FakeUpstream, db):
    upstream.fail(Fault.UNAVAILABLE, times=9)
    page = words_of(client.get(SEARCH, {"q": "docopt"}))
    assert "no answer" in page


def test_a_long_list_is_posted_and_a_short_one_gets_an_address(client: Client, farm: Farm):
    assert client.post(SEARCH, {"q": "docopt"}).headers["Location"] == f"{SEARCH}?q=docopt"
    response = client.post(SEARCH, {"q": "docopt==0.6.2\n" + "# why\n" * 500})
    assert "0.6.2" in words_of(response)


def test_markup_in_a_query_is_text(client: Client, farm: Farm):
    page = client.get(SEARCH, {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page


def test_the_number_of_queries_does_not_grow_with_the_list(
    client: Client, farm: Farm, django_assert_max_num_queries
):
    for number in range(12):
        releases(
            make_project(f"p{number}", at=farm.petition.created_at),
            ["1.0"],
            farm.petition.created_at,
        )
    with django_assert_max_num_queries(6):
        client.get(SEARCH, {"q": "\n".join(f"p{number}" for number in range(12))})
