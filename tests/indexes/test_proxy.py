"""The overlay's answer for what we do not follow, when it is to fetch it from upstream."""

import json
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.cache import caches
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory
from django.utils import timezone

from indexes.domain.curation import Rules
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON
from indexes.services import proxy
from indexes.services.curated import Terms, create_index
from indexes.upstream import NotModified, ProjectNotUpstream, UpstreamInvalid, UpstreamUnreachable
from indexes.wsgi import IndexApplication
from tests.indexes.conftest import NAME, NOW

pytestmark = pytest.mark.django_db
DEMO = NormalizedName("demo")


class Counting:
    """An upstream that counts what it is asked, and can be told to fail or to wait."""

    def __init__(self, inner):
        self.inner = inner
        self.asked = []
        self.failure = None
        self.gate = None

    def project_url(self, name):
        return f"https://upstream.example/simple/{name}/"

    def project_page(self, name, etag=""):
        self.asked.append(etag)
        if self.gate is not None:
            self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        return self.inner.project_page(name, etag)


@pytest.fixture
def counting(upstream, settings, monkeypatch):
    settings.AFFINEUR_OVERLAY_UNKNOWN = "proxy"
    upstream.add_sdist("demo", "1.0")
    upstream.add_sdist("demo", "2.0")
    counting = Counting(upstream)
    monkeypatch.setattr(proxy, "get_upstream", lambda: counting)
    return counting


def test_upstreams_page_comes_in_the_clients_form(client, counting):
    page = client.get("/simple/demo/", headers={"accept": JSON})
    files = json.loads(page.content)["files"]
    assert [file["filename"] for file in files] == ["demo-1.0.tar.gz", "demo-2.0.tar.gz"]
    assert not any(file["url"].startswith("/") for file in files)
    html = client.get("/simple/demo/", headers={"accept": HTML, "accept-encoding": "gzip"})
    assert (html["Content-Type"], html["Content-Encoding"]) == (HTML, "gzip")
    again = client.get("/simple/demo/", headers={"accept": JSON, "if-none-match": page["ETag"]})
    assert again.status_code == 304
    assert page["Cache-Control"].startswith("public, max-age=60")
    assert len(counting.asked) == 1


def test_it_is_asked_again_on_condition_when_it_is_old(counting):
    later = NOW + timedelta(seconds=60)
    first = proxy.proxied_page(name=DEMO, at=NOW)
    proxy.proxied_page(name=DEMO, at=later - timedelta(seconds=1))
    assert proxy.proxied_page(name=DEMO, at=later) == first
    assert counting.asked[0] == ""
    assert len(counting.asked) == 2
    assert counting.asked[1] != ""


def test_what_changed_upstream_is_seen_after_that(counting, upstream):
    proxy.proxied_page(name=DEMO, at=NOW)
    upstream.add_sdist("demo", "3.0")
    page = proxy.proxied_page(name=DEMO, at=NOW + timedelta(seconds=61))
    assert page.versions[-1] == "3.0"


def test_a_platform_takes_its_part_of_it(client, counting, upstream):
    upstream.add_file("demo", "demo-2.0-cp312-cp312-win_amd64.whl")
    page = client.get("/platforms/manylinux_2_28_x86_64/simple/demo/", headers={"accept": JSON})
    assert len(json.loads(page.content)["files"]) == 2


def test_what_upstream_has_not_is_404_and_is_remembered(client, counting):
    for _ in range(2):
        assert client.get("/simple/nothing/").status_code == 404
    assert len(counting.asked) == 1


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (UpstreamUnreachable("demo", "ConnectError"), 503),
        (UpstreamInvalid("demo", "it is not JSON"), 502),
    ],
)
def test_upstreams_fault_is_told_and_not_asked_for_again_at_once(client, counting, failure, status):
    counting.failure = failure
    for _ in range(2):
        response = client.get("/simple/demo/")
        assert (response.status_code, response["Retry-After"]) == (status, "5")
        assert response["Cache-Control"] == "no-store"
        assert b"demo" in response.content
    assert len(counting.asked) == 1


def test_many_at_once_are_one_request(counting):
    counting.gate = threading.Event()
    pages = []
    threads = [
        threading.Thread(target=lambda: pages.append(proxy.proxied_page(name=DEMO, at=NOW)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    counting.gate.set()
    for thread in threads:
        thread.join()
    assert len(pages) == 5
    assert len(counting.asked) == 1


def test_no_more_than_a_few_wait_for_upstream(counting, monkeypatch):
    monkeypatch.setattr(proxy, "_TURNS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(proxy, "_LONGEST_WAIT", 0.05)
    with proxy._TURNS, pytest.raises(UpstreamUnreachable, match="too many other projects"):  # noqa: SLF001
        proxy.proxied_page(name=DEMO, at=NOW)


def test_who_waits_too_long_is_told_so(counting, monkeypatch):
    monkeypatch.setattr(proxy, "_LONGEST_WAIT", 0.1)
    caches["upstream"].add("fetching:demo", 1)
    with pytest.raises(UpstreamUnreachable, match="no answer within"):
        proxy.proxied_page(name=DEMO, at=NOW)


def test_a_304_to_nothing_is_upstreams_fault(counting, monkeypatch):
    monkeypatch.setattr(counting, "inner", SimpleNamespace(project_page=lambda *_: NotModified()))
    with pytest.raises(UpstreamInvalid):
        proxy.proxied_page(name=DEMO, at=NOW)


@pytest.fixture
def unclosed_connection():
    """The end of a request does not close the test's transaction."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.usefixtures("unclosed_connection")
def test_the_thin_entry_asks_anew_for_what_is_proxied(counting):
    def get(path):
        told = []
        environ = RequestFactory().get(path, headers={"accept": JSON}).environ
        parts = entry(environ, lambda status, *_: told.append(status))
        return told[-1], b"".join(parts)

    entry = IndexApplication(WSGIHandler(), clock=lambda: 0)
    assert get("/simple/demo/")[0] == "200 OK"
    caches["upstream"].clear()
    counting.failure = ProjectNotUpstream("demo")
    assert get("/simple/demo/")[0] == "404 Not Found"


def test_a_curated_index_takes_upstreams_page_and_keeps_its_rules(client, counting):
    terms = Terms(["demo"], rules=Rules(min_age_days=7))
    create_index(tenant="acme", slug="tools", terms=terms, at=NOW)
    page = client.get("/o/acme/tools/simple/demo/", headers={"accept": JSON})
    assert len(json.loads(page.content)["files"]) == 2
    caches["upstream"].clear()
    counting.failure = UpstreamUnreachable("demo", "ConnectError")
    response = client.get("/o/acme/tools/simple/demo/")
    assert (response.status_code, response["Cache-Control"]) == (503, "no-store")


def test_followed_projects_are_not_asked_for(client, counting, ours):
    asked = len(counting.asked)
    assert client.get(f"/simple/{NAME}/").status_code == 200
    assert len(counting.asked) == asked
    assert timezone.now() > NOW
