"""How pages show times, hashes and text that came from strangers."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django import template
from django.http import Http404
from django.utils.html import format_html
from django.utils.safestring import SafeString

from builds.domain.coverage import CellStatus
from builds.domain.ladder import Step
from builds.domain.outcomes import Outcome
from indexes.domain.status import ProjectStatus
from portal import target_names
from portal.accounts.services import SignInMethod, sign_in_methods
from portal.consent.agreements import with_hash
from portal.ledger.verbs import words_of
from portal.ownership.methods import method_named
from portal.web.text import duration_in_words, without_controls

register = template.Library()

_MEANINGS = {
    CellStatus.UPSTREAM: "PyPI has a wheel",
    CellStatus.OURS: "we have built one",
    CellStatus.IN_PROGRESS: "is being built",
    CellStatus.MISSING: "can be asked for",
    CellStatus.CANNOT: "the build failed",
    CellStatus.REFUSED: "cannot be built from what there is",
    CellStatus.YANKED: "taken back upstream",
}
_STATUS_MEANINGS = {
    ProjectStatus.QUARANTINED: "While it is, no file of it is offered here. It is upstream's turn.",
    ProjectStatus.ARCHIVED: "Its owners expect no new release; those that exist can be built.",
    ProjectStatus.DEPRECATED: "Its owners call it obsolete; its releases can still be built.",
    ProjectStatus.DELETED: "Nothing of it is built any more.",
}


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
def step_in_words(step: Mapping[str, Any]) -> str:
    """How an attempt resolved and built, from what is stored of it."""
    return Step.from_json(step).in_words()


@register.filter
def duration(seconds: float | None) -> str:
    return "" if seconds is None else duration_in_words(seconds)


@register.filter
def target_in_words(name: str) -> str:
    return target_names.target_in_words(name)


@register.filter
def targets_in_words(names: Iterable[str]) -> str:
    return target_names.targets_in_words(names)


@register.filter
def interpreter_in_words(name: str) -> str:
    target = target_names.read_target_name(name)
    return f"CPython {target.python}" if target.platform else target.name


@register.filter
def platform_in_words(name: str) -> str:
    return target_names.read_target_name(name).platform


@register.filter
def outcome_in_words(code: str) -> str:
    """How an attempt or a build ended."""
    return Outcome(code).label.lower() if code in set(Outcome) else code


@register.filter
def method_in_words(name: str) -> str:
    """A method of proving that a project is one's own, as its page calls it."""
    return method_named(name).label


@register.filter
def verb_in_words(verb: str) -> str:
    """What an entry of the ledger says."""
    return words_of(verb)


@register.filter
def agreement_title(accepted: Mapping[str, Any]) -> str:
    """Of a text that a consent names by its hash."""
    agreement = with_hash(accepted["sha256"])
    return agreement.title if agreement else accepted["name"]


@register.filter
def status_words(status: CellStatus) -> str:
    """The word that stands in a cell of the coverage matrix."""
    return status.value.replace("-", " ")


@register.filter
def status_meaning(status: CellStatus) -> str:
    return _MEANINGS[status]


@register.filter
def project_status_meaning(status: str) -> str:
    """What follows here from a status upstream (PEP 792) that is not `active`."""
    return _STATUS_MEANINGS.get(ProjectStatus(status), "")


@register.filter
def name_elsewhere(account: SocialAccount) -> str:
    """What the provider calls somebody; their number there once it is not set up any more."""
    try:
        return str(account.get_provider_account())
    except Http404:
        return str(account.uid)


@register.simple_tag
def ways_to_sign_in() -> list[SignInMethod]:
    """Those on offer first; those that are switched off each with its reason."""
    return sorted(sign_in_methods(), key=lambda method: not method.available)


@register.inclusion_tag("web/_hash.html")
def hash_of(value: str, what: str = "SHA-256") -> dict[str, Any]:
    """A hash, shortened, with a button that copies all of it."""
    return {"value": value, "what": what}


@register.inclusion_tag("web/_copyable.html")
def copyable(text: str, what: str = "command") -> dict[str, Any]:
    """A block of code with a button that copies it."""
    return {"text": text, "what": what}
