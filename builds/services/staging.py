"""What a builder uploads, until it is judged: one object for each attempt.

The key does not hold the wheel's name: a pre-signed URL is made before anyone knows it.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from uuid import UUID

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from builds.domain.leases import lease_hash
from builds.domain.states import AttemptState
from builds.errors import LeaseGone, UploadRefused
from builds.models import Attempt
from indexes.storage import get_storage, staging_key

STAGED = "wheel"
MAX_WHEEL_SIZE = 512 * 1024 * 1024
"""Bytes."""
MAX_FILENAME = 200


def is_wheel_filename(filename: str) -> bool:
    """Whether it names a wheel, nothing above it, and leaves room for a build tag."""
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return False
    return len(filename) <= MAX_FILENAME and filename.isascii() and "/" not in filename


def stage_upload(*, attempt_id: UUID, token: str, filename: str, chunks: Iterable[bytes]) -> str:
    """Keep an uploaded wheel until it is judged, and return its SHA-256.

    A second upload takes the place of the first. Raises `UploadRefused`, or `LeaseGone` when
    the lease is not alive, before or after; then nothing is kept.
    """
    _verify_lease(attempt_id, token)
    if not is_wheel_filename(filename):
        raise UploadRefused(f"{filename[:MAX_FILENAME]!r} is not the name of a wheel.")
    with NamedTemporaryFile(prefix="affineur-upload-", suffix=".whl") as file:
        sha256 = _write(file, chunks)
        # Marked before anything is stored, so that whatever comes of this is swept up.
        _verify_lease(attempt_id, token)
        get_storage().put(staging_key(attempt_id, STAGED), Path(file.name), sha256=sha256)
    try:
        _verify_lease(attempt_id, token)
    except LeaseGone:
        discard_staged(attempt_id=attempt_id)
        raise
    return sha256


def _verify_lease(attempt_id: UUID, token: str) -> None:
    held = Attempt.objects.filter(
        pk=attempt_id, lease_hash=lease_hash(token), state=AttemptState.RUNNING.value
    )
    if not held.update(is_staged=True):
        raise LeaseGone(attempt_id)


def _write(file: IO[bytes], chunks: Iterable[bytes]) -> str:
    sha256, size = hashlib.sha256(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_WHEEL_SIZE:
            raise UploadRefused(f"A wheel of more than {MAX_WHEEL_SIZE} bytes is not taken.")
        sha256.update(chunk)
        file.write(chunk)
    file.flush()
    return sha256.hexdigest()


def discard_staged(*, attempt_id: UUID) -> None:
    """Delete what an ended attempt left in storage, if anything."""
    if Attempt.objects.filter(pk=attempt_id, is_staged=True).exists():
        get_storage().delete(staging_key(attempt_id, STAGED))
        Attempt.objects.filter(pk=attempt_id).update(is_staged=False)
