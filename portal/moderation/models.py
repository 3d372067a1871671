import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from indexes.models import File, Project
from portal.accounts.models import User
from portal.consent.models import Consent
from portal.ledger.append_only import AppendOnlyModel
from portal.moderation.actions.names import DESTRUCTIVE, ActionName
from portal.moderation.proceedings import WAITING, CaseKind, CaseState

USER = settings.AUTH_USER_MODEL


class CaseQuerySet(models.QuerySet["Case"]):
    def waiting(self) -> "CaseQuerySet":
        """Those where it is a moderator's turn, by the clock."""
        states = [state.value for state in WAITING]
        return self.filter(state__in=states).order_by("due_at", "pk")


class Case(models.Model):
    """Something that moderators have to decide, about one thing: see `proceedings`.

    At most one of `file`, `consent` and `account` says which; without, it is the project. Of an
    account the project is where it showed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32, choices=[(k.value, k.label) for k in CaseKind])
    state = models.CharField(
        max_length=16,
        choices=[(s.value, s.label) for s in CaseState],
        default=CaseState.OPEN.value,
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="cases")
    file = models.ForeignKey(
        File, on_delete=models.PROTECT, null=True, blank=True, related_name="cases"
    )
    consent = models.ForeignKey(
        Consent, on_delete=models.PROTECT, null=True, blank=True, related_name="cases"
    )
    account = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="cases_about"
    )
    assignee = models.ForeignKey(
        USER, on_delete=models.SET_NULL, null=True, blank=True, related_name="cases_assigned"
    )
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()

    objects = CaseQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "pk"]
        permissions = [("moderate", "Can decide cases")]
        indexes = [models.Index(fields=["state", "due_at"], name="case_queue")]
        constraints = [
            models.CheckConstraint(
                condition=Q(file=None, consent=None)
                | Q(file=None, account=None)
                | Q(consent=None, account=None),
                name="case_about_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in CaseState]),
                name="case_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"case {str(self.pk)[:8]} about {self.subject}"

    @property
    def subject(self) -> str:
        """What it is about, in a word that people know."""
        if self.file:
            return self.file.filename
        if self.account:
            return f"the account {self.account.username}"
        return f"a consent for {self.project}" if self.consent else self.project.name


class Report(models.Model):
    """What somebody told us. Who that was is shown to nobody until it is revealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="reports")
    reporter = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="reports"
    )
    text = models.TextField()
    made_at = models.DateTimeField()
    revealed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["made_at", "pk"]

    def __str__(self) -> str:
        return f"report in {self.case}"


class Note(AppendOnlyModel):
    """What moderators tell each other. Append-only."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="notes")
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"note in {self.case}"


class EvidenceKind(models.TextChoices):
    FILE = "file", "A file"
    LINK = "link", "A link"
    TEXT = "text", "A text"


class Evidence(AppendOnlyModel):
    """What a decision can rest on: kept as it came, handed out as a download, never rendered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=8, choices=EvidenceKind.choices)
    title = models.CharField(max_length=200)
    text = models.TextField(blank=True, help_text="The text, or the link's address.")
    content = models.BinaryField(blank=True)
    size = models.PositiveIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return self.title


class Decision(models.Model):
    """What moderators decided in a case, and what that did.

    It stands until `ended_at`: dropped before it was carried out, or undone after. `effects` is
    what the action needs for its way back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=32, choices=[(a.value, a.label) for a in ActionName])
    reason = models.TextField()
    decided_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="decisions")
    decided_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="approvals"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    carried_out_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    carried_out_at = models.DateTimeField(null=True, blank=True)
    effects = models.JSONField(default=dict)
    summary = models.JSONField(default=list, help_text="What it did, in sentences with numbers.")
    told: "models.ManyToManyField[User, models.Model]" = models.ManyToManyField(
        User, blank=True, related_name="decisions_told"
    )
    appeal_until = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-decided_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(ended_at=None), name="decision_stands_alone"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=F("decided_by")),
                name="decision_approved_by_another",
            ),
            models.CheckConstraint(
                condition=~Q(action__in=sorted(name.value for name in DESTRUCTIVE))
                | Q(carried_out_at=None)
                | Q(approved_by__isnull=False),
                name="decision_that_destroys_is_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} in {self.case}"


class Appeal(models.Model):
    """What a concerned person has to say against a decision, once, and the answer.

    Who decided is repeated here, so that the database holds the answer to be somebody else's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="appeals")
    by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="appeals")
    text = models.TextField()
    made_at = models.DateTimeField()
    decided_by = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_by = models.ForeignKey(
        USER, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    is_granted = models.BooleanField(null=True, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "by"], name="appeal_once"),
            models.CheckConstraint(
                condition=Q(answered_by=None) | ~Q(answered_by=F("decided_by")),
                name="appeal_answered_by_another",
            ),
            models.CheckConstraint(
                condition=Q(answered_by=None)
                | Q(approved_by=None)
                | ~Q(answered_by=F("approved_by")),
                name="appeal_answered_by_a_third",
            ),
            models.CheckConstraint(
                condition=Q(answered_at=None, is_granted=None, answered_by=None)
                | Q(answered_at__isnull=False, is_granted__isnull=False, answered_by__isnull=False),
                name="appeal_answered_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"appeal against {self.decision}"


class Ban(models.Model):
    """A time in which an account can neither sign in nor use tokens."""

    account = models.ForeignKey(USER, on_delete=models.PROTECT, related_name="bans")
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="bans")
    banned_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-banned_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=Q(lifted_at=None), name="account_banned_once"
            ),
        ]

    def __str__(self) -> str:
        return f"ban of {self.account}"


class ConsentHold(models.Model):
    """A time in which moderators suspend a consent, or keep a project from being consented to.

    Without a consent it is on the whole project: no new consent is taken.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="consent_holds")
    consent = models.ForeignKey(
        Consent, on_delete=models.PROTECT, null=True, blank=True, related_name="holds"
    )
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="holds")
    held_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["held_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["decision", "consent"],
                condition=Q(lifted_at=None),
                name="consent_held_once_by_a_decision",
            ),
        ]

    def __str__(self) -> str:
        return f"hold on {self.consent or self.project}"
