import gzip
import io
import tarfile
import zipfile

import pytest

from portal.ownership import sdists
from portal.ownership.sdists import SdistTexts, UnreadableSdist, read_sdist

PKG_INFO = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
PYPROJECT = b"[tool.affineur]\n"
FILES = {"demo-1.0/PKG-INFO": PKG_INFO, "demo-1.0/pyproject.toml": PYPROJECT}


def tar(files: dict[str, bytes], *, mode: str = "w:gz", links: dict[str, str] | None = None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("demo-1.0.tar.gz", tar(FILES)),
        ("demo-1.0.tar.bz2", tar(FILES, mode="w:bz2")),
        ("demo-1.0.tar.xz", tar(FILES, mode="w:xz")),
        ("demo-1.0.tar", tar(FILES, mode="w")),
        ("demo-1.0.zip", zipped(FILES)),
    ],
    ids=["gzip", "bzip2", "xz", "plain", "zip"],
)
def test_both_texts_are_read_from_every_kind_of_archive(filename, data):
    assert read_sdist(filename, data) == SdistTexts(PKG_INFO, PYPROJECT)


def test_what_is_not_there_is_empty():
    assert read_sdist("demo-1.0.tar.gz", tar({"demo-1.0/setup.py": b"1"})) == SdistTexts()


@pytest.mark.parametrize(
    "name",
    [
        "PKG-INFO",
        "demo-1.0/demo.egg-info/PKG-INFO",
        "demo-1.0/vendored/PKG-INFO",
        "../PKG-INFO",
        "/PKG-INFO",
    ],
)
def test_only_the_top_folders_own_texts_count(name):
    assert read_sdist("demo-1.0.tar.gz", tar({name: PKG_INFO})) == SdistTexts()


def test_a_link_is_never_followed():
    data = tar({}, links={"demo-1.0/PKG-INFO": "/etc/passwd"})
    assert read_sdist("demo-1.0.tar.gz", data) == SdistTexts()


@pytest.mark.parametrize("make", [tar, zipped])
def test_two_top_folders_are_refused(make):
    filename = {tar: "demo-1.0.tar.gz", zipped: "demo-1.0.zip"}[make]
    data = make({"demo-1.0/PKG-INFO": PKG_INFO, "other-1.0/pyproject.toml": PYPROJECT})
    with pytest.raises(UnreadableSdist, match="more than one top folder"):
        read_sdist(filename, data)


@pytest.mark.parametrize("filename", ["demo-1.0.tar.gz", "demo-1.0.tar.bz2", "demo-1.0.zip"])
@pytest.mark.parametrize(
    "data", [b"", b"not an archive", tar(FILES)[:60]], ids=["empty", "text", "cut"]
)
def test_what_is_no_archive_is_refused(filename, data):
    with pytest.raises(UnreadableSdist, match="cannot be read"):
        read_sdist(filename, data)


def test_a_bomb_is_stopped_on_the_way(monkeypatch):
    monkeypatch.setattr(sdists, "MAX_UNPACKED", 1024 * 1024)
    data = tar({"demo-1.0/zeros": bytes(8 * 1024 * 1024), **FILES})
    assert len(data) < 100_000
    with pytest.raises(UnreadableSdist, match="unpacks to more than 1 MiB"):
        read_sdist("demo-1.0.tar.gz", data)


@pytest.mark.parametrize("make", [tar, zipped])
def test_too_many_members_are_refused(monkeypatch, make):
    monkeypatch.setattr(sdists, "MAX_MEMBERS", 10)
    filename = {tar: "demo-1.0.tar.gz", zipped: "demo-1.0.zip"}[make]
    with pytest.raises(UnreadableSdist, match="more than 10 members"):
        read_sdist(filename, make({f"demo-1.0/{n}": b"" for n in range(11)}))


@pytest.mark.parametrize("make", [tar, zipped])
def test_metadata_without_end_is_refused(monkeypatch, make):
    monkeypatch.setattr(sdists, "MAX_TEXT", 1000)
    filename = {tar: "demo-1.0.tar.gz", zipped: "demo-1.0.zip"}[make]
    with pytest.raises(UnreadableSdist, match="metadata is larger"):
        read_sdist(filename, make({"demo-1.0/PKG-INFO": bytes(1001)}))


def test_a_gzip_with_something_else_inside_is_refused():
    with pytest.raises(UnreadableSdist, match="cannot be read"):
        read_sdist("demo-1.0.tar.gz", gzip.compress(b"hello" * 1000))
