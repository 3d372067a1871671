"""The named cause of a failed attempt: what happened, whose turn it is, what may help."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from builds.domain.evidence import LONGEST, evidence_line
from builds.domain.outcomes import FARM_FAULTS, LIMITS, Outcome, Turn
from builds.domain.remedies import Remedy, remedy_to_json
from builds.domain.rules import (
    BUILDING,
    DISTRIBUTIONS,
    FALLBACKS,
    MISSING_MODULE,
    RULES,
    SMOKE,
    Proposal,
    Rule,
)

UNKNOWN = "unknown"
MOST_NAMES = 6
"""Of several that one line gives."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why an attempt failed. `code` is stable; `turn` says who can do something about it."""

    code: str
    turn: Turn
    evidence: str
    explanation: str
    proposals: tuple[Proposal, ...] = ()
    """The likeliest first."""
    fingerprint: str = ""
    """Equal for equal failures of different projects; see `fingerprint`."""

    @property
    def is_known(self) -> bool:
        return self.code != UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """What people and programs are told, beside the evidence."""
        return {
            "code": self.code,
            "turn": self.turn.value,
            "explanation": self.explanation,
            "fingerprint": self.fingerprint,
            "remedies": [
                {"confidence": proposal.confidence, **remedy_to_json(remedy)}
                for proposal in self.proposals
                for remedy in proposal.remedies
            ],
        }


_HINTS = re.compile(r"warning|Warning|\bDEBUG\b|trying|skipping", re.IGNORECASE)


def diagnose(log: str, *, stage: str, outcome: Outcome, rules: Sequence[Rule] = RULES) -> Diagnosis:
    """Say why an attempt failed from its log, or from the one line of it that tells most.

    `rules` are looked at in their order.
    """
    best = evidence_line(log)
    if outcome in FARM_FAULTS:
        return Diagnosis(outcome.value, Turn.FARM, best, "")
    if outcome is Outcome.OUT_OF_MEMORY:
        rule = next(rule for rule in RULES if rule.code == "out-of-memory")
        return _told(rule, best, {})
    if stage in BUILDING or stage == SMOKE:
        found = _by_rule(best, stage, rules)
        if found is None and outcome not in LIMITS:
            lines = [line.strip()[:LONGEST] for line in log.splitlines()]
            hits = (_by_rule(line, stage, rules) for line in lines if not _HINTS.search(line))
            found = next((hit for hit in hits if hit is not None), None)
        if found is not None:
            return found
    print_of_it = fingerprint(best, stage, outcome)
    if outcome not in _BY_LOG:
        return Diagnosis(outcome.value, outcome.turn, best, "", fingerprint=print_of_it)
    known = _by_rule(best, stage, FALLBACKS) or Diagnosis(UNKNOWN, outcome.turn, best, "")
    return replace(known, fingerprint=print_of_it)


def telling_line(log: str, *, stage: str) -> str:
    """Return the line that a rule knows, or else the one that tells most."""
    return diagnose(log, stage=stage, outcome=Outcome.BUILD_FAILED).evidence


_BY_LOG = frozenset(
    {
        Outcome.REQUIREMENTS_UNRESOLVABLE,
        Outcome.BUILD_FAILED,
        Outcome.NO_WHEEL,
        Outcome.REPAIR_FAILED,
        Outcome.INSTALL_FAILED,
        Outcome.IMPORT_FAILED,
    }
)
"""Ends that say nothing of their cause; the other ones name it."""


def _by_rule(line: str, stage: str, rules: Iterable[Rule]) -> Diagnosis | None:
    for rule in rules:
        if stage in rule.stages and (match := rule.pattern.search(line)):
            return _told(rule, line, match.groupdict())
    match = MISSING_MODULE.search(line)
    if match is None or stage not in BUILDING:
        return None
    name = match["name"]
    return Diagnosis(
        "missing-build-requirement",
        Turn.PROJECT,
        line,
        f"The build imports {name}, which the sources do not declare. The project can name it in "
        "build-system.requires of its pyproject.toml.",
        DISTRIBUTIONS.get(name, ()),
    )


def _told(rule: Rule, line: str, groups: Mapping[str, str | None]) -> Diagnosis:
    # A rule has a group for each way of saying its name; one of them has it.
    name = next((value for value in groups.values() if value), "")
    names = (groups.get("names") or name).split(", ")[:MOST_NAMES]
    return Diagnosis(
        rule.code,
        rule.turn,
        line,
        rule.explanation.replace("{name}", name),
        tuple(_named(proposal, name) for proposal in rule.proposals for name in names),
    )


def _named(proposal: Proposal, name: str) -> Proposal:
    return replace(proposal, remedies=tuple(_with(remedy, name) for remedy in proposal.remedies))


def _with(remedy: Remedy, name: str) -> Remedy:
    values = {part.name: getattr(remedy, part.name) for part in fields(remedy)}
    return replace(remedy, **{key: text.replace("{name}", name) for key, text in values.items()})


_PARTICULARS = (
    (re.compile(r"https?://\S+"), "<url>"),
    (re.compile(r"(?<![\w.])(?:\.{0,2}/)?(?:[\w.+~@-]+/)+"), ""),
    (re.compile(r"0x[0-9a-fA-F]+"), "<n>"),
    (re.compile(r"\b[\w+-]*\d[\w+.-]*\.(tar\.gz|whl|zip|so)\b"), "<file>"),
    (re.compile(r"[\w+.-]+\.(c|cc|cpp|cxx|h|hpp|pyx|py|so|o)\b(?=:)"), "<file>"),
    (re.compile(r"\d+"), "<n>"),
    (re.compile('[\u2018\u2019`"]'), "'"),
    (re.compile(r"\s+"), " "),
)


def fingerprint(line: str, stage: str, outcome: Outcome) -> str:
    """Return what is left of a failure without what only one project or machine has.

    >>> fingerprint("src/a.c:3:10: error: 'x' undeclared", "build", Outcome.BUILD_FAILED)
    "build/build-failed: <file>:<n>:<n>: error: 'x' undeclared"
    """
    for pattern, word in _PARTICULARS:
        line = pattern.sub(word, line)
    return f"{stage}/{outcome.value}: {line.strip()}"[:300]
