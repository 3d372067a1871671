"""Production: everything that matters is given by the environment, or the start fails."""

import os

from portal.settings.base import *

DEBUG = False


def _required(name: str) -> str:
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    value = os.environ.get(name, "")
    if not value:
        message = f"{name} is not set: production needs it (see deploy/env.example)."
        raise ImproperlyConfigured(message)
    return value


SECRET_KEY = _required("AFFINEUR_SECRET_KEY")
ALLOWED_HOSTS = _required("AFFINEUR_ALLOWED_HOSTS").split()
AFFINEUR_PUBLIC_URL = _required("AFFINEUR_PUBLIC_URL")
AFFINEUR_CONTROL_URL = os.environ.get("AFFINEUR_CONTROL_URL", AFFINEUR_PUBLIC_URL)
AFFINEUR_CONTACT = _required("AFFINEUR_CONTACT")
DATABASES = {"default": database_from(_required("AFFINEUR_DATABASE"))}
# Whose project is touched is told: a deployment that cannot does not start.
MAILERS = {"default": mailer_from(_required("AFFINEUR_EMAIL"))}
DEFAULT_FROM_EMAIL = _required("AFFINEUR_EMAIL_FROM")
CELERY_BROKER_URL = _required("AFFINEUR_BROKER")
# Several web processes count requests and failed sign-ins together: in the database, because
# every deployment has one. `migrate` makes the table.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "affineur_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "upstream": UPSTREAM_CACHE,
}
# They are counted by the address that the proxy in front saw: it sets X-Forwarded-For anew.
ALLAUTH_TRUSTED_PROXY_COUNT = 1
CSRF_TRUSTED_ORIGINS = [AFFINEUR_PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^builder/"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
