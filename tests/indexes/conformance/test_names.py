"""Names, roots and addresses (PEP 503)."""

import pytest
from packaging.utils import canonicalize_name

from tests.indexes.conformance.corpus import DEMO, FOLLOWED, NOWHERE, STRANGER
from tests.indexes.conformance.reading import (
    HTML,
    JSON,
    PLAIN_HTML,
    read_document,
    read_names,
    read_page,
)

pytestmark = pytest.mark.django_db

WRITING = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REDIRECTS = {301, 302, 303, 307, 308}


def test_the_root_lists_each_project_once_by_its_normalised_name(index, form):
    answer = index.ask(accept=form)
    assert answer.status == 200
    assert answer.media_type in form
    assert sorted(read_names(answer)) == sorted(index.kind.names)


def test_links_of_the_root_lead_to_the_pages_with_a_slash(index):
    document = read_document(index.ask(accept=PLAIN_HTML))
    links = [anchor.attributes["href"].rstrip("#") for anchor in document.named("a")]
    assert links
    assert all(link.endswith(f"{canonicalize_name(link.strip('/'))}/") for link in links)


def test_every_listed_project_has_a_page(index, form):
    for name in index.kind.names:
        answer = index.ask(f"{name}/", accept=form)
        assert answer.status == 200
        assert answer.media_type in form


def test_any_other_spelling_is_redirected_to_the_normalised_one(index):
    for written in ("Demo.Pkg/", "demo_pkg/", "DEMO--PKG/", "demo-pkg", "Demo_Pkg"):
        answer = index.ask(written, accept=JSON)
        assert (written, answer.status in REDIRECTS) == (written, True)
        assert answer.location == f"{index.url}{DEMO}/"


def test_what_is_no_name_is_404(index):
    for written in ("-x-", "a%00b", "%3Cscript%3E", "a%20b", "x" * 300):
        assert (written, index.ask(f"{written}/", accept=JSON).status) == (written, 404)


@pytest.mark.only(sends_on=False)
def test_a_project_that_is_nowhere_is_404_and_not_an_empty_page(index, form):
    assert index.ask(f"{NOWHERE}/", accept=form).status == 404


@pytest.mark.only(sends_on=False, is_ours=True)
def test_a_project_that_we_do_not_follow_is_404_where_nobody_else_is_asked(index, form):
    assert index.ask(f"{STRANGER}/", accept=form).status == 404


@pytest.mark.only(sends_on=True)
def test_a_project_that_we_do_not_follow_is_upstreams_to_answer(index, form):
    for name in (STRANGER, NOWHERE):
        answer = index.ask(f"{name}/", accept=form)
        assert answer.status in {302, 303, 307}
        assert answer.location == f"{index.upstream_url}{name}/"
        assert answer.cache_control["max-age"].isdigit()


@pytest.mark.only(has_upstream=False)
def test_a_project_without_a_wheel_of_ours_is_404(index, form):
    for name in set(FOLLOWED) - {DEMO}:
        assert index.ask(f"{name}/", accept=form).status == 404


def test_html_is_one_document_with_its_version(index):
    for path in ("", f"{DEMO}/"):
        document = read_document(index.ask(path, accept=PLAIN_HTML))
        assert document.declaration.lower() == "doctype html"
        assert document.meta("pypi:repository-version")


def test_everything_in_html_is_escaped(index):
    """A name of a file, a reason for a yank and a reason for a status try to break out."""
    for name in index.kind.names:
        answer = index.ask(f"{name}/", accept=PLAIN_HTML)
        tags = {element.tag for element in read_document(answer).elements}
        assert tags <= {"html", "head", "meta", "title", "body", "h1", "a", "br"}


def test_what_was_escaped_is_read_back_as_it_was(index):
    page = read_page(index.ask(f"{DEMO}/", accept=PLAIN_HTML))
    assert sorted(page.filenames) == sorted(index.expected)


def test_a_missing_page_reflects_nothing(index):
    answer = index.ask("%3Cscript%3Ealert(1)%3C/", accept=HTML)
    assert answer.media_type != PLAIN_HTML or b"<script>" not in answer.body


@pytest.mark.only(is_ours=True)
def test_nothing_is_written_through_an_index(index):
    """Whoever tries is told what may be asked (RFC 9110, 15.5.6)."""
    paths = ("", f"{DEMO}/", DEMO, "Demo.Pkg/", f"{NOWHERE}/")
    files = [file.url for file in index.own_files()[:1]]
    urls = [*(index.url + path for path in paths), *files, *(f"{url}.metadata" for url in files)]
    for url in urls:
        for method in WRITING:
            answer = index.ask_url(url, method, content_length="0")
            allowed = set(answer["Allow"].replace(" ", "").split(","))
            assert (url, answer.status, allowed) == (url, 405, {"GET", "HEAD"})
