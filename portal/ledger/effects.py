"""What each act does to rows, by its verb. Pure.

A row is made, moved or taken away by an entry that names it; `portal.audit.rows` reads the same
of the tables. What only an entry's people may know, such as who reported something, is in neither.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

type Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A row that entries are about: a consent by its id, a file by its name."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Act:
    """An entry, as far as it has effects."""

    number: int
    """Its place among all."""
    actor: str
    verb: str
    project: str
    facts: Facts
    at: datetime


type Effects = Iterable[tuple[Subject, dict[str, Any] | None]]
"""Rows, and what is true of them then; None of one that is gone."""
type Effect = Callable[[Act], Effects]

BY_MAIL = "by e-mail"
"""In the place of a username: somebody who was invited to an address."""
LIVE = "live"
"""Of a build that waits or runs: which of the two is the queue's own business."""


def moment(text: str | None) -> str | None:
    """A time in UTC, however it was written.

    >>> moment("2026-03-01T13:00:00+01:00")
    '2026-03-01T12:00:00+00:00'
    """
    return datetime.fromisoformat(text).astimezone(UTC).isoformat() if text else None


def effects_of(act: Act) -> Effects:
    """What it does to rows; nothing for a verb that makes none.

    Raises `KeyError`, `TypeError` or `ValueError` for an entry that does not say what it must.
    """
    effect = _PROOF if act.verb.startswith("proof-") else EFFECTS.get(act.verb)
    return effect(act) if effect else ()


def _moved(
    kind: str,
    *key: str,
    name: str = "{}",
    facts: Iterable[str] = (),
    times: Iterable[str] = (),
    by: str = "",
    at: str = "",
    then: Facts | None = None,
) -> Effect:
    """Of the row that the facts `key` name: what its columns are after the act.

    `facts` and `times` are told by the entry, `by` is the column for who acted, `at` the one for
    when, and `then` what follows from the verb alone.
    """

    def effect(act: Act) -> Effects:
        change = {each: act.facts.get(each) for each in facts}
        change |= {each: moment(act.facts.get(each)) for each in times}
        change |= {by: act.actor} if by else {}
        change |= {at: moment(act.at.isoformat())} if at else {}
        yield _subject(act, kind, key, name), change | dict(then or {})

    return effect


def _made(kind: str, *key: str, then: Facts | None = None, **more: Any) -> Effect:
    """A row that was not there before, of the project of the act."""

    def effect(act: Act) -> Effects:
        yield from _moved(kind, *key, then={"project": act.project} | dict(then or {}), **more)(act)

    return effect


def _gone(kind: str, *key: str, name: str = "{}") -> Effect:
    def effect(act: Act) -> Effects:
        yield _subject(act, kind, key, name), None

    return effect


def _each(fact: str, kind: str, then: Facts) -> Effect:
    """The same of every row that a fact lists."""

    def effect(act: Act) -> Effects:
        for key in act.facts[fact]:
            yield Subject(kind, str(key)), dict(then)

    return effect


def _all(*effects: Effect) -> Effect:
    def effect(act: Act) -> Effects:
        for each in effects:
            yield from each(act)

    return effect


def _subject(act: Act, kind: str, key: Iterable[str], name: str) -> Subject:
    return Subject(kind, name.format(*(str(act.facts[each]) for each in key)))


def _about_project(then: Facts) -> Effect:
    def effect(act: Act) -> Effects:
        yield Subject("project", act.project), {"project": act.project, **then}

    return effect


def _status_changed(act: Act) -> Effects:
    yield from _about_project({"status": act.facts["after"]})(act)


def _proof(act: Act) -> Effects:
    """A verb of a proof ends in the state that it left it in."""
    state = act.verb.removeprefix("proof-")
    facts = ("user", "method", "is_for_development")
    yield from _made("proof", "proof", facts=facts, then={"state": state})(act)


def _said_of_file(act: Act) -> Effects:
    then = {"standing": act.facts["after"], "reason": act.facts["reason"]}
    yield Subject("file", act.facts["filename"]), then


