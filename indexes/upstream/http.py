"""The client of a real upstream: the simple API over HTTP, JSON before HTML, within limits."""

import hashlib
import time
from collections.abc import Callable, Container
from http import HTTPStatus
from io import BytesIO
from urllib.parse import quote, urljoin

import ijson

from indexes.domain.facts import ProjectFacts, parse_facts
from indexes.domain.names import NormalizedName
from indexes.domain.negotiation import ACCEPT, JSON
from indexes.domain.simple import InvalidPage, parse_page, parse_serial
from indexes.upstream.base import (
    NotModified,
    ProjectNotUpstream,
    RootSerials,
    UpstreamInvalid,
    UpstreamPage,
)
from indexes.upstream.exchange import Ask, Exchange, Patience


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
        self._exchange = Exchange(contact=contact, patience=self._patience, sleep=sleep)

    def start(self) -> None:
        """Be ready to ask at once."""
        self._exchange.start()

    def close(self) -> None:
        self._exchange.close()

    def project_url(self, name: NormalizedName) -> str:
        return f"{self.url}{quote(name)}/"

    def project_page(self, name: NormalizedName, etag: str = "") -> UpstreamPage | NotModified:
        answered = self._exchange.answer(
            Ask(
                self.project_url(name),
                what=name,
                headers=_conditional(ACCEPT, etag),
                max_bytes=self._patience.page_bytes,
                seconds=self._patience.whole_page,
            )
        )
        if answered.status == HTTPStatus.NOT_MODIFIED:
            return NotModified()
        if answered.status == HTTPStatus.NOT_FOUND:
            raise ProjectNotUpstream(name)
        body = answered.body
        try:
            page = parse_page(
                body, media_type=answered.media_type, name=name, base_url=answered.url
            )
        except InvalidPage as error:
            raise UpstreamInvalid(name, error.problem) from error
        if page.name != name:
            raise UpstreamInvalid(name, f"it is the page of {page.name}")
        return UpstreamPage(digest=hashlib.sha256(body).hexdigest(), etag=answered.etag, page=page)

    def project_facts(self, name: NormalizedName) -> ProjectFacts | None:
        if not self.url.endswith("/simple/"):
            return None
        answered = self._exchange.answer(
            Ask(
                urljoin(self.url, f"../pypi/{quote(name)}/json"),
                what=f"the facts of {name}",
                headers={"Accept": "application/json"},
                max_bytes=self._patience.facts_bytes,
                seconds=self._patience.whole_page,
            )
        )
        return parse_facts(answered.body, name=name) if answered.status == HTTPStatus.OK else None

    def serials(self, names: Container[str], etag: str = "") -> RootSerials | NotModified:
        what = "its root listing"
        answered = self._exchange.answer(
            Ask(
                self.url,
                what=what,
                headers=_conditional(JSON, etag),
                max_bytes=self._patience.root_bytes,
                seconds=self._patience.whole_root,
            )
        )
        if answered.status == HTTPStatus.NOT_MODIFIED:
            return NotModified()
        try:
            # As a stream of items: all of them as one value would take hundreds of megabytes.
            serials = {
                item["name"]: serial
                for item in ijson.items(BytesIO(answered.body), "projects.item")
                if item["name"] in names
                and (serial := parse_serial(item.get("_last-serial"))) is not None
            }
        except (ijson.JSONError, LookupError, TypeError, AttributeError) as error:
            raise UpstreamInvalid(what, "it is no list of projects") from error
        return RootSerials(answered.etag, serials)

    def fetch_file(self, url: str, *, max_bytes: int, sha256: str) -> bytes:
        answered = self._exchange.answer(
            Ask(
                url,
                what=url,
                # The hash is of the file: an archive must not be decompressed on its way.
                headers={"Accept-Encoding": "identity"},
                max_bytes=max_bytes,
                seconds=self._patience.whole_file,
            )
        )
        if answered.status != HTTPStatus.OK:
            raise UpstreamInvalid(url, "it is not there")
        if hashlib.sha256(answered.body).hexdigest() != sha256:
            raise UpstreamInvalid(url, "its SHA-256 is not the one of the page")
        return answered.body


def _conditional(accept: str, etag: str) -> dict[str, str]:
    return {"Accept": accept} | ({"If-None-Match": etag} if etag else {})
