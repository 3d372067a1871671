"""Index pages and files as clients see them over HTTP."""

import gzip
import hashlib
import json

import pytest
from backports import zstd
from pypi_simple import PyPISimple

from indexes.domain.negotiation import HTML, JSON, PLAIN_HTML
from indexes.domain.status import Decision
from indexes.models import File, Page
from indexes.services.standing import decide
from indexes.storage import file_key, get_storage
from indexes.storage.memory import MemoryStorage
from tests.indexes.conftest import METADATA, NAME

PAGES = [
    "/simple/",
    "/simple/python-levenshtein/",
    "/wheels/simple/",
    "/wheels/simple/python-levenshtein/",
    "/projects/python-levenshtein/simple/",
    "/projects/python-levenshtein/simple/python-levenshtein/",
]
PROJECT_PAGES = [path for path in PAGES if path.endswith("/python-levenshtein/")]
pytestmark = pytest.mark.django_db


@pytest.fixture
def download(ours):
    return f"/files/{ours.sha256}/{ours.filename}"


def get_json(client, path):
    return json.loads(client.get(path, headers={"accept": JSON}).content)


def body_of(response):
    return b"".join(response.streaming_content)


# Pages


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(JSON, JSON), (HTML, HTML), (PLAIN_HTML, f"{PLAIN_HTML}; charset=utf-8")],
)
def test_a_page_comes_in_the_form_that_is_asked_for(client, ours, path, accept, content_type):
    response = client.get(path, headers={"accept": accept})
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert response["Content-Length"] == str(len(response.content))


@pytest.mark.parametrize("path", PAGES)
def test_latest_is_answered_with_the_concrete_type(client, ours, path):
    response = client.get(path, headers={"accept": "application/vnd.pypi.simple.latest+json"})
    assert response["Content-Type"] == JSON


@pytest.mark.parametrize("path", PAGES)
def test_what_nothing_fits_is_406(client, ours, path):
    response = client.get(path, headers={"accept": "image/png"})
    assert response.status_code == 406
    assert response["Vary"] == "Accept"


@pytest.mark.parametrize("path", PAGES)
def test_pages_tell_caches_what_they_may_do(client, ours, path, settings):
    settings.AFFINEUR_INDEX_MAX_AGE = 30
    response = client.get(path)
    assert response["Cache-Control"] == "public, max-age=30, stale-while-revalidate=30"
    assert response["Vary"] == "Accept, Accept-Encoding"
    assert not response.cookies


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
def test_an_unchanged_page_is_304(client, ours, path, encoding):
    headers = {"accept": JSON, "accept-encoding": encoding}
    first = client.get(path, headers=headers)
    again = client.get(path, headers=headers | {"if-none-match": f'"x", {first["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    for header in ("ETag", "Cache-Control", "Vary"):
        assert again[header] == first[header]


def test_a_changed_page_has_another_etag(client, farm, ours):
    path = "/simple/python-levenshtein/"
    first = client.get(path)
    farm.publish("cp311-cp311-manylinux_2_36_x86_64")
    again = client.get(path, headers={"if-none-match": first["ETag"]})
    assert again.status_code == 200
    assert again["ETag"] != first["ETag"]


@pytest.mark.parametrize("path", PAGES)
def test_each_form_has_its_own_strong_etag(client, ours, path):
    etags = {
        client.get(path, headers={"accept": accept, "accept-encoding": encoding})["ETag"]
        for accept in (JSON, HTML)
        for encoding in ("identity", "gzip", "zstd")
    }
    assert len(etags) == 6
    assert all(etag.startswith('"') for etag in etags)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip", "gzip"), ("gzip, deflate, zstd", "zstd"), ("gzip;q=1, zstd;q=0.5", "gzip")],
)
def test_a_packed_page_is_the_same_page(client, ours, path, accepted, encoding):
    unpack = {"gzip": gzip.decompress, "zstd": zstd.decompress}[encoding]
    plain = client.get(path, headers={"accept": JSON})
    small = client.get(path, headers={"accept": JSON, "accept-encoding": accepted})
    assert small["Content-Encoding"] == encoding
    assert unpack(small.content) == plain.content
    assert small["Content-Length"] == str(len(small.content))


@pytest.mark.parametrize("path", PAGES)
def test_a_coding_that_we_have_not_is_406(client, ours, path):
    response = client.get(path, headers={"accept-encoding": "br, identity;q=0"})
    assert response.status_code == 406
    assert response["Vary"] == "Accept-Encoding"


def test_what_a_release_without_zstd_wrote_is_packed_when_it_is_asked_for(client, farm, ours):
    path = "/simple/python-levenshtein/"
    headers = {"accept": JSON, "accept-encoding": "zstd"}
    before = client.get(path, headers=headers)
    other = client.get(path, headers={"accept": JSON}).content.replace(b"0.12.2", b"0.12.3")
    etag = f'"{hashlib.sha256(other).hexdigest()}"'
    Page.objects.filter(path=path, media_type=JSON).update(
        body=other, gzip_body=gzip.compress(other), etag=etag
    )
    after = client.get(path, headers=headers)
    assert zstd.decompress(after.content) == other
    assert after["ETag"] == f'{etag[:-1]}-zstd"' != before["ETag"]
    farm.publish("cp311-cp311-manylinux_2_36_x86_64")
    stored = Page.objects.get(path=path, media_type=JSON)
    assert zstd.decompress(stored.zstd_body) == bytes(stored.body)
    assert stored.zstd_etag == stored.etag


@pytest.mark.parametrize("path", PAGES)
def test_head_says_what_get_would(client, ours, path):
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for header in ("ETag", "Content-Type", "Content-Length", "Cache-Control"):
        assert head[header] == got[header]


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_written_to_an_index(client, ours, path):
    assert client.post(path).status_code == 405


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/simple/Python_Levenshtein/", "/simple/python-levenshtein/"),
        ("/simple/python-levenshtein", "/simple/python-levenshtein/"),
        ("/simple/Python.Levenshtein", "/simple/python-levenshtein/"),
        ("/wheels/simple/Python_Levenshtein", "/wheels/simple/python-levenshtein/"),
        ("/projects/Python_Levenshtein/simple", "/projects/python-levenshtein/simple/"),
        (
            "/projects/python-levenshtein/simple/Python_Levenshtein/",
            "/projects/python-levenshtein/simple/python-levenshtein/",
        ),
    ],
)
def test_any_other_spelling_is_sent_to_the_normalised_one(client, path, place):
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (301, place)


