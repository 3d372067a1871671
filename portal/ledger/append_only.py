"""Rows that are written once."""

from typing import Any, Never

from django.db import models

from portal.errors import AppendOnly


class AppendOnlyQuerySet[M: models.Model](models.QuerySet[M]):
    def update(self, **_values: Any) -> Never:
        raise AppendOnly(self.model.__name__.lower())

    def bulk_update(self, *_rows: Any, **_options: Any) -> Never:
        raise AppendOnly(self.model.__name__.lower())

    def delete(self) -> Never:
        raise AppendOnly(self.model.__name__.lower())


class AppendOnlyModel(models.Model):
    """Can be added, and neither changed nor deleted."""

    objects = models.Manager.from_queryset(AppendOnlyQuerySet)()

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly(type(self).__name__.lower())
        super().save(**(options | {"force_insert": True}))

    def delete(self, using: Any = None, keep_parents: bool = False) -> Never:  # noqa: ARG002, FBT001, FBT002  # Django's
        raise AppendOnly(type(self).__name__.lower())
