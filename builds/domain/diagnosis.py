"""The named cause of a failed attempt: what happened, whose turn it is, what may help.

Rules are data: each looks for one line of a log and knows what it means. A rule's line says
enough by itself, so that the control side can judge the one line that a builder sends as its
evidence by the same rules that chose it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builds.domain.evidence import LONGEST, evidence_line
from builds.domain.outcomes import FARM_FAULTS, Outcome, Turn
from builds.domain.remedies import (
    AddBuildRequirement,
    AsOfReleaseDate,
    CapBuildRequirement,
    CompilerFlags,
    NotSupportedBySources,
    OlderInterpreter,
    RegenerateCython,
    Remedy,
    ShimModule,
    SystemPackage,
    remedy_to_json,
)

UNKNOWN = "unknown"
SMOKE = "smoke"
BUILDING = frozenset({"", "resolve", "build", "repair"})
"""Stages whose failures the way of building can have caused."""
NEWEST_MINOR = 99


@dataclass(frozen=True, slots=True)
class Proposal:
    """Remedies to apply together. `confidence` is from 0 to 1, of their being enough."""

    remedies: tuple[Remedy, ...]
    confidence: float
    newest: int = NEWEST_MINOR
    """The last CPython 3 that they can help on."""
    oldest: int = 0
    """The first one that they are for."""
    needs_pyx: bool = False
    """Whether they need Cython sources beside the generated C."""

    def helps(self, *, minor: int, has_pyx: bool) -> bool:
        """Whether they can help on CPython 3.`minor`."""
        return self.oldest <= minor <= self.newest and (has_pyx or not self.needs_pyx)


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


@dataclass(frozen=True, slots=True)
class Rule:
    """What a line means. Groups of `pattern` fill `explanation` and the remedies' `{name}`s."""

    code: str
    turn: Turn
    pattern: re.Pattern[str]
    explanation: str
    proposals: tuple[Proposal, ...] = ()
    stages: frozenset[str] = field(default=BUILDING)


def _line(pattern: str) -> re.Pattern[str]:
    # Compilers quote as the locale has it: typographically, or with apostrophes.
    return re.compile(pattern.replace("<'>", "['\u2018\u2019`\"]"))


_REGENERATE = (
    Proposal((RegenerateCython("cython<3"),), 0.8, newest=12, needs_pyx=True),
    Proposal((RegenerateCython("cython>=3.0.11,<3.1"),), 0.6, needs_pyx=True),
)
_NOT_SUPPORTED = Proposal((NotSupportedBySources(), OlderInterpreter()), 0.9)
_AS_OF = Proposal((AsOfReleaseDate(),), 0.7)

DISTRIBUTIONS: Mapping[str, tuple[Proposal, ...]] = {
    "Cython": (
        Proposal((AddBuildRequirement("cython<3"),), 0.8, newest=12),
        Proposal((AddBuildRequirement("cython"),), 0.6),
    ),
    "cffi": (Proposal((AddBuildRequirement("cffi"),), 0.8),),
    "numpy": (
        Proposal((AddBuildRequirement("numpy<2"),), 0.8, newest=12),
        Proposal((AddBuildRequirement("numpy"),), 0.6),
    ),
    "mesonpy": (Proposal((AddBuildRequirement("meson-python"),), 0.8),),
    "packaging": (Proposal((AddBuildRequirement("packaging"),), 0.8),),
    "pbr": (Proposal((AddBuildRequirement("pbr"),), 0.8),),
    "pip": (Proposal((AddBuildRequirement("pip"),), 0.7),),
    "pybind11": (Proposal((AddBuildRequirement("pybind11"),), 0.8),),
    "setuptools": (Proposal((AddBuildRequirement("setuptools"),), 0.8),),
    "setuptools_rust": (Proposal((AddBuildRequirement("setuptools-rust"),), 0.5),),
    "setuptools_scm": (Proposal((AddBuildRequirement("setuptools-scm"),), 0.8),),
    "six": (Proposal((AddBuildRequirement("six"),), 0.8),),
    "skbuild": (Proposal((AddBuildRequirement("scikit-build"),), 0.7),),
    "toml": (Proposal((AddBuildRequirement("toml"),), 0.8),),
    "wheel": (Proposal((AddBuildRequirement("wheel"),), 0.8),),
}
"""Modules that builds import without saying so. Reviewed: a name that anyone could register on
an index must not get into a build because a log mentions it."""

