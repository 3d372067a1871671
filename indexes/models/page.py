from django.db import models


class Page(models.Model):
    """A page of an index, rendered in the transaction that changed it and served as it is.

    One row for each form of it: JSON and HTML (`indexes.domain.negotiation`).
    """

    path = models.CharField(
        max_length=300, help_text="Of the page on the site, as in /simple/name/."
    )
    media_type = models.CharField(max_length=64)
    body = models.BinaryField()
    gzip_body = models.BinaryField()
    zstd_body = models.BinaryField(db_default=b"")
    zstd_etag = models.CharField(
        max_length=66,
        blank=True,
        db_default="",
        help_text="Of the `body` that `zstd_body` packs: a release that knows no zstd changes "
        "the one and leaves the other.",
    )
    etag = models.CharField(max_length=66, help_text="Strong, quoted, of `body`.")
    rendered_at = models.DateTimeField()
    unverified_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The page leaves out our files: upstream was not checked after this time.",
    )

    class Meta:
        ordering = ["path", "media_type"]
        constraints = [
            models.UniqueConstraint(fields=["path", "media_type"], name="page_once"),
        ]

    def __str__(self) -> str:
        return f"{self.path} ({self.media_type})"
