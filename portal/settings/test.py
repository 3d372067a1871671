"""Tests: SQLite by default, PostgreSQL when AFFINEUR_DATABASE says so; nothing leaves memory."""

import os

from portal.settings.base import *

DEBUG = False
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
AFFINEUR_DEVELOPMENT = False
AFFINEUR_UPSTREAM = "https://upstream.example/simple/"
AFFINEUR_PUBLIC_URL = "http://testserver"
AFFINEUR_CONTROL_URL = "http://testserver"
AFFINEUR_STORAGE = "memory"
CELERY_BROKER_URL = "memory://"
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
DATABASES = {"default": database_from(os.environ.get("AFFINEUR_DATABASE", "sqlite:///:memory:"))}
if "AFFINEUR_DATABASE" not in os.environ:
    DATABASES["default"]["NAME"] = ":memory:"
# No files are collected for tests: they are found where they are.
WHITENOISE_AUTOREFRESH = True
# A connection that outlives its request would keep the test database from being dropped.
DATABASES["default"]["CONN_MAX_AGE"] = 0
CACHES["upstream"] = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "LOCATION": "upstream",
}
