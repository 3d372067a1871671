"""Files from upstream, verified before use and kept for the next build."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic

import httpx

from builds.domain.limits import MEBIBYTE
from builds.errors import BuildsError

HTTP_SCHEMES = frozenset({"http", "https"})
CHUNK = 1 << 16


class DownloadError(BuildsError):
    """A file could not be had from upstream."""

    code = "download-failed"


class UnreachableError(DownloadError):
    """Upstream did not answer, or not in time: it may, later."""


class GoneError(DownloadError):
    """Upstream has no such file (404, 410)."""


class TooLargeError(DownloadError):
    """The file is larger than was agreed to."""


class WrongHashError(DownloadError):
    """The file is not the one that upstream announced."""


class StoppedError(DownloadError):
    """Nobody waits for the file any more."""


def upstream_client(*, contact: str = "", timeout: float = 30) -> httpx.Client:
    """Return the client that a builder downloads with. Timeouts in seconds, per read."""
    agent = f"affineur-builder ({contact})" if contact else "affineur-builder"
    return httpx.Client(
        follow_redirects=True,
        max_redirects=5,
        timeout=timeout,
        headers={"User-Agent": agent, "Accept-Encoding": "identity"},
    )


class FileCache:
    """Files by SHA-256 below `root`; the least recently used go when `capacity` is passed.

    Several processes may share one: a file appears whole or not at all, and one that is removed
    while it is read stays readable.
    """

    def __init__(
        self,
        root: Path,
        client: httpx.Client,
        *,
        capacity: int = 4096 * MEBIBYTE,
        seconds: float = 900,
    ) -> None:
        self._root = root
        self._client = client
        self._capacity = capacity
        self._seconds = seconds
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)

    def open(
        self, url: str, sha256: str, *, limit: int, is_live: Callable[[], bool] = lambda: True
    ) -> int:
        """Return a descriptor of the file, to be closed by the caller; raises `DownloadError`."""
        with self._guard:
            lock = self._locks.setdefault(sha256, threading.Lock())
        with lock:
            path = self._root / sha256
            with suppress(FileNotFoundError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                os.utime(path)
                return descriptor
            return self._download(path, url, sha256, limit, is_live)

    def _download(
        self, path: Path, url: str, sha256: str, limit: int, is_live: Callable[[], bool]
    ) -> int:
        if httpx.URL(url).scheme not in HTTP_SCHEMES:
            raise GoneError(f"{url} is no address of the web")
        with NamedTemporaryFile(dir=self._root, prefix="part-") as file:
            hasher = hashlib.sha256()
            length = 0
            for chunk in self._chunks(url, is_live):
                length += len(chunk)
                if length > limit:
                    raise TooLargeError(f"{url} is larger than {limit} bytes")
                hasher.update(chunk)
                file.write(chunk)
            if hasher.hexdigest() != sha256:
                raise WrongHashError(
                    f"{url} has the SHA-256 {hasher.hexdigest()}, and {sha256} was announced"
                )
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
            descriptor = os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
        self._prune(keep=path)
        return descriptor

    def _chunks(self, url: str, is_live: Callable[[], bool]) -> Iterator[bytes]:
        deadline = monotonic() + self._seconds
        try:
            with self._client.stream("GET", url) as response:
                _verify_status(response)
                for chunk in response.iter_bytes(CHUNK):
                    if not is_live():
                        raise StoppedError(url)
                    if monotonic() > deadline:
                        raise UnreachableError(f"{url} took more than {self._seconds:.0f} s")
                    yield chunk
        except httpx.HTTPError as error:
            raise UnreachableError(f"{url}: {str(error) or type(error).__name__}") from error

    def _prune(self, keep: Path) -> None:
        held: list[tuple[float, int, Path]] = []
        for path in self._root.iterdir():
            with suppress(FileNotFoundError):
                status = path.stat()
                held.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in held)
        for _, size, path in sorted(held):
            if total <= self._capacity:
                return
            if path != keep and not path.name.startswith("part-"):
                path.unlink(missing_ok=True)
                total -= size


def _verify_status(response: httpx.Response) -> None:
    if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
        raise GoneError(f"{response.url}: {response.status_code}")
    if response.status_code != httpx.codes.OK:
        raise UnreachableError(f"{response.url}: {response.status_code}")
