"""Getting JSON from those who are asked for evidence, within limits."""

import atexit
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from indexes.upstream.exchange import user_agent
from portal.errors import EvidenceUnreachable
from portal.ownership.conf import ownership_config

MAX_BYTES = 32 * 1024 * 1024
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: its status, and its JSON, None where it is none."""

    status: int
    url: str
    """Where it came from in the end, after redirects."""
    json: Any


def fetch_json(url: str, *, what: str, headers: Mapping[str, str] | None = None) -> Fetched:
    """GET `url`; `what` names it to people. Raises `EvidenceUnreachable`.

    Unreachable is who does not answer, is busy (429) or has a fault (5xx), or answers longer
    than we read: everything else is an answer, and the caller's to judge.
    """
    deadline = time.monotonic() + SECONDS
    body = bytearray()
    try:
        with _client().stream("GET", url, headers=dict(headers or {})) as response:
            status = response.status_code
            if status == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
                raise EvidenceUnreachable(what, f"HTTP {status}")
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES or time.monotonic() > deadline:
                    raise EvidenceUnreachable(what, "the answer does not end")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise EvidenceUnreachable(what, type(error).__name__) from error
    try:
        parsed = httpx.Response(200, content=bytes(body)).json()
    except ValueError:
        parsed = None
    return Fetched(status, str(response.url), parsed)


@cache
def _client() -> httpx.Client:
    client = httpx.Client(
        headers={"User-Agent": user_agent(ownership_config().contact)},
        timeout=httpx.Timeout(20, connect=10),
        follow_redirects=True,
        max_redirects=5,
    )
    atexit.register(client.close)
    return client
