"""One way of resolving and building, complete: what a builder is told of a step of the ladder."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

HOST = "host"
"""Compile with what the builder's distribution has."""
PORTABLE = "portable"
"""Compile against an old glibc, so that the wheel runs on old systems too."""
TOOLCHAINS = frozenset({HOST, PORTABLE})


@dataclass(frozen=True, slots=True)
class Way:
    """How an attempt resolves and builds; all of it is in the provenance of its wheel.

    `cutoff`, when set, hides what was uploaded to the index later (ISO 8601 UTC).
    `requirements` are installed beside what the sources declare, all of it under `constraints`
    (PEP 508 both); where it `is_relaxed`, without the exact and highest versions that the sources
    declare. `flags` are added to the compiler's; `shims` names removed standard modules
    that the build, and nothing after it, is lent, and `lends_c_api` does so for renamed parts of
    Python's C interface; `cython` is the requirement to make C sources
    anew with, where it is not empty, whatever the sources declare.
    `system` names files (`lber.h`, `cairo.pc`, `pg_config`) whose owners among the distribution's
    packages the build is shown, and `packages` such packages by their own names.
    `environment` is added to the build's; `toolchain` is what compiles.
    `optional` names extension modules that the wheel may lack; `imports`, where not empty, the
    modules to import instead of every one in the wheel.
    """

    rung: str
    cutoff: str | None = None
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    is_relaxed: bool = False
    flags: tuple[str, ...] = ()
    shims: tuple[str, ...] = ()
    lends_c_api: bool = False
    cython: str = ""
    system: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    toolchain: str = HOST
    optional: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` wrote. Raises `TypeError` for a field that is missing or unknown."""
        facts: dict[str, Any] = {
            name: tuple(item) if isinstance(item, list) else item for name, item in value.items()
        }
        return cls(**facts)
