"""What a client gets for the URL of a file of ours."""

import json
from dataclasses import dataclass
from typing import BinaryIO

from indexes.errors import IndexesError
from indexes.models import File
from indexes.storage import file_key, get_storage

# A redirect to storage may be kept half as long as the address it leads to is good for.
URL_SECONDS = 3600
CACHE_CONTROL = "public, max-age=31536000, immutable"
"""Of a file, and of what is beside it: for a year."""


class FileNotServed(IndexesError):
    code = "file-not-served"

    def __init__(self, filename: str) -> None:
        self.filename = filename
        super().__init__(f"There is no file {filename} here, or it is quarantined.")


@dataclass(frozen=True, slots=True)
class Download:
    filename: str
    sha256: str
    size: int
    """Bytes."""

    def location(self) -> str | None:
        """Where storage itself gives the bytes; None when we do."""
        return get_storage().download_url(
            file_key(self.sha256), filename=self.filename, expires=URL_SECONDS
        )

    def open(self) -> BinaryIO:
        return get_storage().open(file_key(self.sha256))


def find_download(*, sha256: str, filename: str) -> Download:
    """The file, whether or not a page lists it; raises `FileNotServed`."""
    found = File.objects.downloadable().filter(filename=filename, sha256=sha256)
    row = found.values_list("filename", "sha256", "size").first()
    if row is None:
        raise FileNotServed(filename)
    return Download(*row)


def find_metadata(*, sha256: str, filename: str) -> bytes:
    """METADATA as it is in the wheel (PEP 658); raises `FileNotServed`."""
    found = File.objects.downloadable().filter(filename=filename, sha256=sha256)
    metadata = found.values_list("metadata", flat=True).first()
    if metadata is None:
        raise FileNotServed(filename)
    return bytes(metadata)


def find_provenance(*, sha256: str, filename: str) -> bytes:
    """The DSSE envelope of its in-toto statement, in JSON; raises `FileNotServed`."""
    found = File.objects.downloadable().filter(filename=filename, sha256=sha256)
    provenance = found.values_list("provenance", flat=True).first()
    if provenance is None:
        raise FileNotServed(filename)
    return json.dumps(provenance, separators=(",", ":"), sort_keys=True).encode()
