import uuid
from datetime import datetime
from typing import Self

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower

from portal.accounts.models import User
from portal.organisations.roles import ROLES, Act, roles_with

MOST_BYTES = 2**53 - 1
"""The largest integer that the ledger's JSON has (RFC 8785, section 3.2.2.3)."""


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def of(self, user: User | AnonymousUser) -> Self:
        """Those that the user belongs to; to anybody else an organisation is not there."""
        return self.filter(pk__in=Membership.objects.filter(user=user.pk).values("organisation"))


class Organisation(models.Model):
    """A tenant. `slug` is in the address of its indexes, and stays what it is."""

    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    builds_at_once = models.PositiveIntegerField(
        null=True, blank=True, help_text="Builds in progress; empty: as the deployment has it."
    )
    cpu_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of a calendar month; empty: as the deployment has it."
    )
    storage_bytes = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_BYTES)],
        help_text="Of wheels kept for it, in bytes; empty: as the deployment has it.",
    )
    members = models.ManyToManyField(User, through="Membership", related_name="organisations")

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    """That a person belongs to an organisation, and as what."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=ROLES)
    since = models.DateTimeField()

    class Meta:
        ordering = ["organisation", "user__username", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.organisation}"


class InvitationEnd(models.TextChoices):
    """How an invitation ended; one that only ran out has no end."""

    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    REVOKED = "revoked", "Taken back"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self, *, at: datetime) -> Self:
        """Those that can still be answered: whoever invited may still admit people."""
        inviter = Membership.objects.filter(
            organisation=OuterRef("organisation"),
            user=OuterRef("invited_by"),
            role__in=roles_with(Act.ADMIT),
        )
        return self.filter(Exists(inviter), end="", expires_at__gt=at)

    def to(self, user: User) -> Self:
        """Those for this person: by username, or by an address that they confirmed."""
        confirmed = EmailAddress.objects.filter(user=user, verified=True)
        return self.annotate(address=Lower("email")).filter(
            Q(user=user) | Q(address__in=confirmed.values(lower=Lower("email")))
        )


class Invitation(models.Model):
    """That somebody may belong to an organisation, if they want to. By username or by e-mail."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="invitations"
    )
    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=16, choices=ROLES)
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    end = models.CharField(max_length=16, choices=InvitationEnd.choices, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None) ^ Q(email=""), name="invitation_by_one_way"
            ),
            models.UniqueConstraint(
                fields=["organisation", "user"],
                condition=Q(end="", user__isnull=False),
                name="invitation_once_per_user",
            ),
            models.UniqueConstraint(
                "organisation",
                Lower("email"),
                condition=Q(end="") & ~Q(email=""),
                name="invitation_once_per_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invited} to {self.organisation}"

    @property
    def invited(self) -> str:
        """The username or the address that it is for."""
        return self.email if self.user is None else self.user.username
