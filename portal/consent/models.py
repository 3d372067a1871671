import uuid

from django.conf import settings
from django.db import models

from indexes.models import Project
from portal.consent.states import Ground
from portal.ledger.append_only import AppendOnlyModel
from portal.ownership.models import Proof


class Capacity(models.TextChoices):
    OWNER = "owner", "Owner of the project"
    MAINTAINER = "maintainer", "Maintainer of the project"
    EMPLOYEE = "employee", "On behalf of the organisation that owns it"


class AskedBy(models.TextChoices):
    """Whose requests have builds made under a consent."""

    ANYONE = "anyone", "Anyone who asks"
    NAMED = "named", "Only the project's owners, and whom they name"


class Consent(AppendOnlyModel):
    """A person's recorded acceptance of agreements for a project, with a scope. Append-only.

    `agreements` is [{"name", "version", "sha256", "clauses": [clause ids accepted]}]; a text that
    is a promise of ours has no clause to accept.
    Empty specifiers mean every release, empty targets every target. Without
    `covers_new_releases` it is for the releases that there were when it was given: each has a
    permit of its own, because no PEP 440 specifier can leave out what is released later under
    a lower number.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consents"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="consents")
    capacity = models.CharField(max_length=16, choices=Capacity.choices)
    proof = models.ForeignKey(Proof, on_delete=models.PROTECT, related_name="consents")
    agreements = models.JSONField()
    licence_expression = models.CharField(max_length=255, blank=True)
    licence_seen_in = models.CharField(max_length=255, blank=True)
    licence_chosen = models.CharField(max_length=255, blank=True)
    licence_class = models.CharField(max_length=16, blank=True)
    from_file = models.JSONField(
        default=dict,
        blank=True,
        help_text="What a table in the sdist said then, with its hash, and why this is wider.",
    )
    specifiers = models.CharField(max_length=255, blank=True)
    covers_new_releases = models.BooleanField(default=True)
    targets = models.JSONField(default=list, blank=True)
    channels = models.JSONField(default=list)
    asked_by = models.CharField(max_length=8, choices=AskedBy.choices, default=AskedBy.ANYONE.value)
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, related_name="replaced_by", null=True, blank=True
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["-given_at", "pk"]

    def __str__(self) -> str:
        return f"{self.user} for {self.project}"


class Afterwards(models.TextChoices):
    """What becomes of the wheels that exist when a consent is taken back."""

    KEEP = "keep", "Keep them listed"
    WITHDRAW = "withdraw", "Withdraw them"


class Revocation(AppendOnlyModel):
    """The end of a consent, by the person who gave it or another proven owner. Append-only."""

    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="revocation")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="revocations"
    )
    afterwards = models.CharField(max_length=16, choices=Afterwards.choices)
    reason = models.TextField(blank=True)
    builds_cancelled = models.PositiveIntegerField(default=0)
    files_withdrawn = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"end of {self.consent}"


class Unlisting(AppendOnlyModel):
    """That an owner took wheels off the index which a revocation had kept listed. Append-only."""

    revocation = models.OneToOneField(
        Revocation, on_delete=models.PROTECT, related_name="unlisting"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="unlistings"
    )
    reason = models.TextField(blank=True)
    files_withdrawn = models.PositiveIntegerField(default=0)
    unlisted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"wheels after the {self.revocation}"


class Expiry(AppendOnlyModel):
    """That a consent ended by its date, and what followed was done. Append-only."""

    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="expiry")
    builds_cancelled = models.PositiveIntegerField(default=0)
    files_withheld = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"expiry of {self.consent}"


class Suspension(models.Model):
    """A time in which something holds a consent back; it is in force when none is open.

    Unless it is a pause, the consent's wheels are off the listings meanwhile. What the suspension
    took is given back when it is lifted. An objection stands until it is lifted, also when its
    consent is over.
    """

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="suspensions")
    ground = models.CharField(
        max_length=16,
        choices=[(ground.value, ground.label) for ground in Ground],
        default=Ground.PROOF.value,
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="suspensions",
        null=True,
        blank=True,
        help_text="None: the portal itself, or the address in the project's metadata.",
    )
    reason = models.TextField(blank=True)
    builds_cancelled = models.PositiveIntegerField(default=0)
    suspended_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    overruled_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When moderators ended the objection against the word of who made it.",
    )

    class Meta:
        ordering = ["-suspended_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(overruled_at=None)
                | models.Q(lifted_at__isnull=False, ground=Ground.OBJECTION.value),
                name="overruled_is_an_objection_that_ended",
            ),
            models.UniqueConstraint(
                fields=["consent", "ground"],
                condition=models.Q(lifted_at=None) & ~models.Q(ground=Ground.OBJECTION.value),
                name="consent_suspended_once",
            ),
            models.UniqueConstraint(
                fields=["consent", "by"],
                condition=models.Q(lifted_at=None, ground=Ground.OBJECTION.value),
                name="consent_objected_once",
            ),
        ]

    def __str__(self) -> str:
        return f"suspension of {self.consent}"


class Approval(AppendOnlyModel):
    """That a co-owner, too, says yes to a consent that takes several. Append-only."""

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="approvals")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consents_approved"
    )
    approved_at = models.DateTimeField()

    class Meta:
        ordering = ["approved_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["consent", "user"], name="approval_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} with {self.consent}"


class Threshold(models.Model):
    """How many of the owners one of them wants to say yes before a consent holds; 0 means all.

    The strictest wish of those who are proven owners now is what goes, so nobody's can be
    outvoted by a laxer one.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="thresholds")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="thresholds"
    )
    owners = models.PositiveSmallIntegerField()
    said_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "user", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="threshold_once"),
        ]

    def __str__(self) -> str:
        return f"{self.owners or 'all'} for {self.project}"


