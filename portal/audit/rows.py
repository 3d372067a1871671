"""The tables as they stand, in the form in which `portal.ledger.effects` has them.

Each table of ours is in `TABLES`, or in `NOT_TOLD` with the reason: a test says so. A column is
left out where no entry tells it: what planning, upstream or a later look derives again (a
request's note, a failure's diagnosis, a proof's evidence), and what owners who read the ledger
must not learn (who reported something, which account a case is about, an address).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import BooleanField, Case, Count, F, Model, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable, ExpressionWrapper
from django.db.models.functions import Coalesce

from builds.domain.states import LIVE as LIVE_STATES
from portal.ledger.effects import BY_MAIL, LIVE, Subject, moment
from portal.ledger.replay import States
from portal.moderation.models import Evidence

_CHUNK = 2000
_EVIDENCE_AT_ONCE = 10
"""Pieces held in memory, of some megabytes each."""

type Rows = Iterator[tuple[Subject, dict[str, Any]]]
type Column = str | Combinable


@dataclass(frozen=True, slots=True)
class Table:
    """How rows of one model are told: read in one query."""

    kind: str
    key: tuple[str, ...] = ("pk",)
    name: str = "{}"
    """What the columns of `key` are put into."""
    project: str = ""
    """The column with the project's name; empty where acts are on none."""
    same: tuple[str, ...] = ()
    """Columns that entries call the same."""
    columns: Mapping[str, Column] = field(default_factory=dict)
    """Others, by what entries call them."""
    only: Q = field(default_factory=Q)

    def rows(self, model: str) -> Rows:
        names = [*self.same, *self.columns]
        project: Column = F(self.project) if self.project else Value("")
        columns = [*self.key, project, *self.same, *self.columns.values()]
        manager: QuerySet[Model] = apps.get_model(model)._base_manager.all()  # noqa: SLF001  # its API
        found = manager.filter(self.only).order_by().values_list(*columns)
        for row in found.iterator(chunk_size=_CHUNK):
            key, (of, *values) = row[: len(self.key)], row[len(self.key) :]
            told = {name: _plain(value) for name, value in zip(names, values, strict=True)}
            yield Subject(self.kind, self.name.format(*key)), {"project": of} | told


def actual_states() -> States:
    """Every row that entries speak of, in one query a table."""
    tables = [table.rows(model) for model, table in TABLES.items()]
    return {subject: state for rows in (*tables, _evidence()) for subject, state in rows}


def _evidence() -> Rows:
    """Read whole: decisions rest on what it holds."""
    pieces = Evidence.objects.order_by().select_related("case__project", "by")
    for piece in pieces.iterator(chunk_size=_EVIDENCE_AT_ONCE):
        content = bytes(piece.content) or piece.text.encode()
        yield (
            Subject("evidence", str(piece.pk)),
            {
                "project": piece.case.project.name,
                "case": str(piece.case_id),
                "by": piece.by.username,
                "sha256": piece.sha256,
                "sha256 of its content": hashlib.sha256(content).hexdigest(),
            },
        )


def _is(**condition: Any) -> Combinable:
    return ExpressionWrapper(Q(**condition), output_field=BooleanField())


def _is_set(column: str) -> Combinable:
    return _is(**{f"{column}__isnull": False})


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case datetime():
            return moment(value.isoformat())
        case UUID():
            return str(value)
        case _:
            return value


_LIVE = [state.value for state in LIVE_STATES]

