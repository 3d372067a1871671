"""Which form of a page a client gets, and how it is packed (PEP 691; RFC 9110, 12.5)."""

from enum import StrEnum

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML = "text/html"

# What we ask upstream with: JSON says more, HTML is all that some indexes have.
ACCEPT = f"{JSON}, {HTML};q=0.2, {PLAIN_HTML};q=0.1"

# Where a client likes two equally, the first it gets.
_PREFERENCE = (JSON, HTML, PLAIN_HTML)
_LATEST = {
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
}


def choose(accept: str | None) -> str | None:
    """The media type to answer an `Accept` header with; None when nothing fits (406).

    `latest` is answered with the concrete type. What accepts anything, as a browser or curl
    does, gets `text/html`.

    >>> choose("text/html;q=0.1, application/vnd.pypi.simple.latest+json")
    'application/vnd.pypi.simple.v1+json'
    """
    if accept is None or not accept.strip():
        return PLAIN_HTML
    ranges = [_parse(item) for item in accept.split(",") if item.strip()]
    best, best_rank = None, (0.0, 0)
    for media_type in _PREFERENCE:
        rank = _rank(media_type, ranges)
        # Against a bare wildcard plain HTML wins; it is the last in the order of preference.
        wins_tie = rank == best_rank and rank[1] == 0
        if rank[0] > 0 and (rank > best_rank or wins_tie):
            best, best_rank = media_type, rank
    return best


def _rank(media_type: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """(quality, how specific the range is that gives it): 2 names it, 1 its kind, 0 anything."""
    kind = media_type.partition("/")[0]
    for specificity, wanted in ((2, media_type), (1, f"{kind}/*"), (0, "*/*")):
        qualities = [quality for name, quality in ranges if name == wanted]
        if qualities:
            return max(qualities), specificity
    return 0.0, 0


def _parse(item: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in item.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            quality = _quality(value.strip())
    return _LATEST.get(name, name), quality


def _quality(value: str) -> float:
    """A malformed weight is no wish (0), not an error."""
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0


class Encoding(StrEnum):
    """Content codings that pages are stored in; where a client likes two equally, the first."""

    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


def choose_encoding(accept_encoding: str | None) -> Encoding | None:
    """The coding to answer an `Accept-Encoding` header with (RFC 9110, 12.5.3); None for 406.

    A client that says nothing gets the page as it is. One that names codings gets what it
    likes best of them; the page as it is only where it likes none, or says so by weight.

    >>> choose_encoding("gzip, deflate, br")
    <Encoding.GZIP: 'gzip'>
    """
    if accept_encoding is None:
        return Encoding.IDENTITY
    weights = dict(_parse(item) for item in accept_encoding.split(",") if item.strip())
    others = weights.get("*", 0.0)
    liked = [(weights.get(encoding, others), encoding) for encoding in Encoding]
    quality, best = max(liked, key=lambda item: item[0])
    if quality > 0:
        return best
    # Not named, it is acceptable all the same.
    is_refused = Encoding.IDENTITY in weights or "*" in weights
    return None if is_refused else Encoding.IDENTITY
