"""The thin entry answers as Django does, from memory, and sees each change within a second."""

from datetime import UTC, datetime, timedelta
from itertools import product
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils import timezone

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from indexes.services.verification import withhold_unverified
from indexes.wsgi import FRESH_SECONDS, IndexApplication
from tests.indexes.conftest import NAME

PATHS = [
    "/simple/",
    "/simple",
    "/simple/python-levenshtein/",
    "/simple/python-levenshtein",
    "/simple/Python_Levenshtein/",
    "/simple/gone/",
    "/simple/requests/",
    "/simple/-x-/",
    "/simple/<b>/",
    "/simple/" + "x" * 215 + "/",
    "/wheels/simple/",
    "/wheels/simple/python-levenshtein/",
    "/wheels/simple/Python.Levenshtein",
    "/wheels/simple/requests/",
    "/projects/python-levenshtein/simple/",
    "/projects/python-levenshtein/simple",
    "/projects/requests/simple/",
    "/projects/python-levenshtein/simple/python-levenshtein/",
    "/projects/Python_Levenshtein/simple/python-levenshtein",
    "/projects/python-levenshtein/simple/requests/",
    "/platforms/manylinux_2_36_x86_64/simple/",
    "/platforms/manylinux_2_36_x86_64/simple/python-levenshtein/",
    "/platforms/win_amd64/simple/Python_Levenshtein",
    "/platforms/win_amd64/simple/gone/",
    "/platforms/win_amd64/simple/requests/",
    "/platforms/amiga/simple/python-levenshtein/",
    "/as-of/2026-03-01/simple/",
    "/as-of/2026-03-01/simple/python-levenshtein/",
    "/as-of/2026-03-01/simple/Python_Levenshtein",
    "/as-of/2001-03-01/simple/python-levenshtein/",
    "/as-of/9999-03-01/simple/python-levenshtein/",
    "/as-of/2026-02-30/simple/python-levenshtein/",
    "/as-of/2026-03-01/simple/requests/",
    "/healthz",
    "/nothing-here/",
]
VARIANTS = ["/platforms/win_amd64/simple/", "/as-of/2026-03-01/simple/"]
ACCEPTS = [
    None,
    "*/*",
    JSON,
    HTML,
    PLAIN_HTML,
    "application/vnd.pypi.simple.latest+json",
    f"{HTML};q=0.2, {JSON}",
    "image/png",
    f"{JSON}, " + "a/b;q=0.1, " * 100,
]
ENCODINGS = [
    None,
    "gzip, deflate",
    "gzip;q=0",
    "identity",
    "zstd, gzip",
    "zstd;q=0.1, gzip",
    "br, identity;q=0",
]
OTHERS = [
    {},
    {"QUERY_STRING": "a=b"},
    {"HTTP_HOST": "elsewhere.example"},
    {"HTTP_COOKIE": f"sessionid={'a' * 32}; csrftoken={'b' * 32}"},
    {"HTTP_RANGE": "bytes=0-1"},
    {"HTTP_X_FORWARDED_PROTO": "https"},
    {"wsgi.url_scheme": "https", "SERVER_PORT": "443"},
    {"HTTP_IF_NONE_MATCH": "*"},
    {"HTTP_IF_NONE_MATCH": '"x"'},
]
TABLE = [
    *({"path": path, "accept": accept} for path, accept in product(PATHS, ACCEPTS)),
    *({"path": path, "encoding": coding} for path, coding in product(PATHS[:4], ENCODINGS)),
    *({"path": path, "other": other} for path, other in product(PATHS, OTHERS)),
]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Counted:
    """Django's own application, and how often it was asked."""

    def __init__(self):
        self.application = WSGIHandler()
        self.calls = 0

    def __call__(self, environ, start_response):
        self.calls += 1
        return self.application(environ, start_response)


