import uuid
from typing import Self

from django.conf import settings
from django.db import models

from builds.models import Build
from indexes.models import Project
from portal.organisations.models import Organisation


class Platform(models.TextChoices):
    """Where somebody needs wheels, whether or not there is a target for it here."""

    LINUX_X86 = "linux-x86_64", "Linux on x86-64"
    LINUX_ARM = "linux-aarch64", "Linux on ARM (64 bit)"
    MUSL = "linux-musl", "Linux with musl, such as Alpine"
    MACOS = "macos", "macOS"
    WINDOWS = "windows", "Windows"
    OTHER = "other", "Something else"


class Cost(models.TextChoices):
    """What it costs somebody that there is no wheel."""

    BLOCKED = "blocked", "I cannot install it at all"
    COMPILER = "compiler", "I keep a compiler or libraries only for this"
    TIME = "time", "Each installation builds it again"
    PINNED = "pinned", "I stay on an older release or Python"
    LITTLE = "little", "It is an annoyance"


class Hindrance(models.TextChoices):
    """Why a request comes to nothing although something could be built."""

    REFUSED = "refused", "The owners said no"
    NAMED_ONLY = "named-only", "Only those whom the owners named may ask"


class RequestQuerySet(models.QuerySet["Request"]):
    def petitions(self) -> Self:
        """What is asked for and no consent covers, by people whose accounts are open."""
        return self.filter(is_petition=True, user__is_active=True)


class Request(models.Model):
    """A user's wish for wheels. Without a permit it is a petition, and nothing runs.

    `is_petition` while something it asks for lacks a consent (see `uncovered`). `refusals` is
    [{"code", "message", "version", "target", "filename"}]: what was asked and cannot be, each
    with its reason. `planned_at` is None until upstream could be asked.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests"
    )
    organisation = models.ForeignKey(
        Organisation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="requests",
        help_text="In whose name it was made, and whose quotas it is planned by.",
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="requests")
    specifiers = models.CharField(max_length=255, blank=True)
    targets = models.JSONField(default=list)
    reason = models.TextField(blank=True)
    platform = models.CharField(max_length=16, choices=Platform.choices, blank=True)
    cost = models.CharField(max_length=16, choices=Cost.choices, blank=True)
    hindrance = models.CharField(max_length=16, choices=Hindrance.choices, blank=True)
    is_petition = models.BooleanField(default=True)
    refusals = models.JSONField(default=list)
    already_served = models.JSONField(
        default=list, help_text='[{"version", "target", "filename"}]: no gap, and what serves it.'
    )
    uncovered = models.JSONField(
        default=list, help_text='[{"version", "target"}]: gaps that wait for a consent.'
    )
    fingerprint = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of what is asked for."
    )
    builds = models.ManyToManyField(Build, related_name="requests", blank=True)
    note = models.TextField(blank=True, help_text="What last happened to it, for its author.")
    held_back = models.TextField(
        blank=True, help_text="Why it is not planned: its organisation is over a quota."
    )
    created_at = models.DateTimeField()
    planned_at = models.DateTimeField(null=True, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "project", "fingerprint"], name="request_once_per_user"
            ),
        ]
        indexes = [models.Index(fields=["project", "is_petition"], name="request_petitions")]

    def __str__(self) -> str:
        return f"{self.project}{self.specifiers}"
