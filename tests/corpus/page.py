"""A page about a run over a corpus, for people."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from builds.domain.remedies import remedy_from_json
from tests.corpus.summary import seconds_of

STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem;
  padding: 0 1rem }
table { border-collapse: collapse; width: 100% } div { overflow-x: auto }
td, th { border-bottom: 1px solid #8886; padding: .4rem .6rem; text-align: left;
  vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: .85em; overflow-wrap: anywhere } .no { color: #a40000 }
@media (prefers-color-scheme: dark) {
  body { background: #16181b; color: #e8e6e3 } .no { color: #ff8a80 }
}
"""


def render(told: Mapping[str, Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    """Return a whole page (HTML): the summary, then a row for each interpreter tried."""
    facts = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td class=number>{value}</td></tr>"
        for name, value in summary.items()
    )
    rows = "".join(row for name, release in told.items() for row in _rows(name, release))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>Corpus</title>"
        f"<style>{STYLE}</style><h1>Corpus</h1><div><table>{facts}</table></div>"
        "<h2>Releases</h2><div><table><thead><tr><th>Release<th>Python<th>Ways tried"
        "<th>Wheel, or why there is none<th>Seconds<th>pip wheel</tr></thead>"
        f"<tbody>{rows}</tbody></table></div></html>\n"
    )


def _rows(name: str, release: Mapping[str, Any]) -> Iterator[str]:
    if missing := release.get("missing"):
        yield f"<tr><td>{escape(name)}<td colspan=5>{escape(missing)}</tr>"
    pip = release["pip"]
    peer = f"{pip['wheel'] or 'no wheel'}, {pip['seconds']} s" if pip else ""
    for tag, target in release["targets"].items():
        ways = "<br>".join(_way(attempt) for attempt in target["attempts"])
        if wheel := target.get("wheel"):
            end = f"<code>{escape(wheel['filename'])}</code>"
        else:
            end = (
                f"<span class=no>{escape(target['diagnosis'])}</span>"
                f"<br><code>{escape(target['evidence'])}</code>"
            )
        yield (
            f"<tr><td>{escape(name)}<td>{tag}<td>{ways}<td>{end}"
            f"<td class=number>{seconds_of(target):.1f}<td>{escape(peer)}</tr>"
        )
        peer = ""


def _way(attempt: Mapping[str, Any]) -> str:
    remedies = ", ".join(str(remedy_from_json(dict(remedy))) for remedy in attempt["remedies"])
    return escape(
        f"{attempt['rung']}: {attempt['outcome']}" + (f" ({remedies})" if remedies else "")
    )