def _files_decided(act: Act) -> Effects:
    decision = act.facts["decision"]
    then = {
        "decision": decision,
        "decision_reason": act.facts["reason"] if decision else "",
        "is_to_be_remade": act.facts["is_to_be_remade"],
    }
    yield from _each("filenames", "file", then)(act)


def _files_withheld(act: Act) -> Effects:
    yield from _each("filenames", "file", {"withheld": act.facts["reason"]})(act)


def _recipe_changed(act: Act) -> Effects:
    text = str(act.facts["text"]).replace("\r\n", "\n")
    yield (
        Subject("recipe", f"{act.project} version {act.facts['version']}"),
        {"project": act.project, "by": act.actor, "reason": act.facts["reason"], "text": text},
    )


def _threshold_set(act: Act) -> Effects:
    yield (
        Subject("threshold", f"of {act.actor} for {act.project}"),
        {"project": act.project, "owners": act.facts["owners"]},
    )


def _consent_approved(act: Act) -> Effects:
    subject = Subject("approval", f"of {act.actor} of consent {act.facts['consent']}")
    yield subject, {"project": act.project}


def _letter_sent(act: Act) -> Effects:
    sent_at = moment(act.at.isoformat())
    yield Subject("letter", f"to {act.project}"), {"project": act.project, "sent_at": sent_at}


def _letter_failed(act: Act) -> Effects:
    yield Subject("letter", f"to {act.project}"), None


def _consents_held(act: Act) -> Effects:
    """The first is on the whole project where `is_whole`; the others are on one consent each."""
    whole = [None] if act.facts["is_whole"] else []
    held = [*whole, *act.facts["consents"]]
    for number, consent in zip(act.facts["holds"], held, strict=True):
        yield (
            Subject("hold", str(number)),
            {
                "project": act.project,
                "decision": act.facts["decision"],
                "consent": consent,
                "is_lifted": False,
            },
        )


def _case_assigned(act: Act) -> Effects:
    yield Subject("case", act.facts["case"]), {"assignee": act.facts["to"]}


def _appeals_answered(act: Act) -> Effects:
    then = {"is_granted": act.facts["is_granted"], "answered_by": act.actor}
    yield from _each("appeals", "appeal", then)(act)


def _evidence_added(act: Act) -> Effects:
    """What it holds is read, and not only its column."""
    sha256 = act.facts["sha256"]
    then = {"sha256": sha256, "sha256 of its content": sha256}
    yield from _made("evidence", "evidence", facts=("case",), by="by", then=then)(act)


def _organisation_created(act: Act) -> Effects:
    founder = Subject("member", f"{act.actor} of {act.facts['organisation']}")
    yield founder, {"project": "", "user": act.actor, "role": "owner"}


_PROOF = _proof
_TERMS = (
    *("capacity", "proof", "agreements", "specifiers", "covers_new_releases", "targets"),
    *("channels", "asked_by", "licence_expression", "licence_chosen", "licence_class", "replaces"),
)
_HELD: dict[str, Any] = {
    "at": "suspended_at",
    "then": {"is_lifted": False, "is_overruled": False},
}
_HELD_FACTS = ("consent", "ground", "reason")
_CONSENT_HELD = _made("suspension", "suspension", facts=_HELD_FACTS, by="by", **_HELD)
_CONSENT_RELEASED = _moved("suspension", "suspension", then={"is_lifted": True})
_DECISION_ENDED = _moved("decision", "decision", by="ended_by")
_OF_ORGANISATION: dict[str, Any] = {"name": "{} of {}"}
_INDEX: dict[str, Any] = {"name": "{}/{}"}
_INDEX_FACTS = (
    *("is_private", "projects", "licences", "reproducible_only", "min_age_days"),
    "without_superseded",
)
_QUOTAS = ("builds_at_once", "cpu_hours", "storage_bytes")
_MEMBER = ("member", "member", "organisation")
_CASE_FACTS = ("kind", "file", "consent", "is_about_account", "state", "assignee")
_CASE_MOVED = _moved("case", "case", facts=("state",))

