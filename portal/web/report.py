"""What a builder reported, made safe to show: it may hold anything, of any type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Requirement:
    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Grafted:
    """A library that repair copied into the wheel, and the package that it comes from."""

    name: str
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class Report:
    interpreter: str = ""
    resolved: tuple[Requirement, ...] = ()
    """What was installed to build with."""
    packages: tuple[Requirement, ...] = ()
    """Of the distribution, that the build was shown."""
    compiler: str = ""
    grafted: tuple[Grafted, ...] = ()
    log_sha256: str = ""
    source_date_epoch: int | None = None


def read_report(said: Mapping[str, Any]) -> Report:
    interpreter = said.get("interpreter")
    if isinstance(interpreter, dict):
        interpreter = f"CPython {interpreter.get('version', '')}".strip()
    epoch = said.get("source_date_epoch")
    system, toolchain = _table(said, "system"), _table(said, "toolchain")
    return Report(
        interpreter=str(interpreter or ""),
        resolved=_requirements(said, "resolved"),
        packages=_requirements(system, "packages"),
        compiler=": ".join(
            str(toolchain[key]) for key in ("name", "version") if toolchain.get(key)
        ),
        grafted=tuple(
            Grafted(*(str(item.get(field, "")) for field in ("name", "package", "version")))
            for item in _listed(said, "grafted")
            if isinstance(item, dict)
        ),
        log_sha256=str(said.get("log_sha256") or ""),
        source_date_epoch=epoch if isinstance(epoch, int) else None,
    )


def _requirements(said: Mapping[str, Any], name: str) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(*(str(item.get(field, "")) for field in ("name", "version", "sha256")))
        for item in _listed(said, name)
        if isinstance(item, dict)
    )


def _table(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name)
    return value if isinstance(value, dict) else {}


def _listed(said: Mapping[str, Any], name: str) -> list[Any]:
    value = said.get(name)
    return value if isinstance(value, list) else []
