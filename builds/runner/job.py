"""What a builder is given: one job, as JSON, with all it needs and no secret but its lease."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from builds.domain.limits import Limits
from builds.domain.ways import Way

JOB_SCHEMA = 3


class InvalidJobError(ValueError):
    """The job's JSON is not one this runner understands."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A file of upstream's."""

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
    `upstream` is the simple index (PEP 503 base URL) that build requirements come from.
    `siblings` are wheels upstream of the same release, or of its neighbours, for another target:
    they tell what extension modules a good one has.
    """

    build: str
    attempt: str
    lease: str
    project: str
    version: str
    target: str
    sdist: Distribution
    way: Way
    upstream: str
    control_url: str
    upload_url: str
    siblings: tuple[Distribution, ...] = ()
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
            data["sdist"] = Distribution(**data["sdist"])
            data["way"] = Way.from_json(data["way"])
            data["siblings"] = tuple(Distribution(**sibling) for sibling in data["siblings"])
            data["limits"] = Limits(**data["limits"])
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise InvalidJobError(str(error)) from error
