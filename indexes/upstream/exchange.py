"""Exchanges with a server that is not ours, bounded in time and size.

It blocks its caller; within, it is asynchronous on a thread of its own, because only so can the
time of a whole exchange be bounded: a server that sends a byte now and then, of its headers too,
defeats timeouts of single reads.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO

import httpx
from anyio import fail_after
from anyio.from_thread import BlockingPortal, start_blocking_portal

from indexes.domain.simple import InvalidPage, parse_url
from indexes.upstream.base import UpstreamInvalid, UpstreamUnreachable

MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How much of upstream we put up with. Times are seconds, sizes bytes."""

    connect: float = 10
    read: float = 20
    """For the next bytes to come."""
    whole_page: float = 60
    whole_root: float = 150
    whole_file: float = 900
    page_bytes: int = 64 * 1024 * 1024
    root_bytes: int = 256 * 1024 * 1024
    facts_bytes: int = 16 * 1024 * 1024
    tries: int = 3
    pause: float = 0.5
    """Before the second try; doubled before each further one."""
    longest_pause: float = 10
    """Of what `Retry-After` asks for."""


WATCHING = Patience(tries=1)
"""The watcher's: it has a schedule of its own for what failed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, with what may come of it. `what` is for messages."""

    url: str
    what: str
    headers: Mapping[str, str]
    max_bytes: int
    seconds: float
    content: bytes | None = None
    """To be sent by POST; None: it is a GET."""


@dataclass(frozen=True, slots=True)
class Answered:
    """200, 304 or 404 (410 is the same to us), and the body of a 200."""

    status: int
    url: str
    """Where redirects have led."""
    media_type: str
    etag: str
    body: bytes = field(repr=False)


class _Busy(Exception):
    def __init__(self, status: int, retry_after: float | None) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(f"HTTP {status}")


class Exchange:
    """One instance may be shared by threads."""

    def __init__(
        self,
        *,
        contact: str,
        patience: Patience,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.patience = patience
        self._contact = contact
        self._sleep = sleep
        self._closing = ExitStack()
        self._starting = threading.Lock()
        self._portal: BlockingPortal | None = None

    def start(self) -> None:
        """Be ready before the first question: what is counted by the second must not wait."""
        self._started()

    def close(self) -> None:
        self._closing.close()

    def answer(self, ask: Ask) -> Answered:
        """Ask, and again while the server is busy.

        Raises `UpstreamUnreachable` and `UpstreamInvalid`.
        """
        pause, problem = self.patience.pause, ""
        busy: _Busy | None = None
        for number in range(self.patience.tries):
            if number:
                told = 0 if busy is None else busy.retry_after or 0
                self._sleep(max(pause, min(told, self.patience.longest_pause)))
                pause *= 2
            try:
                return self._started().call(partial(self._exchange, ask))
            except _Busy as error:
                busy, problem = error, str(error)
            except TimeoutError:
                busy, problem = None, f"not whole after {ask.seconds:.0f} s"
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise UpstreamInvalid(ask.what, "it leads to no address on the web") from error
            except httpx.DecodingError as error:
                raise UpstreamInvalid(ask.what, "its encoding is broken") from error
            except httpx.TransportError as error:
                busy, problem = None, type(error).__name__
        raise UpstreamUnreachable(
            ask.what,
            problem,
            retry_after=None if busy is None else busy.retry_after,
            is_limit=busy is not None and busy.status == httpx.codes.TOO_MANY_REQUESTS,
        )

    def _started(self) -> BlockingPortal:
        """The thread that talks, started on first use: a process that forks must not have one."""
        with self._starting:
            if self._portal is None:
                self._client = httpx.AsyncClient(
                    headers={
                        "User-Agent": user_agent(self._contact),
                        "Accept-Encoding": "gzip, deflate",
                    },
                    timeout=httpx.Timeout(self.patience.read, connect=self.patience.connect),
                )
                portal = self._closing.enter_context(start_blocking_portal())
                self._closing.callback(portal.call, self._client.aclose)
                self._portal = portal
            return self._portal

    async def _exchange(self, ask: Ask) -> Answered:
        with fail_after(ask.seconds):
            for _ in range(MOST_REDIRECTS + 1):
                request = self._client.build_request(
                    "GET" if ask.content is None else "POST",
                    ask.url,
                    headers=dict(ask.headers),
                    content=ask.content,
                )
                response = await self._client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        return await _answered(response, ask)
                    ask = replace(ask, url=_redirected(response, ask))
                finally:
                    await response.aclose()
        raise UpstreamInvalid(ask.what, "it redirects without end")


def _redirected(response: httpx.Response, ask: Ask) -> str:
    """Where it leads: not from a public index into a private network, nor to plain HTTP."""
    try:
        url = parse_url(response.headers.get("Location", ""), base_url=str(response.url))
    except InvalidPage as error:
        raise UpstreamInvalid(ask.what, f"it redirects, and {error.problem}") from error
    if response.url.scheme == "https" and not url.startswith("https:"):
        raise UpstreamInvalid(ask.what, "it redirects from HTTPS to plain HTTP")
    return url


async def _answered(response: httpx.Response, ask: Ask) -> Answered:
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise _Busy(status, _seconds(response.headers.get("Retry-After", "")))
    if status == httpx.codes.GONE:
        status = httpx.codes.NOT_FOUND
    if status not in {httpx.codes.OK, httpx.codes.NOT_MODIFIED, httpx.codes.NOT_FOUND}:
        raise UpstreamUnreachable(ask.what, f"HTTP {status}")
    if status == httpx.codes.NOT_MODIFIED and "If-None-Match" not in ask.headers:
        raise UpstreamInvalid(ask.what, "it says 304 to a request without a condition")
    return Answered(
        status=status,
        url=str(response.url),
        media_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        etag=_storable(response.headers.get("ETag", "")),
        body=await _body(response, ask) if status == httpx.codes.OK else b"",
    )


async def _body(response: httpx.Response, ask: Ask) -> bytes:
    too_long = UpstreamInvalid(ask.what, f"it is longer than {ask.max_bytes} bytes")
    # What says itself that it is too long is not read at all.
    if (_seconds(response.headers.get("Content-Length", "")) or 0) > ask.max_bytes:
        raise too_long
    content = BytesIO()
    async for chunk in response.aiter_bytes():
        if content.tell() + len(chunk) > ask.max_bytes:
            raise too_long
        content.write(chunk)
    return content.getvalue()


def _seconds(retry_after: str) -> float | None:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None


def _storable(value: str, longest: int = 255) -> str:
    return value if len(value) <= longest else ""


def user_agent(contact: str) -> str:
    """Who asks, and whom upstream's operators can write to."""
    try:
        release = version("affineur")
    except PackageNotFoundError:
        # Run from a checkout, as `make run` does.
        release = "dev"
    return f"affineur/{release} ({contact})" if contact else f"affineur/{release}"
