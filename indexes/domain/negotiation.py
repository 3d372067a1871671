"""Which form of a page a client gets (PEP 691; RFC 9110, 12.5.1)."""

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


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether an `Accept-Encoding` header takes gzip."""
    codings = dict(_parse(item) for item in (accept_encoding or "").split(",") if item.strip())
    return codings.get("gzip", codings.get("*", 0.0)) > 0
