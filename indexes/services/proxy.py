"""Upstream's page of a project that we do not follow, fetched for who asks and kept for a while.

What is kept lies in the cache `upstream` of the settings, for all processes of a machine. Of one
project one request at a time is under way; the others wait for what it brings.
"""

import gzip
import time
from dataclasses import dataclass, replace
from datetime import datetime
from threading import BoundedSemaphore

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache

from indexes.conf import indexes_config
from indexes.domain.names import NormalizedName
from indexes.domain.simple import ProjectPage, parse_json, render_json
from indexes.upstream import (
    NotModified,
    ProjectNotUpstream,
    UpstreamInvalid,
    UpstreamUnreachable,
    get_upstream,
)

KEPT_SECONDS = 86_400
"""How long a page is kept to ask upstream whether it changed, and not fetch it again."""
RETRY_SECONDS = 5
"""How long a failure of upstream's is the answer for that project."""
_LONGEST_WAIT = 15.0
_LONGEST_FETCH = 60
_POLL = 0.05
# Threads of this process that fetch, or wait: the others are for pages of our own.
_TURNS = BoundedSemaphore(8)


_FAILURES = {failure.code: failure for failure in (UpstreamUnreachable, UpstreamInvalid)}


@dataclass(frozen=True, slots=True)
class _Kept:
    fetched_at: float
    """Seconds since the epoch: when upstream last said so."""
    etag: str
    body: bytes | None
    """The page in our JSON, gzipped; None where upstream has no such project."""


def proxied_page(*, name: NormalizedName, at: datetime) -> ProjectPage:
    """The page as upstream had it at most `max_age` seconds ago, with upstream's URLs.

    Raises `ProjectNotUpstream`, `UpstreamUnreachable`, `UpstreamInvalid`.
    """
    kept = _fresh(name, at)
    if kept is not None:
        return _page(name, kept)
    if not _TURNS.acquire(timeout=_LONGEST_WAIT):
        raise UpstreamUnreachable(name, "too many other projects are being fetched")
    try:
        return _page(name, _awaited(name, at))
    finally:
        _TURNS.release()


def kept_page(*, name: NormalizedName) -> ProjectPage | None:
    """The page as it was last fetched, however old; None when it was not. Nothing is asked."""
    kept: _Kept | None = _cache().get(_key(name))
    return None if kept is None or kept.body is None else _page(name, kept)


def _awaited(name: NormalizedName, at: datetime) -> _Kept:
    """What this request fetches, or another that was first."""
    cache, turn = _cache(), f"fetching:{name}"
    deadline = time.monotonic() + _LONGEST_WAIT
    while time.monotonic() < deadline:
        if cache.add(turn, 1, timeout=_LONGEST_FETCH):
            try:
                # Somebody may have fetched it between our look and our turn.
                return _fresh(name, at) or _fetched(name, at)
            finally:
                cache.delete(turn)
        time.sleep(_POLL)
        kept = _fresh(name, at)
        if kept is not None:
            return kept
    raise UpstreamUnreachable(name, f"no answer within {_LONGEST_WAIT:.0f} s")


def _fresh(name: NormalizedName, at: datetime) -> _Kept | None:
    """What is kept and young enough; raises the failure that upstream is given time for."""
    failure: tuple[str, str] | None = _cache().get(_failure(name))
    if failure is not None:
        code, problem = failure
        raise _FAILURES[code](name, problem)
    kept: _Kept | None = _cache().get(_key(name))
    if kept is None or at.timestamp() - kept.fetched_at >= indexes_config().max_age:
        return None
    return kept


def _fetched(name: NormalizedName, at: datetime) -> _Kept:
    cache = _cache()
    before: _Kept | None = cache.get(_key(name))
    try:
        answer = get_upstream().project_page(name, before.etag if before and before.body else "")
    except ProjectNotUpstream:
        kept = _Kept(at.timestamp(), "", None)
    except (UpstreamUnreachable, UpstreamInvalid) as error:
        cache.set(_failure(name), (error.code, error.problem), RETRY_SECONDS)
        raise
    else:
        if not isinstance(answer, NotModified):
            body = gzip.compress(render_json(answer.page), mtime=0)
            kept = _Kept(at.timestamp(), answer.etag, body)
        elif before is not None:
            kept = replace(before, fetched_at=at.timestamp())
        else:
            raise UpstreamInvalid(name, "it says 304 to a request without a condition")
    cache.set(_key(name), kept, KEPT_SECONDS)
    return kept


def _page(name: NormalizedName, kept: _Kept) -> ProjectPage:
    if kept.body is None:
        raise ProjectNotUpstream(name)
    return parse_json(gzip.decompress(kept.body), base_url=get_upstream().project_url(name))


def _cache() -> BaseCache:
    return caches["upstream"]


def _key(name: NormalizedName) -> str:
    return f"page:{name}"


def _failure(name: NormalizedName) -> str:
    return f"failure:{name}"
