"""What upstream says of a project beside its page: how it writes its name, and who has roles.

The simple API has neither; PyPI's JSON of a project (`/pypi/<name>/json`) has both, as
`info.name` and `ownership`. Other indexes may have none of it.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from indexes.domain.names import NAME_LENGTH, InvalidProjectName, NormalizedName, parse_project_name

MOST_ROLES = 1000


class Role(NamedTuple):
    """Somebody's part in a project upstream."""

    role: str
    """As upstream writes it, such as Owner; `Organization` for an organisation that has it."""
    user: str


ORGANIZATION = "Organization"


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    display_name: str
    roles: frozenset[Role] | None = None
    """None where upstream does not say."""


def parse_facts(body: bytes, *, name: NormalizedName) -> ProjectFacts | None:
    """Somebody's JSON of the project; None when it is not that."""
    try:
        data = json.loads(body)
        display_name = data["info"]["name"]
        is_it = (
            len(display_name) <= NAME_LENGTH
            and display_name.isprintable()
            and parse_project_name(display_name) == name
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, InvalidProjectName):
        return None
    return ProjectFacts(display_name, _roles(data.get("ownership"))) if is_it else None


def _roles(ownership: object) -> frozenset[Role] | None:
    """All of them or none: half a list would be taken for upstream's word on the other half."""
    if not isinstance(ownership, dict) or not isinstance(ownership.get("roles"), list):
        return None
    items: list[Any] = ownership["roles"]
    if len(items) > MOST_ROLES or not all(isinstance(item, dict) for item in items):
        return None
    roles: list[Any] = [Role(item.get("role"), item.get("user")) for item in items]
    if ownership.get("organization"):
        roles.append(Role(ORGANIZATION, ownership["organization"]))
    return frozenset(roles) if all(map(_is_role, roles)) else None


def _is_role(role: tuple[object, ...]) -> bool:
    return all(
        isinstance(part, str) and part.isprintable() and 0 < len(part) <= NAME_LENGTH
        for part in role
    )