@pytest.mark.parametrize("prefix", ["/simple/", "/wheels/simple/"])
@pytest.mark.parametrize("name", ["-x-", "a%00b", "%3Cscript%3E", "a b", "x" * 215])
def test_what_is_no_name_is_404(client, prefix, name):
    response = client.get(f"{prefix}{name}/")
    assert response.status_code == 404
    assert response["Content-Type"] == "text/plain; charset=utf-8"


def test_roots_of_an_empty_site_list_nothing(client):
    assert get_json(client, "/simple/")["projects"] == []
    assert get_json(client, "/wheels/simple/")["projects"] == []


def test_a_project_that_we_do_not_follow_is_upstreams_to_answer(client):
    response = client.get("/simple/requests/")
    assert response.status_code == 302
    assert response["Location"] == "https://upstream.example/simple/requests/"
    assert response["Cache-Control"].startswith("public, max-age=60")


def test_a_project_without_wheels_of_ours_is_404_in_the_wheels_index(client, project):
    assert client.get("/wheels/simple/python-levenshtein/").status_code == 404
    assert client.get("/wheels/simple/requests/").status_code == 404


def test_the_index_of_a_project_has_no_other(client, ours):
    assert client.get("/projects/python-levenshtein/simple/requests/").status_code == 404
    assert client.get("/projects/requests/simple/").status_code == 404
    listed = get_json(client, "/projects/python-levenshtein/simple/")["projects"]
    assert listed == [{"name": NAME}]