TABLES: Mapping[str, Table] = {
    "accounts.ApiToken": Table(
        "token",
        same=("scopes", "expires_at"),
        columns={"user": "user__username", "is_revoked": _is_set("revoked_at")},
    ),
    "builds.Attempt": Table(
        "attempt",
        key=("number", "build_id"),
        name="{} of build {}",
        project="build__project__name",
        same=("builder",),
        only=Q(started_at__isnull=False),
    ),
    "builds.Build": Table(
        "build",
        project="project__name",
        same=("version", "target", "sdist_sha256"),
        columns={"state": Case(When(state__in=_LIVE, then=Value(LIVE)), default=F("state"))},
    ),
    "builds.LearntRule": Table(
        "rule",
        key=("code",),
        same=("pattern", "stage", "turn", "remedy", "argument", "by"),
        columns={"is_retired": _is_set("retired_at")},
    ),
    "builds.Permit": Table(
        "permit",
        project="project__name",
        same=("origin", "specifiers", "targets", "channels", "expires_at"),
        columns={"is_revoked": _is_set("revoked_at")},
    ),
    "builds.RecipeEdit": Table(
        "recipe",
        key=("project__name", "version"),
        name="{} version {}",
        project="project__name",
        same=("by", "text", "reason"),
    ),
    "builds.Replay": Table(
        "replay", same=("cause", "subject", "by"), columns={"builds": Count("replayed")}
    ),
    "consent.Approval": Table(
        "approval",
        key=("user__username", "consent_id"),
        name="of {} of consent {}",
        project="consent__project__name",
    ),
    "consent.Consent": Table(
        "consent",
        project="project__name",
        same=(
            *("capacity", "agreements", "specifiers", "covers_new_releases", "targets"),
            *("channels", "asked_by", "licence_expression", "licence_chosen", "licence_class"),
            *("expires_at", "given_at"),
        ),
        columns={
            "user": "user__username",
            "proof": "proof_id",
            "replaces": "replaces_id",
            "revoked_by": "revocation__user__username",
            "afterwards": "revocation__afterwards",
        },
    ),
    "consent.Delegation": Table(
        "delegation",
        project="project__name",
        same=("tasks",),
        columns={
            "by": "by__username",
            "person": "person__username",
            "is_ended": _is_set("ended_at"),
        },
    ),
    "consent.Expiry": Table(
        "expiry",
        key=("consent_id",),
        name="of consent {}",
        project="consent__project__name",
        same=("builds_cancelled", "files_withheld", "seen_at"),
    ),
    "consent.KeptSource": Table(
        "source", key=("filename", "sha256"), name="{} ({})", project="project__name"
    ),
    "consent.Letter": Table(
        "letter", key=("project__name",), name="to {}", project="project__name", same=("sent_at",)
    ),
    "consent.PauseLink": Table(
        "link", project="project__name", columns={"is_used": _is_set("used_at")}
    ),
    "consent.Refusal": Table(
        "refusal",
        project="project__name",
        same=("reason",),
        columns={"user": "user__username", "is_ended": _is_set("ended_at")},
    ),
    "consent.Reminder": Table(
        "reminder",
        key=("consent_id",),
        name="of the end of consent {}",
        project="consent__project__name",
    ),
    "consent.Suspension": Table(
        "suspension",
        project="consent__project__name",
        same=("ground", "reason", "suspended_at"),
        columns={
            "consent": "consent_id",
            "by": Coalesce("by__username", Value("portal")),
            "is_lifted": _is_set("lifted_at"),
            "is_overruled": _is_set("overruled_at"),
        },
    ),
    "consent.Threshold": Table(
        "threshold",
        key=("user__username", "project__name"),
        name="of {} for {}",
        project="project__name",
        same=("owners",),
    ),
    "consent.Unlisting": Table(
        "unlisting",
        key=("revocation__consent_id",),
        name="after the end of consent {}",
        project="revocation__consent__project__name",
        same=("reason", "files_withdrawn", "unlisted_at"),
        columns={"by": "user__username"},
    ),
    "indexes.CuratedIndex": Table(
        "index",
        key=("tenant", "slug"),
        name="{}/{}",
        same=(
            *("is_private", "projects", "licences", "reproducible_only", "min_age_days"),
            "without_superseded",
        ),
    ),
    "indexes.File": Table(
        "file",
        key=("filename",),
        project="project__name",
        same=(
            *("sha256", "standing", "decision", "decision_reason", "withheld"),
            *("is_to_be_remade", "is_reproducible"),
        ),
        columns={"build": "build_id", "reason": "standing_reason"},
    ),
    "indexes.Project": Table(
        "project",
        key=("name",),
        project="name",
        same=("status", "is_enrolled"),
        columns={"is_unverified": _is_set("unverified_at")},
    ),
    "indexes.ReaderToken": Table(
        "reader token",
        same=("name", "expires_at"),
        columns={"organisation": "tenant", "is_revoked": _is_set("revoked_at")},
    ),
    "moderation.Appeal": Table(
        "appeal",
        project="decision__case__project__name",
        same=("is_granted",),
        columns={"decision": "decision_id", "answered_by": "answered_by__username"},
    ),
    "moderation.Ban": Table(
        "ban",
        columns={
            "user": "account__username",
            "decision": "decision_id",
            "is_shut_out": _is(lifted_at=None, account__is_active=False),
        },
    ),
    "moderation.Case": Table(
        "case",
        project="project__name",
        same=("kind", "state"),
        columns={
            "file": "file__filename",
            "consent": "consent_id",
            "is_about_account": _is_set("account"),
            "assignee": "assignee__username",
        },
    ),
    "moderation.ConsentHold": Table(
        "hold",
        project="project__name",
        columns={
            "decision": "decision_id",
            "consent": "consent_id",
            "is_lifted": _is_set("lifted_at"),
        },
    ),
    "moderation.Decision": Table(
        "decision",
        project="case__project__name",
        same=("action", "reason", "appeal_until"),
        columns={
            "case": "case_id",
            "decided_by": "decided_by__username",
            "approved_by": "approved_by__username",
            "carried_out_by": "carried_out_by__username",
            "ended_by": "ended_by__username",
        },
    ),
    "moderation.Report": Table(
        "report",
        project="case__project__name",
        columns={"case": "case_id", "is_revealed": _is_set("revealed_at")},
    ),
    "organisations.Invitation": Table(
        "invitation",
        same=("role", "end"),
        columns={
            "organisation": "organisation__slug",
            "member": Coalesce("user__username", Value(BY_MAIL)),
            "invited_by": "invited_by__username",
        },
    ),
    "organisations.Membership": Table(
        "member",
        key=("user__username", "organisation__slug"),
        name="{} of {}",
        same=("role",),
        columns={"user": "user__username"},
    ),
    "organisations.Organisation": Table(
        "organisation", key=("slug",), same=("name", "builds_at_once", "cpu_hours", "storage_bytes")
    ),
    "ownership.Proof": Table(
        "proof",
        project="project__name",
        same=("method", "is_for_development", "state"),
        columns={"user": "user__username"},
    ),
    "requests.Request": Table(
        "request",
        project="project__name",
        same=("specifiers", "targets"),
        columns={"user": "user__username"},
    ),
}
"""By model."""