EFFECTS: Mapping[str, Effect] = {
    "account-banned": _made("ban", "ban", facts=("user", "decision"), then={"is_shut_out": True}),
    "account-unbanned": _moved("ban", "ban", then={"is_shut_out": False}),
    "appeal-answered": _all(_appeals_answered, _CASE_MOVED),
    "appeal-made": _all(
        _made(
            "appeal", "appeal", facts=("decision",), then={"is_granted": None, "answered_by": None}
        ),
        _moved("case", "case", facts=("state",), then={"assignee": None}),
    ),
    "build-ended": _moved("build", "build", facts=("state",)),
    "build-queued": _made(
        "build", "build", facts=("version", "target", "sdist_sha256"), then={"state": LIVE}
    ),
    "build-started": _made(
        "attempt", "attempt", "build", name="{} of build {}", facts=("builder",)
    ),
    "case-assigned": _case_assigned,
    "case-closed": _CASE_MOVED,
    "case-decided": _all(
        _made(
            "decision",
            "decision",
            facts=("case", "action", "reason"),
            times=("appeal_until",),
            by="decided_by",
            then={"approved_by": None, "carried_out_by": None, "ended_by": None},
        ),
        _CASE_MOVED,
    ),
    "case-reported": _all(
        _made("report", "report", facts=("case",), then={"is_revealed": False}),
        _made("case", "case", facts=_CASE_FACTS),
    ),
    "consent-approved": _consent_approved,
    "consent-expired": _made(
        "expiry",
        "consent",
        name="of consent {}",
        facts=("builds_cancelled", "files_withheld"),
        at="seen_at",
    ),
    "consent-expiring": _made("reminder", "consent", name="of the end of consent {}"),
    "consent-given": _all(
        _made(
            "consent",
            "consent",
            facts=_TERMS,
            times=("expires_at",),
            by="user",
            at="given_at",
            then={"revoked_by": None, "afterwards": None},
        ),
        _about_project({"is_enrolled": True}),
    ),
    "consent-held": _CONSENT_HELD,
    "consent-in-force": _CONSENT_RELEASED,
    "consent-objected": _CONSENT_HELD,
    "consent-paused": _CONSENT_HELD,
    "consent-released": _CONSENT_RELEASED,
    "consent-restored": _CONSENT_RELEASED,
    "consent-resumed": _CONSENT_RELEASED,
    "consent-revoked": _moved("consent", "consent", facts=("afterwards",), by="revoked_by"),
    "consent-suspended": _CONSENT_HELD,
    "consent-waiting": _CONSENT_HELD,
    "consents-held": _consents_held,
    "consents-released": _each("holds", "hold", {"is_lifted": True}),
    "decision-approved": _all(_moved("decision", "decision", by="approved_by"), _CASE_MOVED),
    "decision-carried-out": _all(
        _moved("decision", "decision", times=("appeal_until",), by="carried_out_by"), _CASE_MOVED
    ),
    "decision-dropped": _all(_DECISION_ENDED, _CASE_MOVED),
    "decision-undone": _all(_DECISION_ENDED, _CASE_MOVED),
    "delegation-ended": _moved("delegation", "delegation", then={"is_ended": True}),
    "delegation-given": _all(
        _each("instead_of", "delegation", {"is_ended": True}),
        _made(
            "delegation",
            "delegation",
            facts=("person", "tasks"),
            by="by",
            then={"is_ended": False},
        ),
    ),
    "evidence-added": _evidence_added,
    "file-compared": _moved("file", "filename", facts=("is_reproducible",)),
    "file-published": _made(
        "file",
        "filename",
        facts=("sha256", "build"),
        then={
            "standing": "listed",
            "reason": "",
            "decision": "",
            "decision_reason": "",
            "withheld": "",
            "is_to_be_remade": False,
            "is_reproducible": None,
        },
    ),
    "files-decided": _files_decided,
    "files-withheld": _files_withheld,
    "index-changed": _moved("index", "organisation", "index", facts=_INDEX_FACTS, **_INDEX),
    "index-created": _made("index", "organisation", "index", facts=_INDEX_FACTS, **_INDEX),
    "index-deleted": _gone("index", "organisation", "index", **_INDEX),
    "invitation-declined": _moved("invitation", "invitation", then={"end": "declined"}),
    "invitation-revoked": _moved("invitation", "invitation", then={"end": "revoked"}),
    "letter-failed": _letter_failed,
    "letter-sent": _letter_sent,
    "member-added": _all(
        _moved("invitation", "invitation", then={"end": "accepted"}),
        _made(*_MEMBER, facts=("role",), by="user", **_OF_ORGANISATION),
    ),
    "member-invited": _all(
        _each("instead_of", "invitation", {"end": "revoked"}),
        _made(
            "invitation",
            "invitation",
            facts=("organisation", "member", "role"),
            by="invited_by",
            then={"end": ""},
        ),
    ),
    "member-removed": _gone(*_MEMBER, **_OF_ORGANISATION),
    "member-role-changed": _moved(*_MEMBER, facts=("role",), **_OF_ORGANISATION),
    "objection-ended": _CONSENT_RELEASED,
    "objection-overruled": _moved(
        "suspension", "suspension", then={"is_lifted": True, "is_overruled": True}
    ),
    "objection-restored": _all(
        _moved("suspension", "instead_of", then={"is_overruled": False}),
        _made("suspension", "suspension", facts=(*_HELD_FACTS, "by"), **_HELD),
    ),
    "organisation-created": _all(
        _made(
            "organisation",
            "organisation",
            facts=("name",),
            then=dict.fromkeys(_QUOTAS),
        ),
        _organisation_created,
    ),
    "pause-link-failed": _gone("link", "link"),
    "pause-link-sent": _made("link", "link", then={"is_used": False}),
    "pause-requested": _moved("link", "link", then={"is_used": True}),
    "permit-issued": _made(
        "permit",
        "permit",
        facts=("origin", "specifiers", "targets", "channels"),
        times=("expires_at",),
        then={"is_revoked": False},
    ),
    "permit-revoked": _moved("permit", "permit", then={"is_revoked": True}),
    "project-status-changed": _status_changed,
    "project-unverified": _about_project({"is_unverified": True}),
    "project-verified": _about_project({"is_unverified": False}),
    "quotas-set": _moved("organisation", "organisation", facts=_QUOTAS),
    "reader-token-issued": _made(
        "reader token",
        "token",
        facts=("organisation", "name"),
        times=("expires_at",),
        then={"is_revoked": False},
    ),
    "reader-token-revoked": _moved("reader token", "token", then={"is_revoked": True}),
    "recipe-changed": _recipe_changed,
    "refusal-ended": _moved("refusal", "refusal", then={"is_ended": True}),
    "refused": _made("refusal", "refusal", facts=("reason",), by="user", then={"is_ended": False}),
    "replayed": _made("replay", "replay", facts=("cause", "subject", "builds"), by="by"),
    "reporters-revealed": _each("reports", "report", {"is_revealed": True}),
    "request-made": _made("request", "request", facts=("specifiers", "targets"), by="user"),
    "rule-added": _made(
        "rule",
        "rule",
        facts=("pattern", "stage", "turn", "remedy", "argument"),
        by="by",
        then={"is_retired": False},
    ),
    "rule-retired": _moved("rule", "rule", then={"is_retired": True}),
    "source-kept": _made("source", "filename", "sha256", name="{} ({})"),
    "standing-changed": _said_of_file,
    "threshold-set": _threshold_set,
    "token-issued": _made(
        "token",
        "token",
        facts=("scopes",),
        times=("expires_at",),
        by="user",
        then={"is_revoked": False},
    ),
    "token-revoked": _moved("token", "token", then={"is_revoked": True}),
    "wheels-unlisted": _made(
        "unlisting",
        "consent",
        name="after the end of consent {}",
        facts=("reason", "files_withdrawn"),
        by="by",
        at="unlisted_at",
    ),
}
"""By verb. Proofs have one for all theirs; an act of any other verb leaves no row to compare."""