RULES: tuple[Rule, ...] = (
    # What the interpreter no longer has.
    Rule(
        "removed-module",
        Turn.PROJECT,
        _line(r"No module named <'>(?P<name>imp)<'>"),
        "The build imports the standard module {name}, which Python 3.12 removed. The project "
        "can use importlib in its setup.py.",
        (Proposal((ShimModule("imp"),), 0.8, oldest=12), _AS_OF),
    ),
    Rule(
        "removed-module",
        Turn.PROJECT,
        _line(
            r"No module named <'>(?P<name>imp|distutils|asynchat|asyncore|smtpd|cgi|cgitb|crypt"
            r"|pipes|telnetlib|imghdr|sndhdr|audioop|xdrlib|uu|nntplib|lib2to3)(\.\w+)*<'>"
        ),
        "The package imports the standard module {name}, which this Python no longer has. The "
        "project can release sources without it.",
        (_NOT_SUPPORTED,),
        frozenset({SMOKE}),
    ),
    Rule(
        "removed-module",
        Turn.PROJECT,
        _line(r"No module named <'>(?P<name>distutils)(\.\w+)*<'>"),
        "The build imports distutils, which Python 3.12 removed and setuptools still brings. The "
        "project can declare setuptools in build-system.requires.",
        (Proposal((AddBuildRequirement("setuptools"),), 0.8, oldest=12),),
    ),
    Rule(
        "removed-attribute",
        Turn.PROJECT,
        _line(
            r"(module <'>(?P<name>collections|configparser|inspect)<'> has no attribute <'>\w+<'>"
            r"|cannot import name <'>\w+<'> from <'>(?P<other>collections|configparser|inspect)<'>)"
        ),
        "The build uses a name that Python removed from the standard library: collections lost "
        "its abstract base classes in 3.10, inspect getargspec in 3.11, configparser "
        "SafeConfigParser in 3.12. The project can use their successors.",
        (
            Proposal(
                (ShimModule("collections"), ShimModule("configparser"), ShimModule("inspect")),
                0.7,
                oldest=10,
            ),
            _AS_OF,
        ),
    ),
    Rule(
        "removed-attribute",
        Turn.PROJECT,
        _line(
            r"(module <'>(?P<name>collections|configparser|inspect)<'> has no attribute <'>\w+<'>"
            r"|cannot import name <'>\w+<'> from <'>(?P<other>collections|configparser|inspect)<'>)"
        ),
        "The package uses a name that Python removed from the standard library. The project can "
        "release sources that use its successor.",
        (_NOT_SUPPORTED,),
        frozenset({SMOKE}),
    ),
    # What newer build tools no longer do.
    Rule(
        "use-2to3",
        Turn.PROJECT,
        _line(r"use_2to3 is invalid"),
        "The sources are converted from Python 2 by use_2to3, which setuptools 58 removed. The "
        "project can release sources that need no conversion.",
        (Proposal((CapBuildRequirement("setuptools<58"),), 0.9, newest=11), _NOT_SUPPORTED),
    ),
    Rule(
        "missing-pkg-resources",
        Turn.PROJECT,
        _line(r"No module named <'>pkg_resources(\.\w+)*<'>"),
        "The build imports pkg_resources, which setuptools no longer has. The project can require "
        "setuptools<81 or use importlib.metadata.",
        (
            Proposal(
                (AddBuildRequirement("setuptools<81"), CapBuildRequirement("setuptools<81")), 0.9
            ),
        ),
    ),
    Rule(
        "removed-from-setuptools",
        Turn.PROJECT,
        _line(
            r"(No module named <'>setuptools\.command\.test<'>"
            r"|cannot import name <'>Feature<'> from <'>setuptools<'>"
            r"|canonicalize_version\(\) got an unexpected keyword argument"
            r"|Invalid dash-separated key|InvalidVersion: Invalid version"
            r"|(InvalidConfigError|SetupRequirementsError): |configuration error: `project)"
        ),
        "The build relies on what newer versions of setuptools no longer do. The project can "
        "require an older setuptools, or follow the change.",
        (
            _AS_OF,
            Proposal((CapBuildRequirement("setuptools<72"),), 0.5),
            Proposal((CapBuildRequirement("setuptools<58"),), 0.4, newest=11),
        ),
    ),
    Rule(
        "setuptools-too-old",
        Turn.PROJECT,
        _line(r"module <'>pkgutil<'> has no attribute <'>ImpImporter<'>"),
        "The build uses a setuptools that is older than this Python. The project can require "
        "setuptools>=66.1 where it runs on Python 3.12.",
        (Proposal((AddBuildRequirement("setuptools>=66.1"),), 0.5),),
    ),
    Rule(
        "cython-too-new",
        Turn.PROJECT,
        _line(r"Cython\.Compiler\.Errors\.(CompileError|InternalError)"),
        "The Cython sources are not valid for the Cython that was installed. The project can "
        "require the one it was written for.",
        (Proposal((CapBuildRequirement("cython<3"),), 0.8, newest=12), _AS_OF),
    ),
    Rule(
        "numpy-too-new",
        Turn.PROJECT,
        _line(r"<'>(PyArray_Descr|struct _PyArray_Descr)<'>.* has no member named"),
        "The sources use what the C interface of version 2 hides. The project can require "
        "numpy<2 for its build.",
        (Proposal((CapBuildRequirement("numpy<2"),), 0.8, newest=12), _AS_OF),
    ),
    # What the C API no longer has.
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(
            r"fatal error: (?P<name>longintrepr\.h|graminit\.h|parsetok\.h|pyarena\.h|symtable\.h)"
            r": No such file"
        ),
        "The C sources include {name}, which this Python does not have. Where Cython wrote them, "
        "a newer Cython writes ones that work; the project can release those.",
        (*_REGENERATE, _NOT_SUPPORTED),
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(
            r"(unknown type name <'>(?P<a>CFrame|_Py\w+|PyUnicode_\w+)<'>"
            r"|<'>?(PyThreadState|PyTypeObject|PyFrameObject|PyCodeObject|PyInterpreterState"
            r"|PyASCIIObject|PyUnicodeObject|struct _(ts|is|frame|typeobject))"
            r"<'>?.*has no member named <'>(?P<b>\w+)<'>"
            r"|incomplete (typedef|type) <'>(?P<c>Py\w+|struct _(frame|is|ts))<'>"
            r"|too (few|many) arguments to function <'>(?P<d>_?Py\w+)<'>"
            r"|implicit declaration of function <'>(?P<e>_?Py\w+)<'>"
            r"|error: <'>(?P<f>_?Py\w+)<'> undeclared)"
        ),
        "The C sources use a part of Python's C interface that this Python no longer has. Where "
        "Cython wrote them, a newer Cython writes ones that work; else the project can release "
        "sources that know this Python.",
        (*_REGENERATE, _NOT_SUPPORTED),
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(r"lvalue required as left operand of assignment"),
        "The C sources assign to what newer Pythons have as a function (Py_TYPE, Py_SIZE and "
        "Py_REFCNT since 3.10 and 3.11). The project can use Py_SET_TYPE and its like.",
        (*_REGENERATE, _NOT_SUPPORTED),
    ),
    Rule(
        "removed-c-api",
        Turn.PROJECT,
        _line(r"undefined symbol: (?P<name>_?Py[A-Z_]\w*)"),
        "The extension needs {name}, which this Python does not have: the sources were written "
        "for an older one. The project can release sources without it.",
        (*_REGENERATE, _NOT_SUPPORTED),
        frozenset({SMOKE}),
    ),
    Rule(
        "undefined-symbol",
        Turn.PROJECT,
        _line(r"undefined symbol: (?P<name>\w+)"),
        "The extension needs {name}, and nothing that it is linked with has it. The project's "
        "build decides what is linked.",
        (),
        frozenset({SMOKE}),
    ),
    # What the compiler no longer forgives.
    Rule(
        "compiler-strictness",
        Turn.PROJECT,
        _line(
            r"error: (implicit declaration of function|incompatible pointer types?"
            r"|.*from incompatible pointer type|.*makes (integer|pointer) from"
            r"|type (specifier missing|defaults to)|return type defaults to)"
        ),
        "The C sources rely on what compilers took for granted and no longer do. The project can "
        "declare what it calls, and convert pointers openly.",
        (
            Proposal(
                (
                    CompilerFlags(
                        "-Wno-error=implicit-function-declaration -Wno-error=implicit-int "
                        "-Wno-error=incompatible-pointer-types -Wno-error=int-conversion"
                    ),
                ),
                0.7,
            ),
        ),
    ),
    # What the machine lacks.
    Rule(
        "python-headers-missing",
        Turn.FARM,
        _line(r"fatal error: (?P<name>Python\.h|pyconfig\.h): No such file"),
        "The builder's Python has no {name}. The farm's operators must install its headers.",
    ),
    Rule(
        "missing-header",
        Turn.FARM,
        _line(r"fatal error: (?P<name>[\w./+-]+): No such file or directory"),
        "The C sources need {name}, which belongs to a library that is not on the builder. The "
        "project can name the library in its [external] table; the farm's operators can add it.",
        (Proposal((SystemPackage("{name}"),), 0.8),),
    ),
    Rule(
        "missing-library",
        Turn.FARM,
        _line(r"cannot find -l(?P<name>[\w.+-]+)"),
        "The build links with the library {name}, which is not on the builder. The farm's "
        "operators can add it.",
        (Proposal((SystemPackage("lib{name}.so"),), 0.8),),
    ),
    Rule(
        "missing-pkg-config",
        Turn.FARM,
        _line(
            r"(Package <'>?(?P<name>[\w.+-]+)<'>?,? .*(was )?not found"
            r"|No package <'>(?P<a>[\w.+-]+)<'> found|Dependency <'>(?P<b>[\w.+-]+)<'> not found"
            r"|Can not find valid pkg-config name)"
        ),
        "The build asks pkg-config for a library that is not on the builder. The farm's "
        "operators can add it.",
        (Proposal((SystemPackage("{name}.pc"),), 0.8),),
    ),
    Rule(
        "missing-tool",
        Turn.FARM,
        _line(
            r"((?P<name>[\w.+-]*-?config|[\w.+-]+_config) (executable )?(not found|is required)"
            r"|(?P<a>cmake|ninja|swig|bison|flex|gfortran|pkg-config|git|make|autoconf|meson"
            r"|[\w.+]+-config): (command )?not found"
            r"|No such file or directory: <'>(?P<b>[\w.+-]*(-|_)config|cmake|ninja|swig|git|make"
            r"|bison|flex|gfortran)<'>)"
        ),
        "The build runs a program that is not on the builder. The farm's operators can add it.",
        (Proposal((SystemPackage("{name}"),), 0.8),),
    ),
    Rule(
        "rust-needed",
        Turn.FARM,
        _line(
            r"(can<'>t find Rust compiler|[Cc]argo, the Rust package manager, is not installed"
            r"|cargo: (command )?not found|rustc: (command )?not found"
            r"|No such file or directory: <'>(cargo|rustc)<'>|requires Rust (nightly|\d)"
            r"|failed to (download|get|fetch) .*crates?|crates-io|requires rustc \d"
            r"|may not be used on the stable release channel"
            r"|`?(cargo|rustc)`? (is )?not (found|installed)"
            r"|Cargo metadata failed|Unable to find maturin script"
            r"|Rust (toolchain|compiler) .*(not|required|needed))"
        ),
        "The build needs Rust, with crates that builders without a network cannot fetch. The "
        "farm's operators can offer a Rust toolchain and a mirror of crates.",
    ),
    Rule(
        "network-needed",
        Turn.PROJECT,
        _line(
            r"(Temporary failure in name resolution|Name or service not known"
            r"|Network is unreachable|Could not resolve host|getaddrinfo failed"
            r"|nodename nor servname|Download error on https?:)"
        ),
        "The build fetches something from the network, and builds here have none beside the "
        "index. The project can ship what it needs, or declare it as a build requirement.",
    ),
    Rule(
        "out-of-memory",
        Turn.PROJECT,
        _line(
            r"(fatal error: Killed signal terminated program|virtual memory exhausted"
            r"|out of memory allocating|^MemoryError\b)"
        ),
        "The compiler ran out of memory. It needs less where it optimises less.",
        (Proposal((CompilerFlags("-O1"),), 0.4),),
    ),
    Rule(
        "requirement-unavailable",
        Turn.PROJECT,
        _line(r"No solution found when resolving dependencies"),
        "The build requirements cannot be had together for this Python. The project declares them.",
        (_AS_OF,),
    ),
)

