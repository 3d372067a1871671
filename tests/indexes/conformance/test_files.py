"""Files that an index gives out itself (PEP 503, 658; RFC 9110, 14)."""

from urllib.parse import unquote

import pytest

from tests.indexes.conformance.corpus import LOCAL, OVERTAKEN

pytestmark = pytest.mark.django_db

YEAR = 365 * 24 * 3600


def test_a_file_is_immutable_for_a_year(index, own_file):
    said = index.ask_url(own_file.url).cache_control
    assert int(said["max-age"]) >= YEAR
    assert "immutable" in said


def test_metadata_is_immutable_for_a_year(index):
    announced = next(file for file in index.own_files() if file.metadata)
    said = index.ask_url(f"{announced.url}.metadata").cache_control
    assert int(said["max-age"]) >= YEAR


def test_a_file_has_a_strong_etag(index, own_file):
    etag = index.ask_url(own_file.url)["ETag"]
    assert etag.startswith('"')
    assert index.ask_url(own_file.url, if_none_match=etag).status == 304


def test_head_of_a_file_has_its_length(index, own_file):
    head = index.ask_url(own_file.url, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert int(head["Content-Length"]) == len(index.expected[own_file.filename].content)


def test_a_file_offers_its_parts(index, own_file):
    for method in ("GET", "HEAD"):
        assert index.ask_url(own_file.url, method)["Accept-Ranges"] == "bytes"


def test_a_part_of_a_file_is_sent(index, own_file):
    whole = index.expected[own_file.filename].content
    size = len(whole)
    parts = {"0-3": (0, 4), "2-": (2, size), "-5": (size - 5, size), "1-1": (1, 2)}
    for wanted, (start, end) in parts.items():
        answer = index.ask_url(own_file.url, range=f"bytes={wanted}")
        assert (wanted, answer.status, answer.body) == (wanted, 206, whole[start:end])
        assert answer["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert int(answer["Content-Length"]) == end - start


def test_a_part_beyond_the_end_is_416(index, own_file):
    size = len(index.expected[own_file.filename].content)
    answer = index.ask_url(own_file.url, range=f"bytes={size}-")
    assert answer.status == 416
    assert answer["Content-Range"] == f"bytes */{size}"


def test_a_part_of_another_file_is_the_whole_of_this(index, own_file):
    answer = index.ask_url(own_file.url, range="bytes=0-1", if_range='"another"')
    assert answer.status == 200
    assert answer.body == index.expected[own_file.filename].content


def test_a_part_of_the_same_file_is_the_part(index, own_file):
    etag = index.ask_url(own_file.url)["ETag"]
    answer = index.ask_url(own_file.url, range="bytes=0-1", if_range=etag)
    assert (answer.status, len(answer.body)) == (206, 2)


def test_a_file_is_not_compressed_on_its_way(index, own_file):
    """Its length and its hash are those of the file."""
    answer = index.ask_url(own_file.url, accept_encoding="gzip, zstd, br")
    assert answer["Content-Encoding"] in {"", "identity"}
    assert answer.body == index.expected[own_file.filename].content


def test_a_plus_in_a_name_may_be_written_either_way(index):
    (file,) = (file for file in index.own_files() if f"-{LOCAL}" in unquote(file.filename))
    for written in ("+", "%2B"):
        address = file.url.replace("%2B", "+").replace("+", written)
        assert (written, index.ask_url(address).status) == (written, 200)


@pytest.mark.only(has_ours=True)
def test_a_plus_in_the_name_of_metadata_too(index):
    (file,) = (file for file in index.own_files() if LOCAL in file.filename)
    for written in ("+", "%2B"):
        address = file.url.replace("%2B", "+").replace("+", written)
        assert (written, index.ask_url(f"{address}.metadata").status) == (written, 200)


@pytest.mark.only(has_ours=True)
def test_what_upstream_has_overtaken_is_still_given_out(index, overtaken_url):
    assert OVERTAKEN in overtaken_url
    assert index.ask_url(overtaken_url).status == 200
    assert index.ask_url(f"{overtaken_url}.metadata").status == 200


@pytest.mark.only(has_ours=True)
def test_what_is_quarantined_upstream_is_not(index, quarantined_url):
    for ending in ("", ".metadata", ".provenance"):
        assert index.ask_url(quarantined_url + ending).status == 404
