"""Storages that the storage contract is checked on, with real servers behind the S3 ones."""

from collections.abc import Iterator

import boto3
import pytest

from indexes.storage.local import LocalStorage
from indexes.storage.memory import MemoryStorage
from indexes.storage.s3 import S3Storage
from tests import servers


@pytest.fixture(scope="session")
def rclone() -> Iterator[dict[str, str]]:
    """`rclone serve s3`, which checks signatures; its environment has the credentials."""
    with servers.s3() as environment, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, environment[name])
        yield environment


@pytest.fixture(scope="session")
def moto_endpoint(rclone: dict[str, str]) -> Iterator[str]:
    """moto, which takes any credentials: those of the other server, so that both can run."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=rclone["AFFINEUR_S3_BUCKET"])
    client.close()
    yield endpoint
    server.stop()


@pytest.fixture
def local_storage(tmp_path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def memory_storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def moto_storage(moto_endpoint: str, rclone: dict[str, str]) -> S3Storage:
    return S3Storage(bucket=rclone["AFFINEUR_S3_BUCKET"], endpoint=moto_endpoint)


@pytest.fixture
def rclone_storage(rclone: dict[str, str]) -> S3Storage:
    return S3Storage(bucket=rclone["AFFINEUR_S3_BUCKET"], endpoint=rclone["AFFINEUR_S3_ENDPOINT"])