@pytest.fixture
def connection_kept(db):
    """A test's transaction would end with the connection that each request would close."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def django(connection_kept):
    return Counted()


@pytest.fixture
def thin(django, clock):
    return IndexApplication(django, clock=clock)


def call(application, path, *, method="GET", accept=None, encoding=None, other=None):
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_HOST": "testserver"}
    given = {"HTTP_ACCEPT": accept, "HTTP_ACCEPT_ENCODING": encoding}
    environ |= {key: value for key, value in given.items() if value is not None}
    environ |= other or {}
    setup_testing_defaults(environ)
    told = []
    parts = application(environ, lambda status, headers, *_: told.extend([status, headers]))
    body = b"".join(parts)
    getattr(parts, "close", lambda: None)()
    status, headers = told
    return status, dict(headers), body


@pytest.fixture
def gone(farm, ours, upstream):
    upstream.add_sdist("gone", "1.0")
    farm.enrol(NormalizedName("gone"))
    upstream.remove_project("gone")
    farm.confirm(NormalizedName("gone"))


@pytest.mark.any_database
@pytest.mark.parametrize("scheme_header", [None, ("HTTP_X_FORWARDED_PROTO", "https")])
def test_every_answer_is_djangos(connection_kept, gone, settings, scheme_header, subtests):
    settings.SECURE_PROXY_SSL_HEADER = scheme_header
    settings.SECURE_SSL_REDIRECT = scheme_header is not None
    settings.SECURE_HSTS_SECONDS = 3600
    bare = WSGIHandler()
    thin = IndexApplication(WSGIHandler())
    for request in TABLE:
        expected = call(bare, **request)
        etag = {"HTTP_IF_NONE_MATCH": f"W/{expected[1].get('ETag', '')}"}
        again = {**request, "other": {**request.get("other", {}), **etag}}
        with subtests.test(**request):
            assert call(thin, **request) == expected  # made
            assert call(thin, **request) == expected  # remembered
            assert call(thin, **again) == call(bare, **again)
            head = call(thin, **request, method="HEAD")
            assert head[:2] == call(bare, **request, method="HEAD")[:2]
            post = call(thin, **request, method="POST")
            assert post[:2] == call(bare, **request, method="POST")[:2]


@pytest.mark.parametrize(
    "path",
    [
        "/simple/",
        f"/simple/{NAME}/",
        "/simple/requests/",
        "/simple/Requests",
        "/wheels/simple/x/",
        f"/platforms/win_amd64/simple/{NAME}/",
        f"/as-of/2026-03-01/simple/{NAME}/",
    ],
)
def test_what_is_remembered_asks_nobody(thin, django, ours, path, django_assert_num_queries):
    call(thin, path)
    assert django.calls == 1
    with django_assert_num_queries(0):
        call(thin, path)
        call(thin, path, method="HEAD")
    assert django.calls == 1


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("prefix", ["/simple/", *VARIANTS])
def test_after_a_second_an_unchanged_page_costs_one_small_query(
    thin, django, clock, django_assert_num_queries, prefix
):
    call(thin, f"{prefix}{NAME}/")
    clock.now += FRESH_SECONDS
    with django_assert_num_queries(1):
        call(thin, f"{prefix}{NAME}/")
        call(thin, f"{prefix}{NAME}/")
    assert django.calls == 1


def test_a_change_is_seen_after_a_second(thin, clock, farm, ours, upstream):
    before = call(thin, f"/simple/{NAME}/", accept=JSON)
    upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    clock.now += FRESH_SECONDS
    after = call(thin, f"/simple/{NAME}/", accept=JSON)
    assert b"broken" not in before[2]
    assert b"broken" in after[2]
    assert before[1]["ETag"] != after[1]["ETag"]


@pytest.mark.parametrize("prefix", VARIANTS)
def test_a_change_is_seen_after_a_second_in_what_is_made_of_the_overlay(
    thin, clock, farm, ours, prefix
):
    before = call(thin, f"{prefix}{NAME}/", accept=JSON)
    farm.upstream.yank(NAME, "0.12.2", reason="broken")
    farm.refresh()
    clock.now += FRESH_SECONDS
    after = call(thin, f"{prefix}{NAME}/", accept=JSON)
    assert b"broken" not in before[2]
    assert b"broken" in after[2]


def test_a_day_that_comes_is_seen_after_a_second(thin, clock, ours, monkeypatch):
    path = f"/as-of/2026-03-02/simple/{NAME}/"
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    assert call(thin, path)[0] == "404 Not Found"
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 2, tzinfo=UTC))
    clock.now += FRESH_SECONDS
    assert call(thin, path)[0] == "200 OK"


def test_another_time_of_upload_is_seen_after_a_second(thin, clock, farm, ours, upstream):
    """HTML does not show it, and the page of a day goes by it."""
    filename = "python_levenshtein-0.12.3.tar.gz"
    for day, is_listed in ((1, True), (3, False)):
        upstream.add_file(NAME, filename, b"x", uploaded_at=datetime(2026, 3, day, tzinfo=UTC))
        farm.refresh()
        clock.now += FRESH_SECONDS
        page = call(thin, f"/as-of/2026-03-02/simple/{NAME}/")[2]
        assert (filename.encode() in page) == is_listed


def test_a_project_that_appears_is_seen_after_a_second(thin, clock, farm, upstream):
    assert call(thin, f"/simple/{NAME}/")[0] == "302 Found"
    assert NAME.encode() not in call(thin, "/simple/")[2]
    farm.enrol()
    clock.now += FRESH_SECONDS
    assert call(thin, f"/simple/{NAME}/")[0] == "200 OK"
    assert NAME.encode() in call(thin, "/simple/")[2]


def test_a_project_that_is_deleted_is_seen_after_a_second(thin, clock, farm, ours, upstream):
    call(thin, f"/simple/{NAME}/")
    upstream.remove_project(NAME)
    farm.confirm()
    clock.now += FRESH_SECONDS
    assert call(thin, f"/simple/{NAME}/")[0] == "404 Not Found"


def test_what_is_withheld_is_seen_after_a_second(thin, clock, farm, ours):
    call(thin, f"/wheels/simple/{NAME}/")
    withhold_unverified(at=farm.now + timedelta(days=1))
    clock.now += FRESH_SECONDS
    status, headers, _ = call(thin, f"/wheels/simple/{NAME}/")
    assert status == "404 Not Found"
    assert "Affineur-Unverified-Since" in headers


def test_a_change_while_an_answer_was_made_is_seen_after_a_second(
    clock, connection_kept, farm, ours
):
    bare = WSGIHandler()
    acts = [lambda: farm.publish("cp311-cp311-manylinux_2_36_x86_64")]

    def overtaken(environ, start_response):
        parts = bare(environ, start_response)
        [act() for act in acts]
        acts.clear()
        return parts

    thin = IndexApplication(overtaken, clock=clock)
    assert b"cp311-cp311" not in call(thin, f"/simple/{NAME}/")[2]
    clock.now += FRESH_SECONDS
    assert b"cp311-cp311" in call(thin, f"/simple/{NAME}/")[2]


def test_what_is_remembered_is_bounded(django, ours, clock):
    thin = IndexApplication(django, clock=clock, max_bytes=10_000)
    for path in ("/simple/", f"/simple/{NAME}/", "/wheels/simple/"):
        call(thin, path)
    call(thin, "/wheels/simple/")
    assert django.calls == 3
    call(thin, "/simple/")
    assert django.calls == 4


def test_what_does_not_fit_is_answered_all_the_same(django, ours):
    thin = IndexApplication(django, max_bytes=0)
    assert call(thin, "/simple/")[0] == call(thin, "/simple/")[0] == "200 OK"
    assert django.calls == 2


def test_an_error_is_not_remembered(thin, django, ours):
    for _ in range(2):
        assert call(thin, "/simple/", other={"HTTP_HOST": "evil.example"})[0] == "400 Bad Request"
    # Asked for an answer to keep, and then for the one to give.
    assert django.calls == 4


def test_pages_are_no_place_for_sessions(thin, ours):
    for _ in range(2):
        _, headers, _ = call(thin, "/simple/", other={"HTTP_COOKIE": "sessionid=malformed"})
        assert "Set-Cookie" not in headers


def test_the_deployment_serves_through_it():
    from portal.wsgi import application

    assert isinstance(application, IndexApplication)
