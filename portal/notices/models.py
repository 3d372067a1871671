import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from indexes.models import Project
from portal.notices.kinds import Channel, Kind

KINDS = [(kind.value, kind.label) for kind in Kind]
CHANNELS = [(channel.value, channel.label) for channel in Channel]


class Notice(models.Model):
    """Something that one person is told, once. Written in the transaction of the act."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=32, choices=KINDS)
    event = models.CharField(
        max_length=128, help_text="Of what happened: nobody is told of one event twice."
    )
    about = models.JSONField(default=dict)
    is_shown = models.BooleanField(default=True, help_text="Whether they are told in the portal.")
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "kind", "event"], name="notice_once"),
        ]
        indexes = [
            models.Index(
                fields=["person"], condition=Q(read_at=None, is_shown=True), name="notice_unread"
            ),
            models.Index(fields=["person", "-created_at"], name="notice_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.project} for {self.person}"


class Webhook(models.Model):
    """An address of a person's own that is told what they are told, signed with its secret."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="webhooks"
    )
    url = models.URLField(max_length=500)
    secret = models.CharField(max_length=64, help_text="`whsec_` and base64, as its owner has it.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return self.url


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    GIVEN_UP = "given-up", "Given up"


class Delivery(models.Model):
    """A notice on its way out. This table is the queue of record; Celery only wakes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=16, choices=CHANNELS)
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    state = models.CharField(
        max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING.value
    )
    tries = models.PositiveSmallIntegerField(default=0, help_text="Since it last was set going.")
    next_at = models.DateTimeField(help_text="When it is tried next; a try under way is over then.")
    log = models.JSONField(default=list, help_text='[{"at", "said"}]: how each try ended.')

    class Meta:
        ordering = ["-next_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "webhook"],
                condition=Q(webhook__isnull=False),
                name="delivery_once_per_webhook",
            ),
            models.UniqueConstraint(
                fields=["notice", "channel"],
                condition=Q(webhook=None),
                name="delivery_once_per_channel",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.notice} by {self.channel}"


class Preference(models.Model):
    """How a person wants to hear of a kind, where that is not as it is by default."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_preferences"
    )
    kind = models.CharField(max_length=32, choices=KINDS)
    channel = models.CharField(max_length=16, choices=CHANNELS)
    is_on = models.BooleanField()

    class Meta:
        ordering = ["person", "kind", "channel"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "kind", "channel"], name="notice_preference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.channel} for {self.person}"
