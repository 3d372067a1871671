from typing import Self

from django.contrib.auth.models import AnonymousUser
from django.db import models

from portal.accounts.models import User
from portal.organisations.roles import ROLES


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def of(self, user: User | AnonymousUser) -> Self:
        """Those that the user belongs to; to anybody else an organisation is not there."""
        return self.filter(pk__in=Membership.objects.filter(user=user.pk).values("organisation"))


class Organisation(models.Model):
    """A tenant. `slug` is in the address of its indexes, and stays what it is."""

    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField()
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
