"""The index that a sandbox sees: pages, files, and nothing else."""

import hashlib
import os
import socket
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from builds.runner.download import FileCache, GoneError
from builds.runner.proxy import Downloaded, IndexProxy
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import HTML, JSON
from indexes.upstream.fake import FakeUpstream, Fault

OLD = datetime(2020, 1, 1, tzinfo=UTC)
NEW = datetime(2024, 1, 1, tzinfo=UTC)
CONTENT = b"a wheel, as far as an index can tell"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILENAME = "demo-1.0-py3-none-any.whl"


@pytest.fixture
def cache(tmp_path: Path, client: httpx.Client) -> FileCache:
    return FileCache(tmp_path / "cache", client)


@pytest.fixture
def served(upstream: FakeUpstream) -> Iterator[str]:
    upstream.add_file(
        "demo", FILENAME, CONTENT, requires_python=">=3.9", uploaded_at=OLD, metadata=b"Name: demo"
    )
    with upstream.serve() as url:
        yield url


@pytest.fixture
def proxy(served: str, cache: FileCache, client: httpx.Client) -> IndexProxy:
    return IndexProxy(served, cache=cache, client=client)


@pytest.fixture
def inside(proxy: IndexProxy, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client at the other end of the socket, in a folder with a long name."""
    place = tmp_path / ("a" * 120)
    place.mkdir()
    with proxy.serve(place) as socket:
        assert stat.S_IMODE(socket.stat().st_mode) == 0o666
        short = tmp_path / "s"
        short.symlink_to(socket)
        transport = httpx.HTTPTransport(uds=f"/proc/self/cwd/{os.path.relpath(short)}")
        with httpx.Client(transport=transport, base_url="http://127.0.0.1:8414") as client:
            yield client
    assert not socket.exists()


def test_a_page_is_shown_in_json_with_files_of_the_proxys_own(inside: httpx.Client) -> None:
    answer = inside.get("/simple/demo/", headers={"Accept": JSON})

    assert answer.headers["Content-Type"] == JSON
    (file,) = answer.json()["files"]
    assert file["filename"] == FILENAME
    assert file["url"] == f"../../files/{SHA256}/{FILENAME}"
    assert file["hashes"] == {"sha256": SHA256}
    assert file["requires-python"] == ">=3.9"
    assert file["core-metadata"] == {"sha256": hashlib.sha256(b"Name: demo").hexdigest()}


def test_a_page_is_shown_in_html(inside: httpx.Client) -> None:
    answer = inside.get("/simple/demo/", headers={"Accept": HTML})

    assert answer.headers["Content-Type"] == HTML
    assert f'href="../../files/{SHA256}/{FILENAME}#sha256={SHA256}"' in answer.text


def test_a_file_and_its_metadata_are_given_out(inside: httpx.Client, proxy: IndexProxy) -> None:
    inside.get("/simple/demo/")

    assert inside.get(f"/files/{SHA256}/{FILENAME}").content == CONTENT
    assert inside.get(f"/files/{SHA256}/{FILENAME}.metadata").content == b"Name: demo"
    (downloaded,) = proxy.downloaded
    assert isinstance(downloaded, Downloaded)
    assert (downloaded.filename, downloaded.sha256) == (FILENAME, SHA256)


def test_a_head_is_answered_without_a_body(inside: httpx.Client) -> None:
    inside.get("/simple/demo/")
    answer = inside.head(f"/files/{SHA256}/{FILENAME}")

    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/simple/",
        "/simple/unknown/",
        "/simple/not%20a%20name/",
        "/simple/demo/extra",
        "/simple/..%2f..%2fetc/",
        f"/files/{SHA256}/other.whl",
        f"/files/{'0' * 64}/{FILENAME}",
        f"/files/../{SHA256}",
        "/files/http://upstream.example/x/y",
        "/pypi/demo/json",
    ],
)
def test_there_is_nothing_else(inside: httpx.Client, path: str) -> None:
    inside.get("/simple/demo/")

    assert inside.get(path).status_code == 404


def test_nothing_can_be_written(inside: httpx.Client) -> None:
    assert inside.post("/simple/demo/").status_code == 501
    assert inside.request("CONNECT", "http://127.0.0.1:8414/").status_code == 501


def test_a_type_that_is_not_to_be_had_is_refused(inside: httpx.Client) -> None:
    assert inside.get("/simple/demo/", headers={"Accept": "image/png"}).status_code == 406


def test_a_file_is_not_given_out_before_a_page_named_it(inside: httpx.Client) -> None:
    assert inside.get(f"/files/{SHA256}/{FILENAME}").status_code == 404


def test_what_was_uploaded_after_the_cut_off_is_hidden(
    served: str, upstream: FakeUpstream, cache: FileCache, client: httpx.Client
) -> None:
    upstream.add_file("demo", "demo-2.0-py3-none-any.whl", b"two", uploaded_at=NEW)
    upstream.add_file("demo", "demo-3.0-py3-none-any.whl", b"three", uploaded_at=None)
    proxy = IndexProxy(served, cache=cache, client=client, cutoff=datetime(2021, 1, 1, tzinfo=UTC))

    page = proxy.page("demo")

    assert page is not None
    assert [file.filename for file in page.files] == [FILENAME]


def test_a_yank_is_passed_on(inside: httpx.Client, upstream: FakeUpstream) -> None:
    upstream.yank("demo", "1.0", reason="broken")

    (file,) = inside.get("/simple/demo/", headers={"Accept": JSON}).json()["files"]
    assert file["yanked"] == "broken"


def test_a_file_that_is_not_what_was_announced_is_not_given_out(
    inside: httpx.Client, upstream: FakeUpstream
) -> None:
    inside.get("/simple/demo/")
    upstream.add_file("demo", FILENAME, b"something else")

    assert inside.get(f"/files/{SHA256}/{FILENAME}").status_code == 502


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.RESET, Fault.GARBAGE])
def test_an_upstream_that_fails_is_remembered(
    inside: httpx.Client, proxy: IndexProxy, upstream: FakeUpstream, fault: Fault
) -> None:
    upstream.fail(fault, times=5)

    assert inside.get("/simple/demo/").status_code == 502
    assert len(proxy.unreachable) == 1


def test_a_file_is_downloaded_once(inside: httpx.Client, upstream: FakeUpstream) -> None:
    inside.get("/simple/demo/")
    for _ in range(3):
        inside.get(f"/files/{SHA256}/{FILENAME}")

    assert [path for path in upstream.seen if path.startswith("/files/")] == [
        f"/files/{SHA256}/{FILENAME}"
    ]


def test_many_clients_are_served_at_once(proxy: IndexProxy, tmp_path: Path) -> None:
    with proxy.serve(tmp_path) as path:
        held = [socket.socket(socket.AF_UNIX) for _ in range(50)]
        for client in held:
            client.connect(f"/proc/self/cwd/{os.path.relpath(path)}")
        transport = httpx.HTTPTransport(uds=f"/proc/self/cwd/{os.path.relpath(path)}")
        with httpx.Client(transport=transport, base_url="http://127.0.0.1:8414") as client:
            assert client.get("/simple/demo/").status_code == 200
        for client in held:
            client.close()


def test_an_upstream_that_speaks_html_alone_is_understood(cache: FileCache) -> None:
    link = f'<a href="../../f/{FILENAME}#sha256={SHA256}">{FILENAME}</a>'
    page = f"<!DOCTYPE html><html><body>{link}</body></html>"
    html = httpx.Response(200, headers={"Content-Type": "text/html; charset=utf-8"}, text=page)
    with httpx.Client(transport=httpx.MockTransport(lambda _: html)) as client:
        shown = IndexProxy("http://old.example/simple", cache=cache, client=client).page("demo")

    assert shown is not None
    assert [(file.filename, file.sha256) for file in shown.files] == [(FILENAME, SHA256)]


def test_a_build_does_not_fill_the_builder_with_pages(
    proxy: IndexProxy, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.add_file("other", "other-1.0.tar.gz", CONTENT, uploaded_at=OLD)
    monkeypatch.setattr("builds.runner.proxy.PAGES_LIMIT", 10)
    assert proxy.page(NormalizedName("demo"))

    with pytest.raises(GoneError, match="too many"):
        proxy.page(NormalizedName("other"))

    assert proxy.page(NormalizedName("demo"))
    assert proxy.unreachable == []
