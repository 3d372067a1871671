"""What every storage does: local files, memory, and S3 as two servers speak it."""

import hashlib

import httpx
import pytest

from indexes.storage import BytesDiffer, BytesMissing, InvalidKey, file_key, staging_key
from indexes.storage.local import LocalStorage

BODY = b"wheel " * 1000
SHA256 = hashlib.sha256(BODY).hexdigest()
S3 = ["moto_storage", "rclone_storage"]


@pytest.fixture(params=["local_storage", "memory_storage", *S3])
def storage(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=S3)
def s3(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "docopt-0.6.2-1affineur-py3-none-any.whl"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def key(request):
    """Another one for each test: S3 servers live longer than a test."""
    return staging_key(hashlib.sha256(request.node.name.encode()).hexdigest(), "docopt-0.6.2.whl")


def test_what_is_put_is_there(storage, wheel, key):
    storage.put(key, wheel, sha256=SHA256)
    with storage.open(key) as file:
        assert file.read() == BODY
    assert storage.exists(key)
    assert storage.size(key) == len(BODY)


def test_what_is_opened_can_be_read_from_anywhere(storage, wheel, key):
    storage.put(key, wheel, sha256=SHA256)
    with storage.open(key) as file:
        file.seek(len(BODY) - 6)
        assert file.read() == b"wheel "


def test_putting_twice_is_putting_once(storage, wheel, key):
    storage.put(key, wheel, sha256=SHA256)
    storage.put(key, wheel, sha256=SHA256)
    with storage.open(key) as file:
        assert file.read() == BODY


def test_the_given_file_stays(storage, wheel, key):
    storage.put(key, wheel, sha256=SHA256)
    assert wheel.read_bytes() == BODY


def test_bytes_of_another_hash_are_not_kept(storage, wheel, key):
    with pytest.raises(BytesDiffer) as caught:
        storage.put(key, wheel, sha256="0" * 64)
    assert caught.value.found == SHA256
    assert not storage.exists(key)


def test_what_is_not_there_is_missing(storage, key):
    assert not storage.exists(key)
    with pytest.raises(BytesMissing):
        storage.open(key)
    with pytest.raises(BytesMissing):
        storage.size(key)


def test_what_is_deleted_is_gone(storage, wheel, key):
    storage.put(key, wheel, sha256=SHA256)
    storage.delete(key)
    assert not storage.exists(key)


def test_deleting_nothing_is_no_error(storage, key):
    storage.delete(key)
    assert not storage.exists(key)


def test_a_local_version_in_a_name_is_kept(storage, wheel):
    key = file_key(SHA256) + "/docopt-0.6.2+local.1-py3-none-any.whl"
    storage.put(key, wheel, sha256=SHA256)
    assert storage.size(key) == len(BODY)


@pytest.mark.parametrize(
    "key", ["../outside", "/etc/passwd", "files/../../x", "", "a//b", ".hidden"]
)
def test_a_key_that_leaves_is_refused(storage, wheel, key):
    with pytest.raises(InvalidKey):
        storage.put(key, wheel, sha256=SHA256)
    with pytest.raises(InvalidKey):
        storage.open(key)
    with pytest.raises(InvalidKey):
        storage.delete(key)


def test_without_its_own_addresses_we_stream(local_storage, memory_storage, key):
    for storage in (local_storage, memory_storage):
        assert storage.download_url(key, filename="x.whl", expires=60) is None
        assert storage.upload_url(key, expires_seconds=60) is None


def test_a_client_downloads_from_the_bucket(s3, wheel, key):
    s3.put(key, wheel, sha256=SHA256)
    answer = httpx.get(s3.download_url(key, filename=wheel.name, expires=60))
    assert (answer.status_code, answer.content) == (200, BODY)


def test_a_client_downloads_a_range(s3, wheel, key):
    s3.put(key, wheel, sha256=SHA256)
    url = s3.download_url(key, filename=wheel.name, expires=60)
    answer = httpx.get(url, headers={"Range": "bytes=0-4"})
    # rclone sends the range with the status of a whole file.
    assert answer.content == b"wheel"
    assert answer.headers["Content-Range"] == f"bytes 0-4/{len(BODY)}"


def test_a_builder_uploads_into_the_bucket(s3, key):
    answer = httpx.put(s3.upload_url(key, expires_seconds=60), content=BODY)
    assert answer.status_code == 200
    with s3.open(key) as file:
        assert file.read() == BODY


def test_an_upload_address_is_good_for_its_key_alone(rclone_storage, key):
    url = rclone_storage.upload_url(key, expires_seconds=60)
    answer = httpx.put(url.replace("docopt", "other"), content=BODY)
    assert answer.status_code == 403


def test_a_download_address_does_not_upload(rclone_storage, wheel, key):
    rclone_storage.put(key, wheel, sha256=SHA256)
    url = rclone_storage.download_url(key, filename=wheel.name, expires=60)
    assert httpx.put(url, content=b"other").status_code == 403


def test_a_local_put_that_fails_leaves_nothing(tmp_path, wheel, key):
    storage = LocalStorage(tmp_path / "storage")
    with pytest.raises(BytesDiffer):
        storage.put(key, wheel, sha256="0" * 64)
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []


def test_a_reader_of_a_local_file_keeps_what_it_opened(tmp_path, wheel, key):
    storage = LocalStorage(tmp_path / "storage")
    storage.put(key, wheel, sha256=SHA256)
    with storage.open(key) as reader:
        wheel.write_bytes(b"newer")
        storage.put(key, wheel, sha256=hashlib.sha256(b"newer").hexdigest())
        assert reader.read() == BODY
