from typing import Self

from django.db import models
from django.db.models.functions import Now

from indexes.domain.schedule import Doubt
from indexes.domain.status import ProjectStatus


class ProjectQuerySet(models.QuerySet["Project"]):
    def enrolled(self) -> Self:
        return self.filter(is_enrolled=True)

    def in_overlay(self) -> Self:
        """Those that the overlay index has a page of."""
        return self.enrolled().exclude(status=ProjectStatus.DELETED)


class Project(models.Model):
    """A project as upstream last showed it to us.

    `name` is normalised (PEP 503). `status` is PEP 792's, plus `deleted` for a project that
    upstream answered 404 for after it had existed.
    """

    name = models.CharField(max_length=214, unique=True)
    display_name = models.CharField(max_length=214)
    status = models.CharField(
        max_length=16,
        choices=[(s.value, s.label) for s in ProjectStatus],
        default=ProjectStatus.ACTIVE.value,
    )
    status_reason = models.TextField(blank=True)
    was_quarantined = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Deleted upstream while it was quarantined there.",
    )
    is_enrolled = models.BooleanField(
        default=False, help_text="Followed upstream and listed in our root page."
    )
    created_at = models.DateTimeField(db_default=Now())
    verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When upstream last answered for this project."
    )
    changed_at = models.DateTimeField(
        null=True, blank=True, help_text="When upstream's answer last differed."
    )
    unverified_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when our files are off its pages: upstream could not be checked for long.",
    )
    upstream_etag = models.CharField(max_length=255, blank=True)
    upstream_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of upstream's last answer."
    )
    upstream_versions = models.JSONField(
        default=list, blank=True, help_text="As upstream lists and writes them (PEP 700)."
    )
    upstream_roles = models.JSONField(
        null=True,
        blank=True,
        help_text="[role, user] pairs as upstream last said; null where it never did.",
    )
    last_serial = models.BigIntegerField(null=True, blank=True)
    doubt = models.CharField(
        max_length=8,
        blank=True,
        db_default="",
        default="",
        choices=[(d.value, d.label) for d in Doubt],
        help_text="Of upstream's last answer, which is not followed yet.",
    )
    doubted_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it has answered so, and nothing else."
    )

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
