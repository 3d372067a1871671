"""Giving a wheel its build tag, and packing it so that equal contents make equal bytes.

Implements build tags and RECORD of the binary distribution format (PEP 427, PEP 376).
"""

import base64
import csv
import hashlib
import io
import re
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

EARLIEST = 315532800
"""1980-01-01, the first moment that a zip archive can tell, in seconds since 1970."""
LATEST = 4354819198
"""The end of 2107, the last one."""
DEFLATE_LEVEL = 6
SIGNATURES = ("RECORD.jws", "RECORD.p7s")
"""Of a RECORD that is about to change; deprecated besides."""

_PARTS_WITHOUT_BUILD = 5
_BUILD_HEADER = re.compile(
    rb"^build[ \t]*:.*(?:\r?\n[ \t].*)*(?:\r?\n)?", re.IGNORECASE | re.MULTILINE
)


def untagged_filename(filename: str) -> str:
    """Take the build tag out of a wheel's name.

    >>> untagged_filename("docopt-0.6.2-1-py2.py3-none-any.whl")
    'docopt-0.6.2-py2.py3-none-any.whl'
    >>> untagged_filename("docopt-0.6.2-py2.py3-none-any.whl")
    'docopt-0.6.2-py2.py3-none-any.whl'
    """
    parts = filename.split("-")
    if len(parts) > _PARTS_WITHOUT_BUILD:
        del parts[2]
    return "-".join(parts)


def tagged_filename(filename: str, build_tag: str) -> str:
    """Give a wheel's name this build tag, instead of any other.

    >>> tagged_filename("docopt-0.6.2-py2.py3-none-any.whl", "1affineur")
    'docopt-0.6.2-1affineur-py2.py3-none-any.whl'
    """
    name, version, *tags = untagged_filename(filename).split("-")
    return "-".join([name, version, build_tag, *tags])


def tagged_wheel_document(document: bytes, build_tag: str) -> bytes:
    r"""Give a WHEEL file this build tag, instead of any other.

    >>> tagged_wheel_document(b"Wheel-Version: 1.0\nBuild: 3\nTag: py3-none-any\n", "1affineur")
    b'Wheel-Version: 1.0\nTag: py3-none-any\nBuild: 1affineur\n'
    """
    headers = _BUILD_HEADER.sub(b"", document.lstrip(b"\r\n")).rstrip(b"\r\n")
    newline = b"\r\n" if b"\r\n" in headers else b"\n"
    return headers + newline + b"Build: " + build_tag.encode() + newline


@dataclass(frozen=True, slots=True)
class _Recorded:
    path: str
    sha256: bytes
    size: int


def retag_wheel(
    source: IO[bytes], target: IO[bytes], *, dist_info: str, build_tag: str, epoch: int
) -> None:
    """Write the well-formed wheel `source` to `target` with this build tag."""
    name = f"{dist_info}/WHEEL"
    with zipfile.ZipFile(source) as old:
        document = tagged_wheel_document(old.read(name), build_tag)
    rewrite_wheel(source, target, dist_info=dist_info, epoch=epoch, changes={name: document})


def rewrite_wheel(
    source: IO[bytes],
    target: IO[bytes],
    *,
    dist_info: str,
    epoch: int,
    changes: Mapping[str, bytes],
) -> None:
    """Write the well-formed wheel `source` to `target`, with `changes` to its members or beside.

    Members come sorted, the `.dist-info` folder last and RECORD at its end; all are of the time
    `epoch` (seconds since 1970) and of mode 0644, or 0755 where anyone could execute them.
    """
    record_path = f"{dist_info}/RECORD"
    dropped = {record_path, *(f"{dist_info}/{name}" for name in SIGNATURES)}
    moment = datetime.fromtimestamp(min(max(epoch, EARLIEST), LATEST), UTC).timetuple()[:6]
    recorded: list[_Recorded] = []
    with (
        zipfile.ZipFile(source) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        members = {info.filename: info for info in old.infolist() if not info.is_dir()}
        names = members.keys() | changes.keys()
        for name in sorted(names, key=lambda name: (name.startswith(f"{dist_info}/"), name)):
            if name in dropped:
                continue
            info = members.get(name)
            is_executable = info is not None and _is_executable(info)
            fresh = _fresh_info(name, moment, is_executable=is_executable)
            if name in changes:
                content = changes[name]
                recorded.append(_write(new, fresh, io.BytesIO(content), len(content)))
            elif info is not None:
                with old.open(info) as contents:
                    recorded.append(_write(new, fresh, contents, info.file_size))
        document = _record_document(recorded, record_path)
        fresh = _fresh_info(record_path, moment, is_executable=False)
        _write(new, fresh, io.BytesIO(document), len(document))


def _fresh_info(name: str, moment: tuple[int, ...], *, is_executable: bool) -> zipfile.ZipInfo:
    year, month, day, hour, minute, second = moment
    info = zipfile.ZipInfo(name, (year, month, day, hour, minute, second))
    info.create_system = 3  # Unix, whichever system this runs on.
    info.external_attr = (0o100755 if is_executable else 0o100644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    info.compress_level = DEFLATE_LEVEL
    return info


def _is_executable(info: zipfile.ZipInfo) -> bool:
    return bool(info.external_attr >> 16 & 0o111)


def _write(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, contents: IO[bytes], size: int
) -> _Recorded:
    info.file_size = size
    reader = _Hashing(contents)
    with archive.open(info, "w") as member:
        shutil.copyfileobj(reader, member)
    return _Recorded(info.filename, reader.sha256.digest(), info.file_size)


class _Hashing:
    """A file that hashes what is read of it."""

    def __init__(self, contents: IO[bytes]) -> None:
        self._contents = contents
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._contents.read(size)
        self.sha256.update(chunk)
        return chunk


def _record_document(recorded: Iterable[_Recorded], record_path: str) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    for entry in recorded:
        digest = base64.urlsafe_b64encode(entry.sha256).rstrip(b"=").decode()
        rows.writerow((entry.path, f"sha256={digest}", entry.size))
    rows.writerow((record_path, "", ""))
    return text.getvalue().encode()
