"""Making other people's text fit to show. Logs and metadata come from strangers."""

import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt

# CSI and OSC sequences first (ECMA-48), then whatever single control characters are left. Tab
# and newline stay; bidirectional overrides go, because they make a line read as another.
_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def without_controls(text: str) -> str:
    r"""`text` without terminal sequences, control characters and redrawn lines.

    >>> without_controls("\x1b[31mred\x1b[0m\x07 10%\r100%\n")
    '100%\n'
    """
    lines = _SEQUENCES.sub("", text).replace("\r\n", "\n").split("\n")
    # A progress bar draws its line again after a carriage return: the last drawing counts.
    drawn = (line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return _CONTROLS.sub("", "\n".join(drawn))


def lines_of(facts: Any, *path: str) -> Iterator[tuple[str, str]]:
    """What a JSON value holds, as lines of (what, which) for people.

    >>> list(lines_of({"expires_at": None, "agreements": [{"version": 3}], "is_whole": True}))
    [('expires at', 'none'), ('agreements, 1, version', '3'), ('is whole', 'yes')]
    """
    what = ", ".join(path)
    match facts:
        case None | "" | []:
            yield what, "none"
        case bool():
            yield what, "yes" if facts else "no"
        case dict():
            for name, value in facts.items():
                yield from lines_of(value, *path, str(name).replace("_", " "))
        case list() if any(isinstance(value, dict | list) for value in facts):
            for number, value in enumerate(facts, start=1):
                yield from lines_of(value, *path, str(number))
        case list():
            yield what, ", ".join(map(str, facts))
        case _:
            yield what, str(facts)


def rendered_markdown(text: str) -> str:
    """HTML of a Markdown text of ours; raw HTML in it is shown, not obeyed."""
    return str(_markdown.render(text))


def duration_in_words(seconds: float) -> str:
    """For people, with its unit; of two units the smaller is left out where it is nought.

    >>> duration_in_words(0.42), duration_in_words(2), duration_in_words(75)
    ('0.4 s', '2 s', '1 min 15 s')
    >>> duration_in_words(300), duration_in_words(3600), duration_in_words(4800)
    ('5 min', '1 h', '1 h 20 min')
    """
    if seconds < 10:  # noqa: PLR2004 (below it a decimal says something)
        return f"{max(seconds, 0):.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min")) if hours else ((minutes, "min"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
