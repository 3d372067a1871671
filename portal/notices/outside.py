"""Sending to addresses that people gave us, and to nothing of ours.

Only https, only public addresses, looked at when the connection is made (a name that was public
a moment ago may no longer be), and no redirect is followed.
"""

import socket
import ssl
from collections.abc import Iterable, Mapping
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore

_SECONDS = {"connect": 5.0, "read": 10.0, "write": 5.0, "pool": 5.0}
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""IPv6 addresses that carry an IPv4 one (RFC 6052, RFC 3056, RFC 4380)."""


class NotSent(Exception):
    """Nothing was sent, or no answer came; says why, for the person whose address it is."""


def problem_of(url: str) -> str:
    """Why nothing is sent to this address, or an empty text."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is no address"
    if parts.scheme != "https":
        return "it does not begin with https://"
    if not parts.hostname:
        return "it names no host"
    if parts.username or parts.password:
        return "it has a name or a password in it"
    if port == 0:
        return "it has no port that can be reached"
    return "" if url.isascii() and url.isprintable() else "it has characters that no address has"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet's.

    >>> is_public("93.184.215.14"), is_public("10.0.0.1"), is_public("::ffff:127.0.0.1")
    (True, False, False)
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and any(ip in network for network in _TRANSLATED):
        return False
    return ip.is_global and not ip.is_multicast


class PublicOnly(httpcore.SyncBackend):
    """Connects to public addresses only, and to the very address that was looked at."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotSent(f"{host} has no address") from error
        addresses = [str(each[4][0]) for each in found]
        if not addresses or not all(map(is_public, addresses)):
            raise NotSent(f"{host} is not on the public Internet")
        return super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    def connect_unix_socket(self, path: str, *_arguments: Any, **_options: Any) -> Any:
        raise NotSent(f"{path} is not on the public Internet")


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    network: httpcore.NetworkBackend | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> int:
    """Send it, and return the status of the answer, whose body is not read. Raises `NotSent`."""
    if problem := problem_of(url):
        raise NotSent(problem)
    pool = httpcore.ConnectionPool(
        network_backend=network or PublicOnly(),
        ssl_context=ssl_context,
        max_keepalive_connections=0,
    )
    try:
        with (
            pool,
            pool.stream(
                "POST",
                url,
                headers=list(headers.items()),
                content=body,
                extensions={"timeout": _SECONDS},
            ) as response,
        ):
            return response.status
    except (
        httpcore.NetworkError,
        httpcore.TimeoutException,
        httpcore.ProtocolError,
        ssl.SSLError,
    ) as error:
        raise NotSent(f"no answer came: {type(error).__name__}") from error
