"""How pages show times, hashes and text that came from strangers."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.web.target_names import target_in_words as words
from portal.web.text import duration_in_words, without_controls

register = template.Library()


@register.filter
def when(moment: datetime | str | None) -> SafeString | str:
    """A `<time>` in UTC, which the page's script makes local."""
    if not moment:
        return "never"
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{} UTC</time>',
        at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        at.strftime("%-d %B %Y, %H:%M"),
    )


@register.filter
def clean(text: object) -> str:
    return without_controls(str(text or ""))


@register.filter
def duration(seconds: float | None) -> str:
    return "" if seconds is None else duration_in_words(seconds)


@register.filter
def target_in_words(name: str) -> str:
    return words(name)


@register.inclusion_tag("web/_hash.html")
def hash_of(value: str, what: str = "SHA-256") -> dict[str, Any]:
    """A hash, shortened, with a button that copies all of it."""
    return {"value": value, "what": what}


@register.inclusion_tag("web/_copyable.html")
def copyable(text: str, what: str = "command") -> dict[str, Any]:
    """A block of code with a button that copies it."""
    return {"text": text, "what": what}
