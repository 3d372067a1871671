"""What a builder is given: one job, as JSON, with all it needs and no secret but its lease."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from builds.domain.limits import Limits

JOB_SCHEMA = 2
READABLE = frozenset({1, JOB_SCHEMA})
"""A job of schema 1 changes nothing about how the sources are built."""


class InvalidJobError(ValueError):
    """The job's JSON is not one this runner understands."""


@dataclass(frozen=True, slots=True)
class Sdist:
    filename: str
    url: str
    sha256: str
    size: int | None
    """Bytes, as upstream says."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at one build.

    `control_url` is the control side's base for this attempt; the runner calls, with the
    lease token as a bearer token,
    `POST {control_url}/lease` (200 while the lease lives, 410 once it does not: stop at once),
    `PUT {control_url}/wheel/{filename}` unless `upload_url` (a pre-signed PUT) is given.
    `upstream` is the simple index (PEP 503 base URL) that build requirements come from;
    `cutoff`, when set, hides what was uploaded later (ISO 8601 UTC).
    `requirements` are installed beside what the sources declare, all of it under `constraints`
    (PEP 508 both); `flags` are added to the compiler's; `shims` names removed standard modules
    that the build, and nothing after it, is lent; `cython` is the requirement to make C sources
    anew with, where it is not empty.
    """

    build: str
    attempt: str
    lease: str
    project: str
    version: str
    target: str
    rung: str
    sdist: Sdist
    upstream: str
    control_url: str
    upload_url: str
    cutoff: str | None = None
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    shims: tuple[str, ...] = ()
    cython: str = ""
    limits: Limits = field(default_factory=Limits)
    schema: int = JOB_SCHEMA

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: str | bytes | dict[str, Any]) -> Self:
        """Raises `InvalidJobError` when a field is missing, unknown, or of another schema."""
        data = dict(json.loads(value) if isinstance(value, str | bytes) else value)
        if data.get("schema") not in READABLE:
            message = f"this runner reads jobs of schema {JOB_SCHEMA}, not {data.get('schema')!r}"
            raise InvalidJobError(message)
        try:
            data["sdist"] = Sdist(**data["sdist"])
            data["limits"] = Limits(**data["limits"])
            for name in ("requirements", "constraints", "flags", "shims"):
                data[name] = tuple(data.get(name, ()))
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise InvalidJobError(str(error)) from error
