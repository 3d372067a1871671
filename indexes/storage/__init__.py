"""Where bytes are kept: a Protocol, and local, S3 and memory behind it."""

from functools import cache

from django.core.exceptions import ImproperlyConfigured

from indexes.conf import IndexesConfig, indexes_config
from indexes.storage.base import (
    BytesDiffer,
    BytesMissing,
    InvalidKey,
    Storage,
    StorageError,
    file_key,
    staging_key,
)
from indexes.storage.local import LocalStorage
from indexes.storage.memory import MemoryStorage
from indexes.storage.s3 import S3Storage

__all__ = [
    "BytesDiffer",
    "BytesMissing",
    "InvalidKey",
    "Storage",
    "StorageError",
    "file_key",
    "get_storage",
    "staging_key",
]


def get_storage() -> Storage:
    """The storage of the settings; one a process."""
    return _storage(indexes_config())


@cache
def _storage(config: IndexesConfig) -> Storage:
    match config.storage:
        case "local":
            return LocalStorage(config.storage_root)
        case "s3":
            return S3Storage(
                bucket=config.s3_bucket, endpoint=config.s3_endpoint, region=config.s3_region
            )
        case "memory":
            return MemoryStorage()
        case other:
            raise ImproperlyConfigured(f"AFFINEUR_STORAGE is {other!r}: write local or s3.")