class Task(models.TextChoices):
    """What an owner can leave to somebody else."""

    REQUEST = "request", "Ask for wheels where only those named may"
    PAUSE = "pause", "Pause the consent, and end that pause"
    REVOKE = "revoke", "Take the consent back"


class Delegation(models.Model):
    """That an owner named somebody who may do something for them. `tasks` are of `Task`."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="delegations")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_made"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations"
    )
    tasks = models.JSONField()
    given_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-given_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "person", "by"],
                condition=models.Q(ended_at=None),
                name="delegation_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} for {self.project}"


class Refusal(models.Model):
    """A no of a proven owner: nobody is asked again while it stands."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="refusals")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="refusals"
    )
    reason = models.TextField(blank=True)
    said_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-said_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "user"],
                condition=models.Q(ended_at=None),
                name="refusal_once",
            ),
        ]

    def __str__(self) -> str:
        return f"no of {self.user} for {self.project}"


class Reminder(models.Model):
    """That the people of a consent were told that it ends soon."""

    consent = models.OneToOneField(Consent, on_delete=models.PROTECT, related_name="reminder")
    sent_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"reminder of {self.consent}"


class Letter(models.Model):
    """When the portal last wrote to a project's maintainers of its own accord: once a year.

    One row a project, so that two processes cannot both find that it is time.
    """

    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="letter")
    sent_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"letter to {self.project}"


class PauseLink(models.Model):
    """A link sent to the address in a project's metadata, with which its reader can pause."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="pause_links")
    address = models.EmailField(max_length=254)
    sent_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-sent_at", "pk"]

    def __str__(self) -> str:
        return f"link to pause {self.project}"


class KeptSource(models.Model):
    """A source distribution that we keep and offer, because its licence asks for that."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="kept_sources")
    version = models.CharField(max_length=128)
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    kept_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "version", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["sha256", "project"], name="source_kept_once"),
        ]

    def __str__(self) -> str:
        return self.filename
