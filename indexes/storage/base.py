"""The seam to where bytes are kept."""

import hashlib
import re
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from indexes.errors import IndexesError

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*(/[A-Za-z0-9_][A-Za-z0-9._+!-]*)*")


class StorageError(IndexesError):
    code = "storage-error"


class BytesMissing(StorageError):
    code = "bytes-missing"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"Storage has nothing under {key}: restore it from a backup.")


class BytesDiffer(StorageError):
    """What was given is not what its SHA-256 says."""

    code = "bytes-differ"

    def __init__(self, key: str, expected: str, found: str) -> None:
        self.key = key
        self.expected = expected
        self.found = found
        super().__init__(f"{key} was to have SHA-256 {expected}, and has {found}: send it again.")


class InvalidKey(StorageError):
    code = "invalid-key"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"{key[:200]!r} is no storage key: name it with letters, digits, . _ + -")


class Storage(Protocol):
    """Bytes under keys. What is written is there whole or not at all, also after a crash."""

    def put(self, key: str, path: Path, *, sha256: str) -> None:
        """Keep the file's bytes under the key, replacing what was there.

        Raises `BytesDiffer` when they are not of that hash; then nothing is kept.
        """

    def open(self, key: str) -> BinaryIO:
        """The bytes, seekable; the caller closes. Raises `BytesMissing`."""

    def exists(self, key: str) -> bool: ...

    def size(self, key: str) -> int:
        """In bytes. Raises `BytesMissing`."""

    def delete(self, key: str) -> None:
        """Does nothing when there is nothing."""

    def download_url(self, key: str, *, filename: str, expires: int) -> str | None:
        """Where a client gets the bytes itself, for `expires` seconds; None: we stream them."""

    def upload_url(self, key: str, *, expires_seconds: int) -> str | None:
        """Where a builder may PUT the bytes; None: the portal's own endpoint takes them."""


def file_key(sha256: str) -> str:
    """Where the bytes of a published file are."""
    return f"files/{sha256[:2]}/{sha256}"


def staging_key(attempt: UUID | str, filename: str) -> str:
    """Where a builder's wheel waits to be judged."""
    return f"staging/{attempt}/{filename}"


def check_key(key: str) -> str:
    """The key, which stays inside the storage whatever it was made of; raises `InvalidKey`."""
    if not _KEY.fullmatch(key):
        raise InvalidKey(key)
    return key


def check_bytes(key: str, path: Path, sha256: str) -> None:
    """Raises `BytesDiffer` unless the file has that hash."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise BytesDiffer(key, sha256, found)
