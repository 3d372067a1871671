"""Who has which role in a project upstream: names of accounts, and no word on who is behind them.

Read from `ownership` of the project's JSON, which PyPI has had since 2025.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.errors import EvidenceUnreachable
from portal.ownership.conf import ownership_config
from portal.ownership.fetching import fetch_json


@dataclass(frozen=True, slots=True)
class Roles:
    """A snapshot. Names are compared without regard to case, as PyPI does."""

    organization: str
    """That owns the project; empty when none does."""
    of: Mapping[str, str]
    """The role ("Owner", "Maintainer") by account."""

    def role_of(self, account: str) -> str:
        """Empty when the account has none."""
        wanted = account.casefold()
        return next((role for name, role in self.of.items() if name.casefold() == wanted), "")

    def as_evidence(self) -> dict[str, Any]:
        return {"organization": self.organization, "roles": dict(sorted(self.of.items()))}


def roles_upstream(name: str) -> Roles | None:
    """The roles of a project now; None where upstream tells none. Raises `EvidenceUnreachable`."""
    what = f"who has a role in {name} upstream"
    answer = fetch_json(ownership_config().roles_of(name), what=what)
    if answer.status in {404, 410}:
        return None
    if answer.status != 200 or not isinstance(answer.json, dict):  # noqa: PLR2004  # OK
        raise EvidenceUnreachable(what, f"HTTP {answer.status}")
    return parse_roles(answer.json.get("ownership"))


def parse_roles(ownership: object) -> Roles | None:
    """`{"organization": …, "roles": [{"role": …, "user": …}]}`; None for anything else."""
    match ownership:
        case {"roles": list(rows), **rest}:
            found = {
                row["user"]: row["role"]
                for row in rows
                if isinstance(row, dict)
                and isinstance(row.get("user"), str)
                and isinstance(row.get("role"), str)
            }
            organization = rest.get("organization")
            return Roles(organization if isinstance(organization, str) else "", found)
        case _:
            return None


def has_changed_hands(snapshot: object, now: Roles | None) -> bool:
    """Whether nobody of a snapshot (`Roles.as_evidence`) has a role any more, nor its organization.

    What was never known, or is not told now, says nothing.
    """
    before = parse_snapshot(snapshot)
    if before is None or now is None or not before.of:
        return False
    stays = any(now.role_of(account) for account in before.of)
    return not stays and (not before.organization or before.organization != now.organization)


def parse_snapshot(snapshot: object) -> Roles | None:
    match snapshot:
        case {"roles": dict(of), "organization": str(organization)}:
            return Roles(organization, of)
        case _:
            return None
