"""Forms and encodings of pages, and what caches may do with them (PEP 691; RFC 9110, 9111)."""

import gzip

import pytest
from backports import zstd

from tests.indexes.conformance.corpus import DEMO
from tests.indexes.conformance.reading import HTML, JSON, PLAIN_HTML

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PATHS = pytest.mark.parametrize("path", ["", f"{DEMO}/"], ids=["root", "page"])
DECODERS = {"gzip": gzip.decompress, "zstd": zstd.decompress}
WISHES = {
    f"{HTML};q=0.2, {JSON}": JSON,
    f"{JSON};q=0.2, {HTML}": HTML,
    f"{JSON};q=0.1, {PLAIN_HTML};q=0.01, {HTML};q=0.2": HTML,
    f"{PLAIN_HTML}, {JSON};q=0.9": PLAIN_HTML,
    f"{JSON};q=0, {HTML};q=0.001": HTML,
    f"application/vnd.pypi.simple.v2+json, {JSON};q=0.5": JSON,
    f"{JSON};q=0.000, */*;q=0.1, {HTML};q=0": PLAIN_HTML,
}
UNFIT = ("image/png", f"{JSON};q=0", "application/vnd.pypi.simple.v2+json", "text/plain")
MALFORMED = ("", ",,;;", "q=1", f"{JSON};q=high", "a/b" * 2000)
REFUSALS = ("gzip;q=0", "identity", "*;q=0, identity", "deflate;q=0.5")


@PATHS
def test_a_page_comes_in_the_form_that_is_asked_for(index, path):
    for accept in (JSON, HTML, PLAIN_HTML):
        answer = index.ask(path, accept=accept)
        assert (answer.status, answer.media_type) == (200, accept)


@PATHS
def test_the_highest_quality_decides_and_not_the_order(index, path):
    for accept, expected in WISHES.items():
        answer = index.ask(path, accept=accept)
        assert (accept, answer.status, answer.media_type) == (accept, 200, expected)


@PATHS
def test_latest_is_answered_with_the_concrete_type(index, path):
    for concrete in (JSON, HTML):
        answer = index.ask(path, accept=concrete.replace(".v1+", ".latest+"))
        assert (answer.status, answer.media_type) == (200, concrete)


@PATHS
def test_what_nothing_fits_is_406(index, path):
    for accept in UNFIT:
        answer = index.ask(path, accept=accept)
        assert (accept, answer.status) == (accept, 406)
        assert "accept" in answer.vary


@PATHS
def test_who_takes_anything_gets_a_form(index, path):
    for headers in ({}, {"accept": "*/*"}, {"accept": "text/*"}):
        answer = index.ask(path, **headers)
        assert answer.status == 200
        assert answer.media_type in {JSON, HTML, PLAIN_HTML}


@PATHS
def test_a_malformed_wish_is_no_fault_of_the_server(index, path):
    for accept in MALFORMED:
        assert index.ask(path, accept=accept).status in {200, 400, 406, 431}


@PATHS
def test_caches_are_told_that_the_form_depends_on_the_wish(index, path, form):
    answer = index.ask(path, accept=form)
    assert "accept" in answer.vary
    again = index.ask(path, accept=form, if_none_match=answer["ETag"] or '"none"')
    assert "accept" in again.vary


@PATHS
def test_a_page_has_a_strong_etag(index, path, form):
    etag = index.ask(path, accept=form)["ETag"]
    assert etag.startswith('"')
    assert etag.endswith('"')


@PATHS
def test_each_form_has_its_own_etag(index, path):
    etags = [index.ask(path, accept=accept)["ETag"] for accept in (JSON, HTML)]
    assert all(etags)
    assert len(set(etags)) == len(etags)


@PATHS
def test_an_unchanged_page_is_304(index, path, form):
    first = index.ask(path, accept=form)
    etag = first["ETag"] or '""'
    for written in (etag, f"W/{etag}", f'"other", {etag}', f'"other" , W/{etag}', "*"):
        again = index.ask(path, accept=form, if_none_match=written)
        assert (written, again.status, again.body) == (written, 304, b"")
        assert again["ETag"] == first["ETag"]
        assert again["Cache-Control"] == first["Cache-Control"]


@PATHS
def test_the_etag_of_one_form_does_not_answer_for_another(index, path):
    etag = index.ask(path, accept=JSON)["ETag"]
    answer = index.ask(path, accept=HTML, if_none_match=etag or '"none"')
    assert answer.status == 200


@PATHS
def test_caches_may_keep_a_page_for_no_longer_than_a_yank_may_take(index, path, form):
    said = index.ask(path, accept=form).cache_control
    assert 0 <= int(said["max-age"]) <= 600


@PATHS
@pytest.mark.only(is_ours=True, is_public=True)
def test_the_latency_of_a_yank_is_the_setting(index, path, form, settings):
    said = index.ask(path, accept=form).cache_control
    assert int(said["max-age"]) == settings.AFFINEUR_INDEX_MAX_AGE
    assert int(said["stale-while-revalidate"]) == settings.AFFINEUR_INDEX_MAX_AGE


@PATHS
def test_head_says_what_get_does(index, path, form):
    got, head = (index.ask(path, method, accept=form) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    for header in ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary"):
        assert head[header] == got[header]


@PATHS
def test_length_and_character_set_are_right(index, path):
    for accept in (JSON, HTML, PLAIN_HTML):
        answer = index.ask(path, accept=accept)
        assert int(answer["Content-Length"]) == len(answer.body)
    assert answer.headers.get_content_charset() == "utf-8"


@PATHS
@pytest.mark.parametrize("encoding", DECODERS)
def test_a_page_comes_compressed_to_who_takes_that(index, path, form, encoding):
    plain = index.ask(path, accept=form, accept_encoding="identity")
    small = index.ask(path, accept=form, accept_encoding=f"br;q=0.1, {encoding}")
    assert plain["Content-Encoding"] in {"", "identity"}
    assert small["Content-Encoding"] == encoding
    assert DECODERS[encoding](small.body) == plain.body
    assert int(small["Content-Length"]) == len(small.body)
    assert small["ETag"] != plain["ETag"]
    assert "accept-encoding" in small.vary & plain.vary


@PATHS
def test_nothing_comes_compressed_to_who_does_not(index, path):
    for refused in REFUSALS:
        answer = index.ask(path, accept=JSON, accept_encoding=refused)
        assert (refused, answer.status) == (refused, 200)
        assert answer["Content-Encoding"] in {"", "identity"}
