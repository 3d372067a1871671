"""The kinds of index that the rules are run against. To add one is to add a row."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from indexes.domain.names import NormalizedName
from tests.indexes.conformance.corpus import (
    ARCHIVED,
    DEMO,
    FOLLOWED,
    STRANGER,
    Expected,
)
from tests.indexes.conformance.reading import PLAIN_HTML, Answer, ReadFile, ask, read_page

SECRET = "affr_conformance"
TOKEN_HEADERS = {
    "Authorization": f"Basic {base64.b64encode(f'__token__:{SECRET}'.encode()).decode()}"
}


@dataclass(frozen=True, slots=True)
class Kind:
    path: str
    """Of its root on the site."""
    names: tuple[NormalizedName, ...] = FOLLOWED
    """The projects that its root lists."""
    has_upstream: bool = True
    """Whether it lists upstream's files."""
    has_ours: bool = True
    sends_on: bool = False
    """Whether what we do not follow is upstream's to answer; else that is 404."""
    is_ours: bool = True
    is_public: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request, where an index wants to know who asks."""


KINDS = {
    "overlay": Kind("simple/", sends_on=True),
    "wheels": Kind("wheels/simple/", (DEMO,), has_upstream=False),
    "project": Kind("projects/demo-pkg/simple/", (DEMO,)),
    "platform": Kind("platforms/manylinux_2_36_x86_64/simple/", sends_on=True),
    # A root of a day lists what had a file that day: not what is hidden, or bears no date.
    "as-of": Kind("as-of/2026-04-01/simple/", (ARCHIVED, DEMO)),
    "curated": Kind("o/dairy/public/simple/"),
    "private": Kind("o/dairy/private/simple/", is_public=False, headers=TOKEN_HEADERS),
}
FOREIGN = Kind("", (*FOLLOWED, NormalizedName(STRANGER)), has_ours=False, is_ours=False)


@dataclass(frozen=True, slots=True)
class Index:
    """An index under test, and what it must say."""

    url: str
    kind: Kind
    expected: Mapping[str, Expected]
    """The files of the demonstration project, by name."""
    upstream_url: str
    """Of the simple index that it follows."""

    def ask(self, path: str = "", method: str = "GET", **headers: str) -> Answer:
        """`path` is taken from the root; a header `accept_encoding` is `Accept-Encoding`."""
        return self.ask_url(self.url + path, method, **headers)

    def ask_url(self, url: str, method: str = "GET", **headers: str) -> Answer:
        sent = {name.replace("_", "-").title(): value for name, value in headers.items()}
        return ask(url, method, {**self.kind.headers, **sent})

    def own_files(self) -> list[ReadFile]:
        """The files of the demonstration project that the index itself gives out."""
        origin = "/".join(self.url.split("/")[:3])
        files = read_page(self.ask(f"{DEMO}/", accept=PLAIN_HTML)).files
        return [file for file in files if file.url.startswith(origin)]
