"""What can be done about a failed attempt, as values that travel as JSON."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AddBuildRequirement:
    """Install this (PEP 508) beside what the sources declare."""

    spec: str


@dataclass(frozen=True, slots=True)
class CapBuildRequirement:
    """Whatever is installed for the build obeys this constraint."""

    spec: str


@dataclass(frozen=True, slots=True)
class RelaxBuildRequirements:
    """Take exact and highest versions out of the build requirements that the sources declare."""


@dataclass(frozen=True, slots=True)
class AsOfReleaseDate:
    """Resolve build requirements as of the release's own date."""


@dataclass(frozen=True, slots=True)
class RegenerateCython:
    """Make the C of shipped `.pyx` files anew, with this Cython."""

    spec: str


@dataclass(frozen=True, slots=True)
class CompilerFlags:
    """Add these, separated by spaces, to CFLAGS and CXXFLAGS."""

    flags: str


@dataclass(frozen=True, slots=True)
class ShimModule:
    """Give what was removed from this standard module back, while the build runs and no longer."""

    name: str


@dataclass(frozen=True, slots=True)
class LendCApi:
    """Give C sources back what newer Pythons only renamed, or no longer let them assign to."""


@dataclass(frozen=True, slots=True)
class SystemPackage:
    """Install the distribution's package that owns this header, `.pc` file, library or tool."""

    owns: str


@dataclass(frozen=True, slots=True)
class HostToolchain:
    """Compile with what the builder's distribution has, and not for older systems."""


@dataclass(frozen=True, slots=True)
class OlderInterpreter:
    """Nothing to change in this build: a target with an older interpreter may fare better."""


@dataclass(frozen=True, slots=True)
class NotSupportedBySources:
    """The sources cannot work on this interpreter: the end, unless something better is at hand."""


type Remedy = (
    AddBuildRequirement
    | CapBuildRequirement
    | RelaxBuildRequirements
    | AsOfReleaseDate
    | RegenerateCython
    | CompilerFlags
    | ShimModule
    | LendCApi
    | SystemPackage
    | HostToolchain
    | OlderInterpreter
    | NotSupportedBySources
)

_KINDS: dict[str, type[Remedy]] = {
    "add-build-requirement": AddBuildRequirement,
    "cap-build-requirement": CapBuildRequirement,
    "relax-build-requirements": RelaxBuildRequirements,
    "as-of-release-date": AsOfReleaseDate,
    "regenerate-cython": RegenerateCython,
    "compiler-flags": CompilerFlags,
    "shim-module": ShimModule,
    "lend-c-api": LendCApi,
    "system-package": SystemPackage,
    "host-toolchain": HostToolchain,
    "older-interpreter": OlderInterpreter,
    "not-supported-by-sources": NotSupportedBySources,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}

APPLICABLE = (
    AddBuildRequirement,
    CapBuildRequirement,
    RelaxBuildRequirements,
    RegenerateCython,
    CompilerFlags,
    ShimModule,
    LendCApi,
    SystemPackage,
    HostToolchain,
)
"""What changes how a build is made, beside the date that it is resolved as of."""


def remedy_to_json(remedy: Remedy) -> dict[str, str]:
    """Return the remedy as JSON.

    >>> remedy_to_json(ShimModule("imp"))
    {'kind': 'shim-module', 'name': 'imp'}
    """
    return {"kind": _NAMES[type(remedy)], **asdict(remedy)}


def remedy_from_json(value: dict[str, Any]) -> Remedy:
    """Raises `ValueError` for what is no remedy."""
    facts = dict(value)
    try:
        return _KINDS[facts.pop("kind")](**facts)
    except (KeyError, TypeError) as error:
        raise ValueError(f"no remedy: {value!r}") from error


_WORDS: dict[type[Remedy], str] = {
    AddBuildRequirement: "{spec} added",
    CapBuildRequirement: "held to {spec}",
    RelaxBuildRequirements: "exact versions let go",
    AsOfReleaseDate: "requirements of the release's own time",
    RegenerateCython: "C made anew with {spec}",
    CompilerFlags: "compiled with {flags}",
    ShimModule: "what was removed from {name} lent",
    LendCApi: "renamed parts of Python's C interface lent",
    SystemPackage: "the package that has {owns}",
    HostToolchain: "the host's own compiler",
    OlderInterpreter: "an older interpreter",
    NotSupportedBySources: "other sources",
}


def in_words(remedy: Remedy) -> str:
    """Say what was done, for people.

    >>> in_words(AddBuildRequirement("cython<3")), in_words(SystemPackage("lber.h"))
    ('cython<3 added', 'the package that has lber.h')
    """
    return _WORDS[type(remedy)].format(**asdict(remedy))
