import gzip

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from indexes.domain.encoding import encode
from indexes.domain.negotiation import (
    HTML,
    JSON,
    PLAIN_HTML,
    Encoding,
    choose,
    choose_encoding,
)

PIP = f"{JSON}, {HTML}; q=0.1, {PLAIN_HTML}; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, {PLAIN_HTML};q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, PLAIN_HTML),
        ("", PLAIN_HTML),
        ("*/*", PLAIN_HTML),
        (PIP, JSON),
        (UV, JSON),
        (BROWSER, PLAIN_HTML),
        (f"{PLAIN_HTML};q=0.5, {JSON};q=0.4", PLAIN_HTML),
        (f"{JSON};q=0.4, {HTML};q=0.5", HTML),
        (f"{HTML}, {JSON}", JSON),
        (f"{JSON};q=0, */*", PLAIN_HTML),
        (f"{PLAIN_HTML};q=0, */*;q=0.1", HTML),
        ("application/*", JSON),
        ("text/*", PLAIN_HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html;q=0.3", HTML),
        (JSON.upper(), JSON),
        (f"{JSON};version=1;q=0.2, {HTML};q=0.3", HTML),
        (f"{JSON};q=much, {HTML};q=0.1", HTML),
    ],
)
def test_the_best_liked_form_is_chosen(accept, media_type):
    assert choose(accept) == media_type


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "application/vnd.pypi.simple.v2+json",
        f"{JSON};q=0",
        "*/*;q=0",
        f"{JSON};q=2",
        f"{JSON};q=nan",
    ],
)
def test_nothing_is_chosen_where_nothing_fits(accept):
    assert choose(accept) is None


@given(st.text())
def test_any_header_is_answered(accept):
    assert choose(accept) in {None, JSON, HTML, PLAIN_HTML}


@given(st.permutations([f"{JSON};q=0.3", f"{HTML};q=0.2", f"{PLAIN_HTML};q=0.9", "*/*;q=0.1"]))
def test_the_order_of_a_header_says_nothing(items):
    assert choose(",".join(items)) == PLAIN_HTML


@pytest.mark.parametrize(
    ("accept_encoding", "encoding"),
    [
        (None, Encoding.IDENTITY),
        ("", Encoding.IDENTITY),
        ("identity", Encoding.IDENTITY),
        ("gzip", Encoding.GZIP),
        ("GZIP", Encoding.GZIP),
        ("gzip, deflate, br", Encoding.GZIP),
        ("gzip, deflate, br, zstd", Encoding.ZSTD),
        ("br;q=1, gzip;q=0.5", Encoding.GZIP),
        ("gzip;q=0.9, zstd;q=0.8", Encoding.GZIP),
        ("gzip;q=0.5, identity;q=0.7", Encoding.IDENTITY),
        ("gzip;q=0.5, identity;q=0.5", Encoding.GZIP),
        ("*", Encoding.ZSTD),
        ("zstd;q=0, *", Encoding.GZIP),
        ("gzip;q=0", Encoding.IDENTITY),
        ("gzip;q=0, zstd;q=0, *", Encoding.IDENTITY),
        ("br", Encoding.IDENTITY),
        ("gzip;q=much", Encoding.IDENTITY),
        ("gzip, *;q=0", Encoding.GZIP),
        ("br, identity;q=0", None),
        ("br, *;q=0", None),
    ],
)
def test_the_best_liked_coding_is_chosen(accept_encoding, encoding):
    assert choose_encoding(accept_encoding) == encoding


@given(st.text())
def test_any_accept_encoding_is_answered(accept_encoding):
    assert choose_encoding(accept_encoding) in {None, *Encoding}


@given(st.permutations(["zstd;q=0.3", "gzip;q=0.9", "identity;q=0.2", "*;q=1"]))
def test_the_order_of_codings_says_nothing(items):
    assert choose_encoding(",".join(items)) is Encoding.GZIP


@given(st.binary())
def test_what_is_packed_is_the_same(body):
    assert gzip.decompress(encode(body, Encoding.GZIP)) == body
    assert zstd.decompress(encode(body, Encoding.ZSTD)) == body
    assert encode(body, Encoding.IDENTITY) == body
