"""Where an index is written as static files: a folder, or a bucket of anything that speaks S3."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from indexes.errors import IndexesError
from indexes.storage.base import BytesMissing
from indexes.storage.s3 import StorageUnreachable, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = ".affineur-export.json"


class NotAnExport(IndexesError):
    """There are files that no export of ours wrote."""

    code = "not-an-export"

    def __init__(self, place: str) -> None:
        self.place = place
        super().__init__(
            f"{place} is not empty and no export of ours: name a new place or an export's."
        )


@dataclass(frozen=True, slots=True)
class StaticObject:
    """One file of the site: what it is, and where its bytes come from."""

    key: str
    """Its path on the site, without a slash before it."""
    digest: str
    """Differs whenever the bytes do."""
    content_type: str
    cache_control: str
    read: Callable[[], BinaryIO | None]
    """None when it is not to be had any more. The caller closes."""
    content_encoding: str = ""
    link_to: Path | None = None
    """A file that a folder may have a symbolic link to, instead of a copy."""


class Site(Protocol):
    """Files under keys. One that is replaced is there whole all the time."""

    def read_manifest(self) -> bytes | None:
        """What the last export noted; None for a new place. Raises `NotAnExport`."""

    def write_manifest(self, content: bytes) -> None: ...

    def write(self, given: StaticObject) -> bool:
        """False when there was nothing to read; then what was there stays."""

    def delete(self, key: str) -> None:
        """Does nothing when there is nothing."""


class FolderSite:
    """Implements `Site`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read_manifest(self) -> bytes | None:
        manifest = self._folder / MANIFEST
        if manifest.exists():
            return manifest.read_bytes()
        if self._folder.exists() and any(self._folder.iterdir()):
            raise NotAnExport(str(self._folder))
        return None

    def write_manifest(self, content: bytes) -> None:
        self._replace(MANIFEST, BytesIO(content))

    def write(self, given: StaticObject) -> bool:
        if given.link_to is not None:
            self._link(given.key, given.link_to)
            return True
        content = given.read()
        if content is None:
            return False
        with content:
            self._replace(given.key, content)
        return True

    def _replace(self, key: str, content: BinaryIO) -> None:
        fresh = self._fresh(key)
        with fresh.open("wb") as file:
            shutil.copyfileobj(content, file)
        fresh.replace(self._folder / key)

    def _link(self, key: str, target: Path) -> None:
        fresh = self._fresh(key)
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(self._folder / key)

    def _fresh(self, key: str) -> Path:
        place = self._folder / key
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f".{place.name}.new")

    def delete(self, key: str) -> None:
        place = self._folder / key
        place.unlink(missing_ok=True)
        if place.parent.is_dir() and not any(place.parent.iterdir()):
            place.parent.rmdir()


class BucketSite:
    """Implements `Site` under a prefix of a bucket, with the headers that a CDN is to give."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def read_manifest(self) -> bytes | None:
        key = self._prefix + MANIFEST
        try:
            with self._client.get_object(Bucket=self._bucket, Key=key)["Body"] as body:
                return body.read()
        except (ClientError, BotoCoreError) as error:
            problem = translated(key, error)
            if not isinstance(problem, BytesMissing):
                raise problem from error
        try:
            found = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1
            )
        except (ClientError, BotoCoreError) as error:
            raise translated(key, error) from error
        if found.get("Contents"):
            raise NotAnExport(f"s3://{self._bucket}/{self._prefix}")
        return None

    def write_manifest(self, content: bytes) -> None:
        self._put(MANIFEST, BytesIO(content), "application/json", "no-store", "")

    def write(self, given: StaticObject) -> bool:
        content = given.read()
        if content is None:
            return False
        with content:
            self._put(
                given.key,
                content,
                given.content_type,
                given.cache_control,
                given.content_encoding,
            )
        return True

    def _put(
        self,
        key: str,
        content: BinaryIO,
        content_type: str,
        cache_control: str,
        content_encoding: str,
    ) -> None:
        put = self._client.put_object
        encoded = partial(put, ContentEncoding=content_encoding) if content_encoding else put
        try:
            encoded(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=content,
                ContentType=content_type,
                CacheControl=cache_control,
            )
        except (ClientError, BotoCoreError) as error:
            raise StorageUnreachable(key, str(error)) from error

    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)
        except (ClientError, BotoCoreError) as error:
            problem = translated(key, error)
            if not isinstance(problem, BytesMissing):
                raise problem from error
