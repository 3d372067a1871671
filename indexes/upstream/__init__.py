"""The index that we follow: a Protocol, the client that speaks to it, and a fake."""

import atexit
import threading

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
    "close_upstreams",
    "get_upstream",
    "open_watching",
]

_opening = threading.Lock()
_clients: dict[tuple[str, str], HttpUpstream] = {}


def get_upstream() -> Upstream:
    """The upstream of the settings; one client a process, which keeps its connections."""
    config = indexes_config()
    wanted = config.upstream, config.contact
    with _opening:
        if wanted not in _clients:
            _clients[wanted] = HttpUpstream(config.upstream, contact=config.contact)
        return _clients[wanted]


def open_watching() -> tuple[HttpUpstream, Changelog | None]:
    """The watcher's clients, which do not ask again by themselves; the caller closes them."""
    config = indexes_config()
    changelog = config.upstream_changelog
    return (
        HttpUpstream(config.upstream, contact=config.contact, patience=WATCHING),
        Changelog(changelog, contact=config.contact, patience=WATCHING) if changelog else None,
    )


def close_upstreams() -> None:
    """Close every client of this process; the next question opens another."""
    while _clients:
        _clients.popitem()[1].close()


atexit.register(close_upstreams)
