"""The client of a real upstream: the simple API over HTTP, JSON before HTML, within limits."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote

import httpx

from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import ACCEPT
from indexes.domain.simple import InvalidPage, parse_page
from indexes.upstream.base import (
    NotModified,
    ProjectNotUpstream,
    UpstreamInvalid,
    UpstreamPage,
    UpstreamUnreachable,
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How much of upstream we put up with. Times are seconds, sizes bytes."""

    connect: float = 10
    read: float = 20
    """For the next bytes to come."""
    whole_page: float = 120
    whole_file: float = 900
    page_bytes: int = 64 * 1024 * 1024
    tries: int = 3
    pause: float = 0.5
    """Before the second try; doubled before each further one."""
    longest_pause: float = 10
    """Of what `Retry-After` asks for."""


class _Busy(Exception):
    def __init__(self, problem: str, pause: float | None = None) -> None:
        self.problem = problem
        self.pause = pause
        super().__init__(problem)


class HttpUpstream:
    """Implements `Upstream`. One instance may be shared by threads."""

    def __init__(
        self,
        url: str,
        *,
        contact: str = "",
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/") + "/"
        self._patience = patience or Patience()
        self._sleep = sleep
        self._client = httpx.Client(
            headers={"User-Agent": user_agent(contact)},
            timeout=httpx.Timeout(self._patience.read, connect=self._patience.connect),
            follow_redirects=True,
            max_redirects=5,
        )

    def close(self) -> None:
        self._client.close()

    def project_url(self, name: NormalizedName) -> str:
        return f"{self.url}{quote(name)}/"

    def project_page(self, name: NormalizedName, etag: str = "") -> UpstreamPage | NotModified:
        headers = {"Accept": ACCEPT} | ({"If-None-Match": etag} if etag else {})
        url = self.project_url(name)
        response, body = self._get(
            url,
            what=name,
            headers=headers,
            max_bytes=self._patience.page_bytes,
            seconds=self._patience.whole_page,
        )
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return NotModified()
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ProjectNotUpstream(name)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        try:
            page = parse_page(body, media_type=media_type, name=name, base_url=str(response.url))
        except InvalidPage as error:
            raise UpstreamInvalid(name, error.problem) from error
        if page.name != name:
            raise UpstreamInvalid(name, f"it is the page of {page.name}")
        return UpstreamPage(
            digest=hashlib.sha256(body).hexdigest(),
            etag=_storable_etag(response.headers.get("ETag", "")),
            page=page,
        )

    def fetch_file(self, url: str, *, max_bytes: int, sha256: str) -> bytes:
        response, body = self._get(
            url,
            what=url,
            # The hash is of the file: an archive must not be decompressed on its way.
            headers={"Accept-Encoding": "identity"},
            max_bytes=max_bytes,
            seconds=self._patience.whole_file,
        )
        if response.status_code != httpx.codes.OK:
            raise UpstreamInvalid(url, "it is not there")
        if hashlib.sha256(body).hexdigest() != sha256:
            raise UpstreamInvalid(url, "its SHA-256 is not the one of the page")
        return body

    def _get(
        self, url: str, *, what: str, headers: Mapping[str, str], max_bytes: int, seconds: float
    ) -> tuple[httpx.Response, bytes]:
        """The answer, tried again while upstream is busy: 200, 304 or 404."""
        pause, problem = self._patience.pause, ""
        for number in range(self._patience.tries):
            if number:
                self._sleep(pause)
                pause *= 2
            try:
                return self._try(
                    url, what=what, headers=headers, max_bytes=max_bytes, seconds=seconds
                )
            except _Busy as busy:
                problem = busy.problem
                pause = max(pause, min(busy.pause or 0, self._patience.longest_pause))
            except httpx.TooManyRedirects as error:
                raise UpstreamInvalid(what, "it redirects without end") from error
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise UpstreamInvalid(what, "it leads to no address on the web") from error
            except httpx.DecodingError as error:
                raise UpstreamInvalid(what, "its encoding is broken") from error
            except httpx.TransportError as error:
                problem = type(error).__name__
        raise UpstreamUnreachable(what, problem)

    def _try(
        self, url: str, *, what: str, headers: Mapping[str, str], max_bytes: int, seconds: float
    ) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + seconds
        with self._client.stream("GET", url, headers=headers) as response:
            status = response.status_code
            if (
                status == httpx.codes.TOO_MANY_REQUESTS
                or status >= httpx.codes.INTERNAL_SERVER_ERROR
            ):
                raise _Busy(f"HTTP {status}", _seconds(response.headers.get("Retry-After", "")))
            expected = {httpx.codes.OK, httpx.codes.NOT_MODIFIED, httpx.codes.NOT_FOUND}
            if status not in expected:
                raise UpstreamUnreachable(what, f"HTTP {status}")
            chunks: list[bytes] = []
            length = 0
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                length += len(chunk)
                if length > max_bytes:
                    raise UpstreamInvalid(what, f"it is longer than {max_bytes} bytes")
                if time.monotonic() > deadline:
                    raise UpstreamUnreachable(what, f"not whole after {seconds:.0f} s")
            return response, b"".join(chunks)


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None


def _storable_etag(value: str, longest: int = 255) -> str:
    return value if len(value) <= longest else ""


def user_agent(contact: str) -> str:
    """Who asks, and whom upstream's operators can write to."""
    try:
        release = version("affineur")
    except PackageNotFoundError:
        # Run from a checkout, as `make run` does.
        release = "dev"
    return f"affineur/{release} ({contact})" if contact else f"affineur/{release}"
