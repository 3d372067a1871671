import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from portal.accounts.scopes import Scope


class User(AbstractUser):
    """A person. Identity upstream is never assumed from a name: it is proven (ownership)."""

    signed_in_for_development = models.BooleanField(
        default=False,
        help_text="Made by the development sign-in; never able to act in production.",
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_in_for_development=False)
                | Q(is_staff=False, is_superuser=False),
                name="user_for_development_is_never_staff",
            ),
        ]


class ApiToken(models.Model):
    """A bearer token, shown once; only its hash is kept. `prefix` lets its owner tell it apart."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(
        default=list, help_text=f"Of: {', '.join(scope.value for scope in Scope)}."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
