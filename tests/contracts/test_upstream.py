"""What every upstream does: the fake in memory, and the client of a real server."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from indexes.domain.facts import ProjectFacts
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import ACCEPT
from indexes.domain.simple import InvalidPage
from indexes.domain.status import ProjectStatus
from indexes.upstream import (
    Changelog,
    HttpUpstream,
    NotModified,
    ProjectNotUpstream,
    RootSerials,
    Upstream,
    UpstreamInvalid,
    UpstreamPage,
    UpstreamUnreachable,
)
from indexes.upstream.exchange import Patience
from indexes.upstream.fake import RETRY_AFTER, FakeUpstream, Fault

DOCOPT = NormalizedName("docopt")
PATIENCE = Patience(connect=1, read=0.5, whole_page=5, page_bytes=1_000_000, pause=0.001)


@dataclass
class Subject:
    """What a test puts things into, and what it asks."""

    world: FakeUpstream
    upstream: Upstream

    def page(self, name: str = "docopt", etag: str = "") -> UpstreamPage:
        answer = self.upstream.project_page(NormalizedName(name), etag)
        assert isinstance(answer, UpstreamPage)
        return answer


@contextmanager
def in_memory() -> Iterator[Subject]:
    world = FakeUpstream()
    yield Subject(world, world)


@contextmanager
def over_http() -> Iterator[Subject]:
    world = FakeUpstream()
    with world.serve() as url:
        client = HttpUpstream(url, contact="ops@farm.example", patience=PATIENCE)
        yield Subject(world, client)
        client.close()


@pytest.fixture(params=[in_memory, over_http], ids=["memory", "http"])
def subject(request):
    with request.param() as made:
        yield made


@pytest.fixture
def http():
    with over_http() as made:
        yield made


def test_a_page_says_everything_that_upstream_says(subject):
    listed = subject.world.add_file(
        "docopt",
        "docopt-0.6.2-py3-none-any.whl",
        b"wheel",
        requires_python=">=3.8",
        metadata=b"Name: docopt",
        provenance={"version": 1},
    )
    subject.world.yank("docopt", "0.6.2", reason="<broken> & worse")
    page = subject.page().page
    (file,) = page.files
    assert (file.filename, file.url, file.sha256) == (listed.filename, listed.url, listed.sha256)
    assert (file.size, file.uploaded_at) == (5, listed.uploaded_at)
    assert (file.requires_python, file.metadata_sha256) == (">=3.8", listed.metadata_sha256)
    assert (file.is_yanked, file.yanked_reason) == (True, "<broken> & worse")
    assert file.provenance_url == f"{listed.url}.provenance"
    assert (page.name, page.versions, page.status) == ("docopt", ("0.6.2",), ProjectStatus.ACTIVE)


def test_a_page_carries_the_projects_status(subject):
    subject.world.add_file("docopt", "docopt-0.6.2.tar.gz")
    subject.world.add_project("docopt", status="quarantined", reason="malware")
    page = subject.page().page
    assert (page.status, page.status_reason) == (ProjectStatus.QUARANTINED, "malware")
    assert page.files == ()


def test_an_unchanged_page_is_not_sent_again(subject):
    subject.world.add_sdist("docopt", "0.6.2")
    etag = subject.page().etag
    assert subject.upstream.project_page(DOCOPT, etag) == NotModified()


def test_a_changed_page_is_sent_again(subject):
    subject.world.add_sdist("docopt", "0.6.1")
    before = subject.page()
    subject.world.add_sdist("docopt", "0.6.2")
    after = subject.page(etag=before.etag)
    assert after.page.versions == ("0.6.1", "0.6.2")
    assert after.digest != before.digest


def test_without_etags_the_digest_tells_what_is_unchanged(subject):
    subject.world.has_etags = False
    subject.world.add_sdist("docopt", "0.6.2")
    first, second = subject.page(), subject.page()
    assert first.etag == ""
    assert first.digest == second.digest


def test_an_unknown_project_is_said_to_be_unknown(subject):
    with pytest.raises(ProjectNotUpstream) as caught:
        subject.upstream.project_page(NormalizedName("nothing-here"))
    assert caught.value.name == "nothing-here"


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.TOO_MANY_REQUESTS, Fault.FORBIDDEN])
def test_an_upstream_that_cannot_now_is_unreachable(subject, fault):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.fail(fault, times=9)
    with pytest.raises(UpstreamUnreachable, match="docopt"):
        subject.page()


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.SLOW, Fault.TRUNCATED])
def test_an_answer_that_does_not_come_whole_is_no_answer(subject, fault):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.fail(fault, times=9)
    with pytest.raises(UpstreamUnreachable):
        subject.page()


@pytest.mark.parametrize(
    "fault", [Fault.GARBAGE, Fault.WRONG_TYPE, Fault.TOO_LARGE, Fault.NOT_MODIFIED]
)
def test_an_answer_that_is_something_else_is_refused(subject, fault):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.fail(fault)
    with pytest.raises(UpstreamInvalid):
        subject.page()


def test_the_page_of_another_project_is_refused(subject):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.override(
        "docopt", subject.world.body("/simple/docopt/").replace(b"docopt", b"other")
    )
    with pytest.raises(UpstreamInvalid, match="other"):
        subject.page()


def test_a_file_is_fetched_by_its_hash(subject):
    listed = subject.world.add_file("docopt", "docopt-0.6.2.tar.gz", b"bytes")
    content = subject.upstream.fetch_file(listed.url, max_bytes=5, sha256=listed.sha256)
    assert content == b"bytes"


def test_a_file_with_another_hash_is_refused(subject):
    listed = subject.world.add_file("docopt", "docopt-0.6.2.tar.gz", b"bytes")
    with pytest.raises(UpstreamInvalid, match="SHA-256"):
        subject.upstream.fetch_file(listed.url, max_bytes=100, sha256="0" * 64)


def test_a_file_longer_than_allowed_is_refused(subject):
    listed = subject.world.add_file("docopt", "docopt-0.6.2.tar.gz", b"bytes")
    with pytest.raises(UpstreamInvalid, match="longer than 4"):
        subject.upstream.fetch_file(listed.url, max_bytes=4, sha256=listed.sha256)


def test_a_file_that_is_gone_is_refused(subject):
    listed = subject.world.add_file("docopt", "docopt-0.6.2.tar.gz", b"bytes")
    subject.world.remove_file("docopt", "0.6.2")
    with pytest.raises(UpstreamInvalid, match="not there"):
        subject.upstream.fetch_file(listed.url, max_bytes=100, sha256=listed.sha256)


# Only of the client


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET, Fault.TRUNCATED])
def test_the_client_tries_again(http, fault):
    http.world.add_sdist("docopt", "0.6.2")
    http.world.fail(fault, times=2)
    assert http.page().page.versions == ("0.6.2",)
    assert http.world.seen == ["/simple/docopt/"] * 3


def test_the_client_does_not_try_again_what_is_refused(http):
    http.world.fail(Fault.FORBIDDEN)
    with pytest.raises(UpstreamUnreachable, match="403"):
        http.page()
    assert len(http.world.seen) == 1


def test_the_client_says_who_it_is_and_what_it_reads(http):
    http.world.add_sdist("docopt", "0.6.2")
    http.page()
    (headers,) = http.world.seen_headers
    assert headers["User-Agent"].startswith("affineur/")
    assert headers["User-Agent"].endswith("(ops@farm.example)")
    assert headers["Accept"] == ACCEPT


def test_a_server_that_nobody_runs_is_unreachable():
    client = HttpUpstream("http://127.0.0.1:9/simple/", patience=PATIENCE)
    with pytest.raises(UpstreamUnreachable, match="ConnectError"):
        client.project_page(DOCOPT)
    client.close()


def test_pauses_grow_between_tries():
    pauses: list[float] = []
    patience = Patience(pause=0.5, tries=4)
    client = HttpUpstream("http://127.0.0.1:9/simple/", patience=patience, sleep=pauses.append)
    with pytest.raises(UpstreamUnreachable):
        client.project_page(DOCOPT)
    client.close()
    assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("fault", [Fault.NOT_FOUND, Fault.GONE])
def test_a_single_answer_that_a_project_is_unknown_is_passed_on(subject, fault):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.fail(fault)
    with pytest.raises(ProjectNotUpstream):
        subject.page()
    assert subject.page().page.versions == ("0.6.2",)


def test_facts_beside_the_page_are_read(subject):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.rename("docopt", "DocOpt")
    subject.world.set_roles("docopt", ("Owner", "ada"), ("Maintainer", "grace"))
    facts = subject.upstream.project_facts(DOCOPT)
    assert facts == ProjectFacts("DocOpt", frozenset({("Owner", "ada"), ("Maintainer", "grace")}))


def test_an_upstream_may_say_nothing_beside_the_page(subject):
    subject.world.add_sdist("docopt", "0.6.2")
    subject.world.has_roles = False
    assert subject.upstream.project_facts(DOCOPT) == ProjectFacts("docopt")
    assert subject.upstream.project_facts(NormalizedName("nothing-here")) is None


def test_the_root_tells_serials_of_the_projects_asked_for(subject):
    for name in ("docopt", "six"):
        subject.world.add_sdist(name, "1.0")
    found = subject.upstream.serials({"docopt", "nothing-here"})
    assert isinstance(found, RootSerials)
    assert found.serials == {"docopt": 2}
    assert subject.upstream.serials({"docopt"}, found.etag) == NotModified()


@pytest.mark.parametrize("serial", [2**70, -1, True, "x"])
def test_a_serial_in_the_root_that_makes_no_sense_is_left_out(http, serial):
    http.world.add_sdist("docopt", "0.6.2")
    http.world.set_serial("docopt", serial)
    assert http.upstream.serials({"docopt"}).serials == {}


def test_what_is_too_long_is_not_read_whole(http):
    http.world.add_sdist("docopt", "0.6.2")
    http.world.fail(Fault.ENDLESS)
    with pytest.raises(UpstreamInvalid, match="longer than 1000000 bytes"):
        http.page()
    assert http.world.endless_sent < 50_000_000


def test_a_byte_now_and_then_ends_with_the_time_of_the_whole():
    world = FakeUpstream()
    world.add_sdist("docopt", "0.6.2")
    world.fail(Fault.DRIP)
    patience = Patience(connect=1, read=1, whole_page=0.5, tries=1)
    with world.serve() as url:
        client = HttpUpstream(url, patience=patience)
        began = time.monotonic()
        with pytest.raises(UpstreamUnreachable, match="not whole after"):
            client.project_page(DOCOPT)
        client.close()
    assert time.monotonic() - began < 3


def test_what_busy_upstreams_say_is_passed_on(http):
    http.world.add_sdist("docopt", "0.6.2")
    http.world.fail(Fault.TOO_MANY_REQUESTS, times=9)
    with pytest.raises(UpstreamUnreachable) as caught:
        http.page()
    assert (caught.value.is_limit, caught.value.retry_after) == (True, RETRY_AFTER)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("/simple/docopt/", "without end"),
        ("file:///etc/passwd", "no address on the web"),
        ("//:@[", "no URL"),
    ],
)
def test_redirects_do_not_escape(location, message):
    world = FakeUpstream()
    world.redirect("docopt", location)
    with world.serve() as url:
        client = HttpUpstream(url, patience=PATIENCE)
        with pytest.raises(UpstreamInvalid, match=message):
            client.project_page(DOCOPT)
        client.close()


def test_a_redirect_is_followed(http):
    http.world.add_sdist("docopt", "0.6.2")
    http.world.redirect("docopt", "/simple/docopt")
    assert http.page().page.versions == ("0.6.2",)


@pytest.mark.parametrize(
    "filename", ["..", ".", "", "../../etc/passwd", "a\\b.whl", "a\x00b.whl", "x" * 256]
)
def test_a_filename_that_would_escape_refuses_the_page(subject, filename):
    listed = {"filename": filename, "url": "https://files.example/x", "hashes": {}}
    page = {"meta": {"api-version": "1.4"}, "name": "docopt", "files": [listed], "versions": []}
    subject.world.override("docopt", json.dumps(page).encode())
    with pytest.raises((UpstreamInvalid, InvalidPage)):
        subject.page()


# The changelog


@pytest.fixture
def changelog():
    world = FakeUpstream()
    with world.serve() as url:
        client = Changelog(url.replace("/simple/", "/pypi"), patience=PATIENCE)
        yield world, client
        client.close()


def test_the_changelog_names_what_changed_since(changelog):
    world, client = changelog
    assert client.last_serial() == 1
    world.add_sdist("docopt", "0.6.2")
    world.add_sdist("six", "1.0")
    assert client.since(1) == (("docopt", 2), ("six", 3))
    assert client.since(3) == ()


def answering(value):
    """An answer of XML-RPC with that value."""
    body = "<methodResponse><params><param><value>{}</value></param></params></methodResponse>"
    return lambda _call: body.format(value).encode()


def array(*values):
    shown = "".join(f"<value>{value}</value>" for value in values)
    return f"<array><data>{shown}</data></array>"


@pytest.mark.parametrize("value", ["<struct><member><name>x</name></member></struct>", "</value>"])
def test_an_answer_that_is_no_changelog_is_refused(changelog, value):
    world, client = changelog
    world.changelog = answering(value)
    with pytest.raises(UpstreamInvalid, match="no answer of XML-RPC"):
        client.last_serial()


@pytest.mark.parametrize("value", [f"<int>{2**70}</int>", "<double>1e400</double>", "<nil/>"])
def test_a_changelog_whose_serials_make_no_sense_is_refused(changelog, value):
    world, client = changelog
    world.changelog = answering(value)
    with pytest.raises(UpstreamInvalid, match="no number"):
        client.last_serial()
    event = array("docopt", "", "<int>0</int>", "", value)
    world.changelog = answering(array(event))
    assert client.since(1) == ()
