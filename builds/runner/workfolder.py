"""Reading what a project's code left behind, as if it meant harm.

A work folder is written by code that we do not trust. A name in it may be a link to a file of
ours, or a pipe that never ends: every part of a path is opened without following links, and only
regular files are read.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from builds.errors import BuildsError


class UntrustedFileError(BuildsError):
    """What was left is missing, no regular file, or too large."""

    code = "untrusted-file"


def read_left(root: Path, name: str, *, limit: int) -> bytes:
    """Return the content of the file `name` below `root`; at most `limit` bytes long."""
    with open_left(root, name) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UntrustedFileError(f"{name} is larger than {limit} bytes")
    return content


def take_left(root: Path, name: str, target: Path, *, limit: int) -> None:
    """Copy the file `name` below `root` to `target`, a new file of ours."""
    with open_left(root, name) as file, target.open("xb") as copy:
        if os.fstat(file.fileno()).st_size > limit:
            raise UntrustedFileError(f"{name} is larger than {limit} bytes")
        shutil.copyfileobj(file, copy)


def list_left(root: Path, name: str) -> list[str]:
    """Names in the folder `name` below `root`, sorted; none when it is no folder."""
    try:
        with _folder(root, name.split("/")) as folder, os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []


@contextmanager
def open_left(root: Path, name: str) -> Iterator[BinaryIO]:
    *parents, last = name.split("/")
    try:
        with _folder(root, parents) as folder:
            # Without O_NONBLOCK, opening a pipe waits for its other end.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(last, flags, dir_fd=folder)
    except OSError as error:
        raise UntrustedFileError(f"{name}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UntrustedFileError(f"{name} is no regular file")
        yield file


@contextmanager
def _folder(root: Path, parts: list[str]) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for part in parts:
            below = os.open(part, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)
