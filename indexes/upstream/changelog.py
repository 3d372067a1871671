"""Upstream's journal of changes over XML-RPC, as PyPI offers it: names of what changed, in seconds.

It only says whom to ask for now: what changed is read from the project's page.
"""

import xmlrpc.client
from http import HTTPStatus
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError

from indexes.domain.names import InvalidProjectName, NormalizedName, parse_project_name
from indexes.domain.simple import parse_serial
from indexes.upstream.base import UpstreamInvalid
from indexes.upstream.exchange import Ask, Exchange, Patience

WHAT = "its changelog"


class Event(NamedTuple):
    """A project changed; its page has at least that serial by then."""

    name: NormalizedName
    serial: int


class Changelog:
    """`url` is that of the XML-RPC API. One instance may be shared by threads."""

    def __init__(self, url: str, *, contact: str = "", patience: Patience | None = None) -> None:
        self._url = url
        self._patience = patience or Patience()
        self._exchange = Exchange(contact=contact, patience=self._patience)

    def close(self) -> None:
        self._exchange.close()

    def last_serial(self) -> int:
        """Raises `UpstreamUnreachable`, `UpstreamInvalid`."""
        serial = parse_serial(self._call("changelog_last_serial"))
        if serial is None:
            raise UpstreamInvalid(WHAT, "its last serial is no number")
        return serial

    def since(self, serial: int) -> tuple[Event, ...]:
        """What came after the serial, oldest first. Raises as `last_serial` does."""
        answer = self._call("changelog_since_serial", serial)
        try:
            # Each is (name, version, seconds since 1970, action, serial).
            events = {(str(name), parse_serial(number)) for name, _, _, _, number in answer}
        except (TypeError, ValueError) as error:
            raise UpstreamInvalid(WHAT, "it is no list of events") from error
        found = (
            Event(name, serial)
            for written, serial in events
            if serial is not None and (name := _parsed(written)) is not None
        )
        return tuple(sorted(found, key=lambda event: event.serial))

    def _call(self, method: str, *arguments: int) -> Any:
        answered = self._exchange.answer(
            Ask(
                self._url,
                what=WHAT,
                headers={"Content-Type": "text/xml"},
                max_bytes=self._patience.facts_bytes,
                seconds=self._patience.whole_page,
                content=xmlrpc.client.dumps(arguments, method).encode(),
            )
        )
        if answered.status != HTTPStatus.OK:
            raise UpstreamInvalid(WHAT, "it is not there")
        try:
            (value,), _ = xmlrpc.client.loads(answered.body)
        except (xmlrpc.client.Error, ExpatError, ValueError, TypeError, LookupError) as error:
            raise UpstreamInvalid(WHAT, "it is no answer of XML-RPC") from error
        return value


def _parsed(name: str) -> NormalizedName | None:
    try:
        return parse_project_name(name)
    except InvalidProjectName:
        return None