_MISSING_MODULE = _line(r"No module named <'>(?P<name>\w+)(\.\w+)*<'>")
_HINTS = re.compile(r"warning|Warning|\bDEBUG\b|trying|skipping", re.IGNORECASE)


def diagnose(log: str, *, stage: str, outcome: Outcome) -> Diagnosis:
    """Say why an attempt failed from its log, or from the one line of it that tells most."""
    if outcome in FARM_FAULTS:
        return Diagnosis(outcome.value, Turn.FARM, evidence_line(log), "")
    if outcome is Outcome.OUT_OF_MEMORY:
        rule = next(rule for rule in RULES if rule.code == "out-of-memory")
        return _told(rule, evidence_line(log), {})
    best = evidence_line(log)
    if stage in BUILDING or stage == SMOKE:
        found = _in_line(best, stage)
        if found is None and outcome not in _LIMITS:
            lines = [line.strip()[:LONGEST] for line in log.splitlines()]
            hits = (_in_line(line, stage) for line in lines if not _HINTS.search(line))
            found = next((hit for hit in hits if hit is not None), None)
        if found is not None:
            return found
    return Diagnosis(UNKNOWN, outcome.turn, best, "", fingerprint=fingerprint(best, stage, outcome))


def telling_line(log: str, *, stage: str) -> str:
    """Return the line that a rule knows, or else the one that tells most."""
    return diagnose(log, stage=stage, outcome=Outcome.BUILD_FAILED).evidence


_LIMITS = frozenset(
    {
        Outcome.WALL_TIME,
        Outcome.CPU_TIME,
        Outcome.NO_OUTPUT,
        Outcome.TOO_MANY_PROCESSES,
        Outcome.DISK_FULL,
        Outcome.LOG_FLOOD,
    }
)


def _in_line(line: str, stage: str) -> Diagnosis | None:
    for rule in RULES:
        if stage in rule.stages and (match := rule.pattern.search(line)):
            return _told(rule, line, match.groupdict())
    match = _MISSING_MODULE.search(line)
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
    return Diagnosis(
        rule.code,
        rule.turn,
        line,
        rule.explanation.replace("{name}", name),
        tuple(_named(proposal, name) for proposal in rule.proposals),
    )


def _named(proposal: Proposal, name: str) -> Proposal:
    remedies = tuple(
        SystemPackage(remedy.owns.replace("{name}", name))
        if isinstance(remedy, SystemPackage)
        else remedy
        for remedy in proposal.remedies
    )
    return Proposal(
        remedies, proposal.confidence, proposal.newest, proposal.oldest, proposal.needs_pyx
    )


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
