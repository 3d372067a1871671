"""Where things stand on this site that the pages link to and the index serves."""

from django.conf import settings

from indexes.models import File


def file_url(file: File) -> str:
    return f"/files/{file.sha256}/{file.filename}"


def overlay_url() -> str:
    """Of the index that joins upstream's files and ours; safe as the only one."""
    return f"{settings.AFFINEUR_PUBLIC_URL}/simple/"


def wheels_url() -> str:
    """Of the index of our own files."""
    return f"{settings.AFFINEUR_PUBLIC_URL}/wheels/simple/"