def test_a_project_deleted_upstream_is_404(client, farm, ours, upstream):
    upstream.remove_project(NAME)
    farm.confirm()
    assert client.get("/simple/python-levenshtein/").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_a_page_costs_one_query(client, ours, path, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get(path)


@pytest.mark.parametrize("path", ["/simple/requests/", "/wheels/simple/requests/"])
def test_a_missing_page_costs_few_queries(client, path, django_assert_max_num_queries):
    with django_assert_max_num_queries(2):
        client.get(path)


@pytest.mark.parametrize("path", PROJECT_PAGES)
@pytest.mark.parametrize("accept", [JSON, HTML])
def test_another_implementation_reads_our_pages(live_server, farm, upstream, path, accept):
    farm.enrol()
    ours = farm.publish()
    upstream.yank(NAME, "0.12.2", reason="<b>broken</b>")
    farm.refresh()
    endpoint = live_server.url + path.removesuffix("python-levenshtein/")
    with PyPISimple(endpoint, accept=accept) as theirs:
        page = theirs.get_project_page(NAME)
    (package,) = [found for found in page.packages if found.filename == ours.filename]
    assert (page.project, page.repository_version) == (NAME, "1.4")
    assert package.digests == {"sha256": ours.sha256}
    assert package.url.partition("#")[0] == f"{live_server.url}/files/{ours.sha256}/{ours.filename}"
    assert (package.is_yanked, package.yanked_reason) == (True, "<b>broken</b>")
    assert package.metadata_digests == {"sha256": ours.metadata_sha256}


# Files


def test_a_file_is_its_bytes_for_ever(client, ours, download):
    response = client.get(download)
    body = body_of(response)
    assert hashlib.sha256(body).hexdigest() == ours.sha256
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Length"] == str(len(body))
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["ETag"] == f'"{ours.sha256}"'
    assert response["Accept-Ranges"] == "bytes"


def test_a_file_is_not_sent_again(client, ours, download):
    response = client.get(download, headers={"if-none-match": f'W/"{ours.sha256}"'})
    assert (response.status_code, response.content) == (304, b"")


def test_head_of_a_file_has_its_length_and_no_bytes(client, ours, download):
    response = client.head(download)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Content-Length"] == str(ours.size)
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("header", ["bytes=0-1", "bytes=9999-"])
def test_of_head_a_range_means_nothing(client, ours, download, header):
    """RFC 9110, 14.2: for GET alone."""
    response = client.head(download, headers={"range": header})
    assert (response.status_code, response["Content-Length"]) == (200, str(ours.size))


@pytest.mark.parametrize("header", ["bytes=2-4", "bytes=2-", "bytes=-3", "bytes=0-9999"])
def test_a_range_of_a_file_is_sent(client, ours, download, header):
    whole = body_of(client.get(download))
    response = client.get(download, headers={"range": header})
    start, _, rest = response["Content-Range"].removeprefix("bytes ").partition("-")
    end, _, size = rest.partition("/")
    assert response.status_code == 206
    assert int(size) == ours.size
    assert body_of(response) == whole[int(start) : int(end) + 1]
    assert response["Content-Length"] == str(int(end) - int(start) + 1)


def test_a_range_outside_the_file_is_416(client, ours, download):
    response = client.get(download, headers={"range": "bytes=9999-"})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{ours.size}"


def test_a_range_of_another_file_gets_the_whole(client, ours, download):
    headers = {"range": "bytes=0-1", "if-range": '"another"'}
    response = client.get(download, headers=headers)
    assert response.status_code == 200
    assert len(body_of(response)) == ours.size


def test_metadata_is_what_the_page_says(client, ours, download):
    (listed,) = get_json(client, "/wheels/simple/python-levenshtein/")["files"]
    response = client.get(listed["url"] + ".metadata")
    assert response.content == METADATA
    assert hashlib.sha256(response.content).hexdigest() == listed["core-metadata"]["sha256"]
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    again = client.get(listed["url"] + ".metadata", headers={"if-none-match": response["ETag"]})
    assert again.status_code == 304


def test_provenance_is_beside_the_file(client, ours, download):
    response = client.get(f"{download}.provenance")
    assert response["Content-Type"] == "application/json"
    assert json.loads(response.content) == ours.provenance


@pytest.mark.parametrize("ending", ["", ".metadata", ".provenance"])
def test_a_file_costs_one_query(client, ours, download, ending, django_assert_num_queries):
    with django_assert_num_queries(1):
        client.get(download + ending)


@pytest.mark.parametrize("written", ["+", "%2B"])
@pytest.mark.parametrize("ending", ["", ".metadata"])
def test_a_plus_may_be_written_either_way(client, farm, upstream, written, ending):
    farm.enrol()
    upstream.add_file(NAME, "python_levenshtein-0.12.2+local.1.tar.gz")
    farm.refresh()
    ours = farm.publish(version="0.12.2+local.1")
    path = f"/files/{ours.sha256}/{ours.filename}{ending}".replace("+", written)
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("ending", ["", ".metadata", ".provenance"])
def test_a_name_or_a_hash_of_another_file_is_404(client, ours, ending):
    assert client.get(f"/files/{ours.sha256}/other.whl{ending}").status_code == 404
    assert client.get(f"/files/{'0' * 64}/{ours.filename}{ending}").status_code == 404


@pytest.mark.parametrize("decision", [Decision.YANKED, Decision.WITHDRAWN])
def test_what_left_the_pages_stays_downloadable(client, farm, download, decision):
    decide(files=File.objects.all(), decision=decision, reason="x", at=farm.now)
    assert client.get(download).status_code == 200


def test_a_superseded_file_stays_downloadable(client, farm, upstream, download):
    upstream.add_file(NAME, "python_levenshtein-0.12.2-py3-none-any.whl")
    farm.refresh()
    assert client.get("/wheels/simple/python-levenshtein/").status_code == 404
    assert client.get(download).status_code == 200


@pytest.mark.parametrize("ending", ["", ".metadata", ".provenance"])
def test_a_quarantined_file_is_not_given_out(client, farm, download, ending):
    decide(files=File.objects.all(), decision=Decision.QUARANTINED, reason="x", at=farm.now)
    assert client.get(download + ending).status_code == 404


def test_bytes_that_storage_lost_are_our_fault_and_said(client, ours, download):
    get_storage().delete(file_key(ours.sha256))
    response = client.get(download)
    assert response.status_code == 503
    assert b"restore it" in response.content


class Bucket(MemoryStorage):
    """A storage that gives the bytes to clients itself."""

    def download_url(self, key, *, filename, expires):
        return f"https://bucket.example/{key}?expires={expires}&as={filename}"


def test_a_bucket_gives_the_bytes_itself(client, ours, download, monkeypatch):
    monkeypatch.setattr("indexes.services.downloads.get_storage", Bucket)
    response = client.get(download)
    assert response.status_code == 302
    assert response["Location"].startswith(f"https://bucket.example/{file_key(ours.sha256)}?")
    # Not longer than the address is good for.
    assert response["Cache-Control"] == "private, max-age=1800"


def test_head_of_a_file_in_a_bucket_is_answered_here(client, ours, download, monkeypatch):
    monkeypatch.setattr("indexes.services.downloads.get_storage", Bucket)
    response = client.head(download)
    assert response.status_code == 200
    assert response["Content-Length"] == str(ours.size)
