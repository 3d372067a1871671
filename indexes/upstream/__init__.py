"""The index that we follow: a Protocol, the client that speaks to it, and a fake."""

import atexit
from functools import cache

from indexes.conf import indexes_config
from indexes.upstream.base import (
    NotModified,
    ProjectNotUpstream,
    RootSerials,
    Upstream,
    UpstreamDoubtful,
    UpstreamError,
    UpstreamInvalid,
    UpstreamPage,
    UpstreamUnreachable,
)
from indexes.upstream.changelog import Changelog
from indexes.upstream.exchange import WATCHING
from indexes.upstream.http import HttpUpstream

__all__ = [
    "Changelog",
    "HttpUpstream",
    "NotModified",
    "ProjectNotUpstream",
    "RootSerials",
    "Upstream",
    "UpstreamDoubtful",
    "UpstreamError",
    "UpstreamInvalid",
    "UpstreamPage",
    "UpstreamUnreachable",
    "get_upstream",
    "open_watching",
]


def get_upstream() -> Upstream:
    """The upstream of the settings; one client a process, which keeps its connections."""
    config = indexes_config()
    return _client(config.upstream, config.contact)


def open_watching() -> tuple[HttpUpstream, Changelog | None]:
    """The watcher's clients, which do not ask again by themselves; the caller closes them."""
    config = indexes_config()
    changelog = config.upstream_changelog
    return (
        HttpUpstream(config.upstream, contact=config.contact, patience=WATCHING),
        Changelog(changelog, contact=config.contact, patience=WATCHING) if changelog else None,
    )


@cache
def _client(url: str, contact: str) -> HttpUpstream:
    client = HttpUpstream(url, contact=contact)
    atexit.register(client.close)
    return client
