"""Where things stand on this site that the pages link to and the index serves."""

from django.conf import settings
from django.urls import reverse

from indexes.models import File


def file_url(file: File) -> str:
    return reverse("indexes:file", args=[file.sha256, file.filename])


def overlay_url() -> str:
    """Of the index that joins upstream's files and ours; safe as the only one."""
    return f"{settings.AFFINEUR_PUBLIC_URL}{reverse('indexes:overlay-root')}"


def wheels_url() -> str:
    """Of the index of our own files."""
    return f"{settings.AFFINEUR_PUBLIC_URL}{reverse('indexes:wheels-root')}"
