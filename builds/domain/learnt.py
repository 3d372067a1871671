"""Rules of diagnosis that people add while the farm runs, as data.

A pattern is the text of a log's line, letter by letter, in which `{name}` stands for what
another project has there (a header, a module) and `{any}` for anything. Quotes match every kind
of quote, and blanks any number of them. A pattern so made cannot take long to match.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from packaging.requirements import InvalidRequirement, Requirement

from builds.domain.outcomes import Turn
from builds.domain.remedies import (
    AddBuildRequirement,
    AsOfReleaseDate,
    CapBuildRequirement,
    CompilerFlags,
    NotSupportedBySources,
    Remedy,
    SystemPackage,
)
from builds.domain.rules import BUILDING, FALLBACKS, RULES, SMOKE, Proposal, Rule
from builds.errors import BuildsError

NAME = "{name}"
ANY = "{any}"
MAX_PATTERN = 300
MAX_WILDCARDS = 3
MIN_LETTERS = 8
"""Of a pattern that no wildcard stands for: less would match every log."""
MAX_ARGUMENT = 200
CONFIDENCE = 0.5

BUILD = "build"
STAGES = (BUILD, SMOKE)
"""When the line is written: while a wheel is made, or while it is tried."""

_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_FLAGS = re.compile(r"-[A-Za-z][!-~]*( -[A-Za-z][!-~]*)*")
_OWNED = re.compile(r"(?!.*\.\.)[A-Za-z0-9_{][A-Za-z0-9.+_/{}-]*")
_PARTS = re.compile(r"(\{name\}|\{any\}|\s+|['\u2018\u2019`\"])")


class RuleInvalid(BuildsError):
    """A rule that cannot be used. `field` is the part of it that is wrong."""

    code = "rule-invalid"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"This is no rule: {field} {problem}")


class RemedyKind(StrEnum):
    """What a rule can propose."""

    REQUIREMENT = "requirement"
    CAP = "cap"
    FLAGS = "flags"
    SYSTEM = "system"
    AS_OF = "as-of"
    NOT_SUPPORTED = "not-supported"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    RemedyKind.REQUIREMENT: "Add a build requirement",
    RemedyKind.CAP: "Cap a build requirement",
    RemedyKind.FLAGS: "Add compiler flags",
    RemedyKind.SYSTEM: "Install the system package that owns a file",
    RemedyKind.AS_OF: "Resolve as of the release's date",
    RemedyKind.NOT_SUPPORTED: "None: the sources cannot work on this Python",
}


def learnt_rule(
    *, code: str, pattern: str, stage: str, turn: str, explanation: str, remedy: str, argument: str
) -> Rule:
    """The rule that these facts make; `remedy` may be empty. Raises `RuleInvalid`."""
    if not _CODE.fullmatch(code):
        raise RuleInvalid("code", "is made of small letters, digits and hyphens.")
    if any(rule.code == code for rule in (*RULES, *FALLBACKS)):
        raise RuleInvalid("code", f"{code} is one of the built-in rules': choose another.")
    if stage not in STAGES:
        raise RuleInvalid("stage", f"is one of {', '.join(STAGES)}.")
    if turn not in list(Turn):
        raise RuleInvalid("turn", f"is one of {', '.join(Turn)}.")
    if not explanation.strip():
        raise RuleInvalid("explanation", "is missing: say what happened, and what to do.")
    return Rule(
        code=code,
        turn=Turn(turn),
        pattern=compile_pattern(pattern),
        explanation=explanation.strip(),
        proposals=(Proposal((_remedy(remedy, argument.strip()),), CONFIDENCE),) if remedy else (),
        stages=BUILDING if stage == BUILD else frozenset({SMOKE}),
    )


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Return the regular expression of a pattern. Raises `RuleInvalid`.

    >>> compile_pattern("needs lib {name} (old)").search("It needs  lib foo (old) 2")["name"]
    'foo'
    """
    if len(pattern) > MAX_PATTERN or "\0" in pattern:
        raise RuleInvalid("pattern", f"has more than {MAX_PATTERN} characters.")
    parts = [part for part in _PARTS.split(pattern.strip()) if part]
    if sum(part in {NAME, ANY} for part in parts) > MAX_WILDCARDS or parts.count(NAME) > 1:
        raise RuleInvalid("pattern", f"has {NAME} once at most, and {MAX_WILDCARDS} wildcards.")
    if parts and ANY in {parts[0], parts[-1]}:
        raise RuleInvalid("pattern", f"neither begins nor ends with {ANY}: a line is searched.")
    if sum(len(part) for part in parts if part not in {NAME, ANY}) < MIN_LETTERS:
        raise RuleInvalid("pattern", f"needs {MIN_LETTERS} letters besides its wildcards.")
    first, *others = "\0".join(map(_expression, parts)).split(f"\0{ANY}\0")
    # Atomic: what follows {any} is where it first comes, and is looked for once.
    pieces = [first, *(f"(?>.{{0,200}}?{other})" for other in others)]
    return re.compile("".join(pieces).replace("\0", ""))


def _expression(part: str) -> str:
    if part == ANY:
        return ANY
    if part == NAME:
        return r"(?P<name>[\w.+/-]{1,60})"
    if part.isspace():
        return r"\s++"
    if _PARTS.fullmatch(part):
        return "['\u2018\u2019`\"]"
    return re.escape(part)


def _remedy(kind: str, argument: str) -> Remedy:
    if kind not in list(RemedyKind):
        raise RuleInvalid("remedy", f"is one of {', '.join(RemedyKind)}.")
    if len(argument) > MAX_ARGUMENT:
        raise RuleInvalid("argument", f"has more than {MAX_ARGUMENT} characters.")
    return _MAKERS[RemedyKind(kind)](argument)


def _requirement(argument: str) -> str:
    try:
        requirement = Requirement(argument)
    except InvalidRequirement as error:
        # Nor {name}: what a log names must not get into a build because of that.
        raise RuleInvalid("argument", "must be a requirement (PEP 508), such as six<2.") from error
    if requirement.url is not None:
        raise RuleInvalid("argument", "must be a requirement from the index, without an address.")
    return argument


def _flags(argument: str) -> CompilerFlags:
    if not _FLAGS.fullmatch(argument):
        raise RuleInvalid("argument", "must be compiler flags, separated by blanks.")
    return CompilerFlags(argument)


def _owned(argument: str) -> SystemPackage:
    if not _OWNED.fullmatch(argument):
        raise RuleInvalid("argument", f"must be the name of a file, such as foo.h or {NAME}.")
    return SystemPackage(argument)


_MAKERS: Mapping[RemedyKind, Callable[[str], Remedy]] = {
    RemedyKind.REQUIREMENT: lambda argument: AddBuildRequirement(_requirement(argument)),
    RemedyKind.CAP: lambda argument: CapBuildRequirement(_requirement(argument)),
    RemedyKind.FLAGS: _flags,
    RemedyKind.SYSTEM: _owned,
    RemedyKind.AS_OF: lambda _: AsOfReleaseDate(),
    RemedyKind.NOT_SUPPORTED: lambda _: NotSupportedBySources(),
}