NOT_TOLD: Mapping[str, str] = {
    "accounts.User": "No act on a project; that a ban shuts somebody out is told with the ban.",
    "accounts.User_groups": "Which powers staff have is the operator's; the admin logs it.",
    "accounts.User_user_permissions": "Which powers staff have is the operator's.",
    "builds.BuilderStop": "Where the farm rests: no act on a project, and over by itself.",
    "builds.LogChunk": "What a builder wrote, untrusted; the outcome drawn from it is told.",
    "builds.Replayed": "Counted with its replay; each build that it queued is told.",
    "consent.Revocation": "Told with its consent.",
    "indexes.Latency": "A measurement.",
    "indexes.Page": "Rendered from rows that are told; `indexes.services.compare` compares it.",
    "indexes.ReleaseLicence": "Read from upstream's metadata.",
    "indexes.UpstreamFile": "What upstream says, which `indexes.services.compare` asks for again.",
    "indexes.Watch": "When upstream is asked next.",
    "indexes.WatchState": "As above.",
    "ledger.Checkpoint": "Of the ledger itself: its signature proves it.",
    "ledger.Entry": "The ledger itself: the chain proves it.",
    "ledger.Head": "Of the ledger itself: the chain ends in it.",
    "moderation.Decision_told": "Reporters are among them, whom the owners must not learn.",
    "moderation.Evidence": "Told, and read whole: see `_evidence`.",
    "moderation.Note": "What moderators tell each other: no act, and never changed.",
    "notices.Delivery": "How people were told of acts, and no act itself.",
    "notices.Notice": "As above.",
    "notices.Preference": "How a person wants to be told.",
    "notices.Webhook": "As above.",
    "ownership.SpentToken": "Guards against replay for a day; the proof that it gave is told.",
    "requests.Request_builds": "What planning makes of a request, again and again.",
}
"""Models without a table above, and why."""
