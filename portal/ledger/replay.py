"""What the entries, read from the first, say that the tables hold. Pure.

Every kind of row that acts make or move has its effects here: a row that differs from what they
come to was changed behind the ledger's back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
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


type _Effects = Iterable[tuple[Subject, dict[str, Any]]]
type States = dict[Subject, dict[str, Any]]
"""Of each row what can be told of it, its `project` among it."""


@dataclass(frozen=True, slots=True)
class Act:
    """An entry, as far as it has effects."""

    number: int
    """Its place among all."""
    actor: str
    verb: str
    project: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A row that the entries do not explain."""

    project: str
    subject: Subject
    problem: str

    def __str__(self) -> str:
        return f"{self.subject} {self.problem}"


LIVE = "live"
"""Of a build that waits or runs: which of the two is the queue's own business."""
_AT_FIRST: Mapping[str, Facts] = {"project": {"status": "active"}}
"""What holds of a row that no entry was needed for."""
_ENTRY = "entry"
"""Kind of what stands for an act that cannot be understood."""
_MAY_GO = frozenset({"token"})
"""Rows that go with their person."""


def replay(acts: Iterable[Act]) -> States:
    """What all acts, in the order in which they were done, come to."""
    states: States = {}
    for act in acts:
        effect = _effect_of(act.verb)
        try:
            changes = list(effect(act)) if effect else []
        except (KeyError, TypeError, ValueError):
            changes = [(Subject(_ENTRY, str(act.number)), {"project": act.project})]
        for subject, change in changes:
            states.setdefault(subject, {}).update(change)
    return states


def mismatches(recorded: States, actual: States) -> Iterator[Mismatch]:
    """Where rows are not what entries say, in the order of their projects."""
    found = [
        Mismatch(project, subject, problem)
        for subject in recorded.keys() | actual.keys()
        for project in [_project(recorded, actual, subject)]
        for problem in _problems(subject, recorded.get(subject), actual.get(subject))
    ]
    yield from sorted(found, key=lambda one: (one.project, one.subject, one.problem))


def moment(text: str | None) -> str | None:
    """A time in UTC, however it was written.

    >>> moment("2026-03-01T13:00:00+01:00")
    '2026-03-01T12:00:00+00:00'
    """
    return datetime.fromisoformat(text).astimezone(UTC).isoformat() if text else None


def _project(recorded: States, actual: States, subject: Subject) -> str:
    return str((actual.get(subject) or recorded.get(subject) or {}).get("project", ""))


def _effect_of(verb: str) -> Callable[[Act], _Effects] | None:
    """A verb of a proof ends in the state that it left it in."""
    return _proof if verb.startswith("proof-") else EFFECTS.get(verb)


def _problems(subject: Subject, recorded: Facts | None, actual: Facts | None) -> Iterator[str]:
    recorded = recorded or _AT_FIRST.get(subject.kind)
    if subject.kind == _ENTRY:
        yield "does not say what its verb needs"
    elif actual is None:
        if subject.kind not in _MAY_GO:
            yield "is in the ledger, and gone from the tables"
    elif recorded is None:
        yield "is in the tables, and no entry made it"
    else:
        for name, value in actual.items():
            if name != "project" and recorded.get(name) != value:
                said = recorded.get(name)
                yield f"has {name} {value!r}, and the ledger says {said!r}"
            elif name == "project" and recorded.get(name, value) != value:
                yield f"is of another project than {recorded[name]}"


def _named(act: Act, *names: str) -> dict[str, Any]:
    return {name: act.facts.get(name) for name in names}


def _consent_given(act: Act) -> _Effects:
    terms = _named(
        act,
        "capacity",
        "proof",
        "agreements",
        "specifiers",
        "covers_new_releases",
        "targets",
        "channels",
        "licence_expression",
    )
    yield (
        Subject("consent", act.facts["consent"]),
        terms
        | {
            "project": act.project,
            "user": act.actor,
            "expires_at": moment(act.facts.get("expires_at")),
            "afterwards": None,
        },
    )


def _consent_revoked(act: Act) -> _Effects:
    yield Subject("consent", act.facts["consent"]), _named(act, "afterwards")


def _permit_issued(act: Act) -> _Effects:
    yield (
        Subject("permit", act.facts["permit"]),
        _named(act, "origin", "specifiers", "targets", "channels")
        | {
            "project": act.project,
            "expires_at": moment(act.facts.get("expires_at")),
            "is_revoked": False,
        },
    )


def _permit_revoked(act: Act) -> _Effects:
    yield Subject("permit", act.facts["permit"]), {"is_revoked": True}


def _proof(act: Act) -> _Effects:
    state = act.verb.removeprefix("proof-")
    yield (
        Subject("proof", act.facts["proof"]),
        _named(act, "user", "method", "is_for_development")
        | {"project": act.project, "state": state},
    )


