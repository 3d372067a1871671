from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

MODERATORS = "moderator"
"""The group whose staff moderate."""


class ModerationConfig(AppConfig):
    name = "portal.moderation"
    label = "moderation"

    def ready(self) -> None:
        from portal.moderation import listeners  # noqa: F401, PLC0415  # needs the models loaded

        post_migrate.connect(_make_group, sender=self)


def _make_group(using: str, **_kwargs: Any) -> None:
    """Permissions exist only after migrations, so the group that has ours is made then too."""
    from django.contrib.auth.models import Group, Permission  # noqa: PLC0415  # as above

    permission = Permission.objects.using(using).filter(
        content_type__app_label="moderation", codename="moderate"
    )
    group, is_new = Group.objects.using(using).get_or_create(name=MODERATORS)
    if is_new:
        group.permissions.add(*permission)
