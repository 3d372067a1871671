import uuid

from django.conf import settings
from django.db import models

from indexes.models import Project
from portal.ledger.append_only import AppendOnlyModel
from portal.ownership.models import Proof


class Capacity(models.TextChoices):
    OWNER = "owner", "Owner of the project"
    MAINTAINER = "maintainer", "Maintainer of the project"
    EMPLOYEE = "employee", "On behalf of the organisation that owns it"


class Consent(AppendOnlyModel):
    """A person's recorded acceptance of agreements for a project, with a scope. Append-only.

    `agreements` is [{"name", "version", "sha256", "clauses": [clause ids accepted]}].
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
    specifiers = models.CharField(max_length=255, blank=True)
    covers_new_releases = models.BooleanField(default=True)
    targets = models.JSONField(default=list, blank=True)
    channels = models.JSONField(default=list)
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
    revoked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"end of {self.consent}"


class Suspension(models.Model):
    """A time in which a consent does not hold, because the proof it rests on does not.

    Nothing of what was built under it goes before `grace_until`; what the suspension took is
    given back when it is lifted.
    """

    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="suspensions")
    reason = models.TextField()
    suspended_at = models.DateTimeField()
    grace_until = models.DateTimeField()
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text="When its wheels left the listing: the grace had ended."
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-suspended_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["consent"],
                condition=models.Q(lifted_at=None),
                name="consent_suspended_once",
            ),
        ]

    def __str__(self) -> str:
        return f"suspension of {self.consent}"