def _build_queued(act: Act) -> _Effects:
    yield (
        Subject("build", act.facts["build"]),
        _named(act, "version", "target", "sdist_sha256") | {"project": act.project, "state": LIVE},
    )


def _build_ended(act: Act) -> _Effects:
    yield Subject("build", act.facts["build"]), _named(act, "state")


def _file_published(act: Act) -> _Effects:
    yield (
        Subject("file", act.facts["filename"]),
        _named(act, "sha256", "build")
        | {
            "project": act.project,
            "standing": "listed",
            "reason": "",
            "decision": "",
            "withheld": "",
        },
    )


def _standing_changed(act: Act) -> _Effects:
    yield (
        Subject("file", act.facts["filename"]),
        {"standing": act.facts["after"], "reason": act.facts["reason"]},
    )


def _files_decided(act: Act) -> _Effects:
    for filename in act.facts["filenames"]:
        yield Subject("file", filename), {"decision": act.facts["decision"]}


def _files_withheld(act: Act) -> _Effects:
    for filename in act.facts["filenames"]:
        yield Subject("file", filename), {"withheld": act.facts["reason"]}


def _status_changed(act: Act) -> _Effects:
    yield Subject("project", act.project), {"project": act.project, "status": act.facts["after"]}


def _recipe_changed(act: Act) -> _Effects:
    yield (
        Subject("recipe", f"{act.project} version {act.facts['version']}"),
        _named(act, "reason")
        | {
            "project": act.project,
            "by": act.actor,
            "text": str(act.facts["text"]).replace("\r\n", "\n"),
        },
    )


def _rule_added(act: Act) -> _Effects:
    yield (
        Subject("rule", act.facts["rule"]),
        _named(act, "pattern", "remedy", "argument")
        | {"project": "", "by": act.actor, "is_retired": False},
    )


def _rule_retired(act: Act) -> _Effects:
    yield Subject("rule", act.facts["rule"]), {"is_retired": True}


def _token_issued(act: Act) -> _Effects:
    yield (
        Subject("token", act.facts["token"]),
        _named(act, "scopes")
        | {
            "project": "",
            "user": act.actor,
            "expires_at": moment(act.facts.get("expires_at")),
            "is_revoked": False,
        },
    )


def _token_revoked(act: Act) -> _Effects:
    yield Subject("token", act.facts["token"]), {"is_revoked": True}


def _case_decided(act: Act) -> _Effects:
    yield (
        Subject("decision", act.facts["decision"]),
        _named(act, "action", "reason")
        | {
            "project": act.project,
            "decided_by": act.actor,
            "approved_by": None,
            "is_carried_out": False,
            "is_ended": False,
        },
    )


def _decision_approved(act: Act) -> _Effects:
    yield Subject("decision", act.facts["decision"]), {"approved_by": act.actor}


def _decision_carried_out(act: Act) -> _Effects:
    yield Subject("decision", act.facts["decision"]), {"is_carried_out": True}


def _decision_ended(act: Act) -> _Effects:
    yield Subject("decision", act.facts["decision"]), {"is_ended": True}


def _consents_held(act: Act) -> _Effects:
    for number in act.facts["holds"]:
        yield (
            Subject("hold", str(number)),
            _named(act, "decision") | {"project": act.project, "is_lifted": False},
        )


def _consents_released(act: Act) -> _Effects:
    for number in act.facts["holds"]:
        yield Subject("hold", str(number)), {"is_lifted": True}


def _account_banned(act: Act) -> _Effects:
    yield (
        Subject("ban", str(act.facts["ban"])),
        _named(act, "user") | {"project": "", "is_lifted": False},
    )


def _account_unbanned(act: Act) -> _Effects:
    yield Subject("ban", str(act.facts["ban"])), {"is_lifted": True}


EFFECTS: Mapping[str, Callable[[Act], _Effects]] = {
    "account-banned": _account_banned,
    "account-unbanned": _account_unbanned,
    "build-ended": _build_ended,
    "build-queued": _build_queued,
    "case-decided": _case_decided,
    "consent-given": _consent_given,
    "consent-revoked": _consent_revoked,
    "consents-held": _consents_held,
    "consents-released": _consents_released,
    "decision-approved": _decision_approved,
    "decision-carried-out": _decision_carried_out,
    "decision-dropped": _decision_ended,
    "decision-undone": _decision_ended,
    "file-published": _file_published,
    "files-decided": _files_decided,
    "files-withheld": _files_withheld,
    "permit-issued": _permit_issued,
    "permit-revoked": _permit_revoked,
    "project-status-changed": _status_changed,
    "recipe-changed": _recipe_changed,
    "rule-added": _rule_added,
    "rule-retired": _rule_retired,
    "standing-changed": _standing_changed,
    "token-issued": _token_issued,
    "token-revoked": _token_revoked,
}
"""By verb. Proofs have one for all theirs; an act of any other verb leaves no row to compare."""
