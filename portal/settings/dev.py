"""The embedded deployment: one machine, SQLite, local files, a private broker."""

import os

from portal.settings.base import *

DEBUG = os.environ.get("AFFINEUR_DEBUG", "") == "1"
AFFINEUR_DEVELOPMENT = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]


def _secret_key() -> str:
    """One kept under the data folder, so that sessions outlive a restart."""
    from django.core.management.utils import get_random_secret_key  # noqa: PLC0415

    path = DATA_DIR / "keys" / "django"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


SECRET_KEY = _secret_key()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# E-mail is written to files, for whoever develops to read.
MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": str(DATA_DIR / "mail")},
    }
}
WHITENOISE_USE_FINDERS = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
