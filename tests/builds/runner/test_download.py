"""Files from upstream, verified and kept."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from builds.runner.download import (
    DownloadError,
    FileCache,
    GoneError,
    StoppedError,
    TooLargeError,
    UnreachableError,
    WrongHashError,
)
from indexes.upstream.fake import FakeUpstream, Fault

CONTENT = b"x" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def url(upstream: FakeUpstream) -> Iterator[str]:
    with upstream.serve():
        yield upstream.add_file("demo", "demo-1.0.tar.gz", CONTENT).url


@pytest.fixture
def cache(tmp_path: Path, client: httpx.Client) -> FileCache:
    return FileCache(tmp_path / "cache", client)


def content(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def test_a_file_comes_once_and_is_kept(cache: FileCache, url: str, upstream: FakeUpstream) -> None:
    assert content(cache.open(url, SHA256, limit=1000)) == CONTENT
    assert content(cache.open(url, SHA256, limit=1000)) == CONTENT

    assert len(upstream.seen) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNAVAILABLE, UnreachableError),
        (Fault.FORBIDDEN, UnreachableError),
        (Fault.RESET, UnreachableError),
        (Fault.TRUNCATED, UnreachableError),
        (Fault.GARBAGE, WrongHashError),
        (Fault.TOO_LARGE, TooLargeError),
    ],
)
def test_each_fault_has_its_error_and_leaves_nothing(
    *,
    cache: FileCache,
    url: str,
    upstream: FakeUpstream,
    tmp_path: Path,
    fault: Fault,
    error: type[DownloadError],
) -> None:
    upstream.fail(fault, times=3)

    with pytest.raises(error):
        cache.open(url, SHA256, limit=100_000)

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_is_gone_is_said_to_be(cache: FileCache, url: str) -> None:
    with pytest.raises(GoneError):
        cache.open(url.replace("demo-1.0", "demo-9.9"), SHA256, limit=1000)


def test_nobody_is_asked_who_does_not_speak_http(cache: FileCache) -> None:
    with pytest.raises(GoneError):
        cache.open("file:///etc/passwd", SHA256, limit=1000)


def test_a_download_stops_without_a_lease(cache: FileCache, url: str) -> None:
    with pytest.raises(StoppedError):
        cache.open(url, SHA256, limit=1000, is_live=lambda: False)


def test_a_download_that_takes_too_long_is_given_up(
    tmp_path: Path, client: httpx.Client, url: str
) -> None:
    impatient = FileCache(tmp_path / "cache", client, seconds=-1)

    with pytest.raises(UnreachableError, match="took more than"):
        impatient.open(url, SHA256, limit=1000)


def test_what_was_used_least_recently_goes_first(
    tmp_path: Path, client: httpx.Client, upstream: FakeUpstream
) -> None:
    cache = FileCache(tmp_path / "cache", client, capacity=2500)
    files = [upstream.add_file("demo", f"demo-{n}.0.tar.gz", b"%d" % n * 1000) for n in (1, 2, 3)]
    with upstream.serve():
        urls = [f"{upstream.url}/files/{file.sha256}/{file.filename}" for file in files]
        for number, (address, file) in enumerate(zip(urls, files, strict=True)):
            os.close(cache.open(address, file.sha256, limit=5000))
            # File systems may tell times apart no better than this.
            path = tmp_path / "cache" / file.sha256
            os.utime(path, (number, number)) if path.exists() else None

    kept = {path.name for path in (tmp_path / "cache").iterdir()}
    assert kept == {files[1].sha256, files[2].sha256}
