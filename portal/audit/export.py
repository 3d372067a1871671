"""All that is recorded about a person, for that person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q

from portal.accounts.models import User


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that say something of a person, and how they are theirs."""

    by_user: tuple[str, ...] = ()
    """Fields that point to the person."""
    by_name: tuple[str, ...] = ()
    """Fields that hold the person's username."""
    leaves_out: tuple[str, ...] = ()
    """Fields that are secrets, or of no meaning outside."""


TABLES: Mapping[str, Table] = {
    "accounts.User": Table(by_user=("pk",), leaves_out=("password",)),
    "accounts.ApiToken": Table(by_user=("user",), leaves_out=("token_hash",)),
    "account.EmailAddress": Table(by_user=("user",)),
    "socialaccount.SocialAccount": Table(by_user=("user",)),
    "mfa.Authenticator": Table(by_user=("user",), leaves_out=("data",)),
    "ownership.Proof": Table(by_user=("user",)),
    "consent.Consent": Table(by_user=("user",)),
    "consent.Revocation": Table(by_user=("user",)),
    "consent.Unlisting": Table(by_user=("user",)),
    "consent.Suspension": Table(by_user=("by",)),
    "consent.Approval": Table(by_user=("user",)),
    "consent.Threshold": Table(by_user=("user",)),
    "consent.Delegation": Table(by_user=("by", "person")),
    "consent.Refusal": Table(by_user=("user",)),
    "organisations.Membership": Table(by_user=("user",)),
    "organisations.Invitation": Table(by_user=("user",), leaves_out=("invited_by_id",)),
    "organisations.Organisation": Table(by_user=("members",)),
    "requests.Request": Table(by_user=("user",)),
    "notices.Notice": Table(by_user=("person",)),
    "notices.Delivery": Table(by_user=("notice__person",)),
    "notices.Preference": Table(by_user=("person",)),
    "notices.Webhook": Table(by_user=("person",), leaves_out=("secret",)),
    "moderation.Report": Table(by_user=("reporter",)),
    "moderation.Case": Table(by_user=("account",), leaves_out=("assignee_id",)),
    "moderation.Decision": Table(
        by_user=("told",),
        leaves_out=(
            "decided_by_id",
            "approved_by_id",
            "carried_out_by_id",
            "ended_by_id",
            "effects",
        ),
    ),
    "moderation.Appeal": Table(
        by_user=("by",), leaves_out=("decided_by_id", "approved_by_id", "answered_by_id")
    ),
    "moderation.Ban": Table(by_user=("account",)),
    "builds.RecipeEdit": Table(by_name=("by",)),
    "builds.LearntRule": Table(by_name=("by",)),
    "builds.Replay": Table(by_name=("by",)),
    "ledger.Entry": Table(by_name=("actor", "facts__user", "facts__person", "facts__member")),
}
"""By model. A model that points to a person is here or below: a test says so."""

NOT_EXPORTED: Mapping[str, str] = {
    "admin.LogEntry": "The admin's own log of staff at work; what it did is in the ledger.",
    "accounts.User_groups": "Which powers staff were given: the operator's, not theirs.",
    "moderation.Decision_told": "Who was told of a decision; it is in there with the decision.",
    "moderation.Evidence": "What moderators collect at work; who did is no fact about them.",
    "moderation.Note": "What moderators tell each other at work.",
    "accounts.User_user_permissions": "Which powers staff were given: the operator's, not theirs.",
}
"""Models that point to a person and are left out, and why."""


def export_of(user: User, *, at: datetime) -> dict[str, Any]:
    """What every table of ours holds about the person, by model; plain values and no secret."""
    return {
        "username": user.username,
        "exported_at": at,
        "tables": {name: _rows(name, table, user) for name, table in TABLES.items()},
    }


class Encoder(DjangoJSONEncoder):
    """JSON of what rows hold; bytes are counted and not shown."""

    def default(self, o: Any) -> Any:
        if isinstance(o, bytes | memoryview):
            return f"{len(o)} bytes"
        return super().default(o)


def _rows(name: str, table: Table, user: User) -> list[dict[str, Any]]:
    model: type[Model] = apps.get_model(name)
    theirs = Q()
    for field in table.by_user:
        theirs |= Q(**{field: user.pk})
    for field in table.by_name:
        theirs |= Q(**{field: user.username})
    shown = [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001  # its API
    columns = [column for column in shown if column not in table.leaves_out]
    return list(model._default_manager.filter(theirs).order_by("pk").values(*columns))  # noqa: SLF001
