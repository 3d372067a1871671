"""What a builder is given: one job, as JSON, with all it needs and no secret but its lease."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from builds.domain.limits import Limits

JOB_SCHEMA = 1


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
    `source_date_epoch` is the sdist's own time, in seconds since 1970.
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
    limits: Limits = field(default_factory=Limits)
    schema: int = JOB_SCHEMA

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: str | bytes | dict[str, Any]) -> Self:
        """Raises `InvalidJobError` when a field is missing, unknown, or of another schema."""
        data = dict(json.loads(value) if isinstance(value, str | bytes) else value)
        if data.get("schema") != JOB_SCHEMA:
            message = f"this runner reads jobs of schema {JOB_SCHEMA}, not {data.get('schema')!r}"
            raise InvalidJobError(message)
        try:
            data["sdist"] = Sdist(**data["sdist"])
            data["limits"] = Limits(**data["limits"])
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise InvalidJobError(str(error)) from error
