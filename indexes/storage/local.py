"""Bytes in files under one folder."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO

from indexes.storage.base import BytesMissing, check_bytes, check_key


class LocalStorage:
    """Implements `Storage`: a file is written beside its place, synced, and moved there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def put(self, key: str, path: Path, *, sha256: str) -> None:
        place = self._path(key)
        _make_folder(place.parent)
        descriptor, name = tempfile.mkstemp(prefix=".", dir=place.parent)
        temporary = Path(name)
        try:
            with path.open("rb") as source, os.fdopen(descriptor, "wb") as target:
                shutil.copyfileobj(source, target)
                target.flush()
                # The web server may run as another user of the same group.
                os.fchmod(target.fileno(), 0o640)
                os.fsync(target.fileno())
            # Of the copy: what `path` holds may have changed since somebody last looked.
            check_bytes(key, temporary, sha256)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(place.parent)

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise BytesMissing(key) from error

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError as error:
            raise BytesMissing(key) from error

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def download_url(self, key: str, *, filename: str, expires: int) -> None:  # noqa: ARG002 - the seam's
        return None

    def upload_url(self, key: str, *, expires_seconds: int) -> None:  # noqa: ARG002 - the seam's
        return None


def _make_folder(folder: Path) -> None:
    """With its parents, each of them known to the disk: a synced file in a lost folder is lost."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o750)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
