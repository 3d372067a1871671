"""Bytes in a bucket of anything that speaks S3; credentials come from boto3's own places."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from indexes.storage.base import BytesMissing, StorageError, check_bytes, check_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = {"404", "NoSuchKey", "NotFound"}


class StorageUnreachable(StorageError):
    code = "storage-unreachable"

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"Storage did not take or give {key} ({problem}); it is tried again.")


def s3_client(*, endpoint: str = "", region: str = "us-east-1") -> "S3Client":
    """A client of the service, or of a server at `endpoint` that speaks its language."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint or None,
        region_name=region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"} if endpoint else {},
            connect_timeout=10,
            read_timeout=60,
            retries={"mode": "standard", "max_attempts": 4},
            # Most servers that speak S3 refuse the checksums that boto3 sends unasked.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Storage:
    """Implements `Storage`. Clients download from the bucket, builders upload into it."""

    def __init__(self, *, bucket: str, endpoint: str = "", region: str = "us-east-1") -> None:
        self.bucket = bucket
        self._client = s3_client(endpoint=endpoint, region=region)

    def put(self, key: str, path: Path, *, sha256: str) -> None:
        check_bytes(check_key(key), path, sha256)
        try:
            with path.open("rb") as body:
                self._client.put_object(Bucket=self.bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise StorageUnreachable(key, str(error)) from error
        if self.size(key) != path.stat().st_size:
            raise StorageUnreachable(key, "it was kept with another size")

    def open(self, key: str) -> BinaryIO:
        check_key(key)
        # Not closed here: it is what the caller gets, and it vanishes when they close it.
        file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            with answer["Body"] as body:
                shutil.copyfileobj(body, file)
        except (ClientError, BotoCoreError) as error:
            file.close()
            raise translated(key, error) from error
        file.seek(0)
        return file

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except BytesMissing:
            return False
        return True

    def size(self, key: str) -> int:
        try:
            answer = self._client.head_object(Bucket=self.bucket, Key=check_key(key))
        except (ClientError, BotoCoreError) as error:
            raise translated(key, error) from error
        return answer["ContentLength"]

    def delete(self, key: str) -> None:
        try:
            self._client.delete_object(Bucket=self.bucket, Key=check_key(key))
        except (ClientError, BotoCoreError) as error:
            problem = translated(key, error)
            if not isinstance(problem, BytesMissing):
                raise problem from error

    def download_url(self, key: str, *, filename: str, expires: int) -> str:
        return self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": check_key(key),
                "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(filename)}",
                "ResponseContentType": "application/octet-stream",
            },
            ExpiresIn=expires,
        )

    def upload_url(self, key: str, *, expires_seconds: int) -> str:
        return self._client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self.bucket, "Key": check_key(key)},
            ExpiresIn=expires_seconds,
        )


def translated(key: str, error: ClientError | BotoCoreError) -> StorageError:
    """What a client's error means to us: `BytesMissing` or `StorageUnreachable`."""
    if isinstance(error, ClientError) and error.response["Error"].get("Code") in _MISSING:
        return BytesMissing(key)
    return StorageUnreachable(key, str(error))
