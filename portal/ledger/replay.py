"""What the entries, read from the first, say that the tables hold. Pure.

Every kind of row that acts make or move has its effects (`effects`): a row that differs from what
they come to was changed behind the ledger's back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portal.ledger.effects import BY_MAIL, Act, Facts, Subject, effects_of

type States = dict[Subject, dict[str, Any]]
"""Of each row what can be told of it, its `project` among it."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A row that the entries do not explain."""

    project: str
    subject: Subject
    problem: str

    def __str__(self) -> str:
        return f"{self.subject} {self.problem}"


_AT_FIRST: Mapping[str, Facts] = {
    "project": {"status": "active", "is_enrolled": False, "is_unverified": False}
}
"""What holds of a row that no entry was needed for."""
_ENTRY = "entry"
"""Kind of what stands for an act that cannot be understood."""
_GO_WITH_PERSON = {"token": "user", "member": "user", "invitation": "member"}
"""Rows that are gone with an account, and what says whose they are."""
_FORGET_PERSON = frozenset({("case", "assignee"), ("invitation", "invited_by")})
"""Columns that are empty once the account is gone that they named."""


def replay(acts: Iterable[Act]) -> States:
    """What all acts, in the order in which they were done, come to."""
    states: States = {}
    for act in acts:
        try:
            changes = list(effects_of(act))
        except (KeyError, TypeError, ValueError):
            changes = [(Subject(_ENTRY, str(act.number)), {"project": act.project})]
        for subject, change in changes:
            if change is None:
                states.pop(subject, None)
            else:
                states.setdefault(subject, {}).update(change)
    return states


def mismatches(recorded: States, actual: States, *, people: Collection[str]) -> Iterator[Mismatch]:
    """Where rows are not what entries say, in the order of their projects.

    `people` are the usernames that there are: some rows go when their person does.
    """
    found = [
        Mismatch(project, subject, problem)
        for subject in recorded.keys() | actual.keys()
        for project in [_project(recorded, actual, subject)]
        for problem in _problems(subject, recorded.get(subject), actual.get(subject), people)
    ]
    yield from sorted(found, key=lambda one: (one.project, one.subject, one.problem))


def _project(recorded: States, actual: States, subject: Subject) -> str:
    return str((actual.get(subject) or recorded.get(subject) or {}).get("project", ""))


def _problems(
    subject: Subject, recorded: Facts | None, actual: Facts | None, people: Collection[str]
) -> Iterator[str]:
    at_first = _AT_FIRST.get(subject.kind)
    if subject.kind == _ENTRY:
        yield "does not say what its verb needs"
    elif actual is None:
        if not _may_be_gone(subject, recorded or {}, people):
            yield "is in the ledger, and gone from the tables"
    elif recorded is None and at_first is None:
        yield "is in the tables, and no entry made it"
    else:
        yield from _differences(subject, {**(at_first or {}), **(recorded or {})}, actual, people)


def _may_be_gone(subject: Subject, recorded: Facts, people: Collection[str]) -> bool:
    whose = _GO_WITH_PERSON.get(subject.kind)
    return whose is not None and recorded.get(whose) not in {*people, BY_MAIL}


def _differences(
    subject: Subject, recorded: Facts, actual: Facts, people: Collection[str]
) -> Iterator[str]:
    for name, value in actual.items():
        said = recorded.get(name)
        is_forgotten = (subject.kind, name) in _FORGET_PERSON and said not in people
        if name == "project":
            if recorded.get(name, value) != value:
                yield f"is of another project than {said}"
        elif said != value and not (value is None and is_forgotten):
            yield f"has {name} {value!r}, and the ledger says {said!r}"
