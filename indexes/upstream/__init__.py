"""The index that we follow: a Protocol, the client that speaks to it, and a fake."""

import atexit
from functools import cache

from indexes.conf import indexes_config
from indexes.upstream.base import (
    NotModified,
    ProjectNotUpstream,
    Upstream,
    UpstreamError,
    UpstreamInvalid,
    UpstreamPage,
    UpstreamUnreachable,
)
from indexes.upstream.http import HttpUpstream

__all__ = [
    "HttpUpstream",
    "NotModified",
    "ProjectNotUpstream",
    "Upstream",
    "UpstreamError",
    "UpstreamInvalid",
    "UpstreamPage",
    "UpstreamUnreachable",
    "get_upstream",
]


def get_upstream() -> Upstream:
    """The upstream of the settings; one client a process, which keeps its connections."""
    config = indexes_config()
    return _client(config.upstream, config.contact)


@cache
def _client(url: str, contact: str) -> HttpUpstream:
    client = HttpUpstream(url, contact=contact)
    atexit.register(client.close)
    return client
