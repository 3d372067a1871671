"""Build tags, and packing that gives equal bytes for equal contents."""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builds.domain.wheels import (
    EARLIEST,
    retag_wheel,
    tagged_filename,
    tagged_wheel_document,
    untagged_filename,
)
from builds.runner.check import read_wheel
from tests.builds.runner.wheels import make_wheel, wheel_files

DIST_INFO = "demo-1.0.dist-info"
EPOCH = 1_600_000_000


def retagged(content: bytes, *, epoch: int = EPOCH) -> bytes:
    target = io.BytesIO()
    retag_wheel(
        io.BytesIO(content), target, dist_info=DIST_INFO, build_tag="1affineur", epoch=epoch
    )
    return target.getvalue()


def packed(files: Mapping[str, bytes], *, year: int = 1999, mode: int = 0o644) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (year, 1, 2, 3, 4, 5))
            info.external_attr = (0o100000 | mode) << 16
            archive.writestr(info, content)
    return target.getvalue()


def opened(content: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content))


def test_what_comes_out_is_a_sound_wheel(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, files={"demo/__init__.py": b"x = 1\n", "demo/ä.txt": b"\0\1"})
    path = tmp_path / tagged_filename(wheel.name, "1affineur")

    path.write_bytes(retagged(wheel.read_bytes()))

    before, after = read_wheel(wheel), read_wheel(path)
    assert after.build == (1, "affineur")
    assert (after.tags, after.metadata, after.members) == (
        before.tags,
        before.metadata,
        before.members,
    )


def test_equal_contents_give_equal_bytes() -> None:
    files = wheel_files(files={"b.py": b"b", "a.py": b"a", "demo/c.py": b"c" * 10_000})
    backwards = dict(reversed(files.items()))

    assert retagged(packed(files, year=1999)) == retagged(packed(backwards, year=2020))


def test_a_second_pass_changes_nothing() -> None:
    once = retagged(packed(wheel_files()))

    assert retagged(once) == once


def test_record_and_dist_info_come_last() -> None:
    files = wheel_files(files={"zebra.py": b"", "demo-1.0.data/scripts/x": b"", "a/b.py": b""})

    names = opened(retagged(packed(files))).namelist()

    assert names == [
        "a/b.py",
        "demo-1.0.data/scripts/x",
        "zebra.py",
        f"{DIST_INFO}/METADATA",
        f"{DIST_INFO}/WHEEL",
        f"{DIST_INFO}/RECORD",
    ]


def test_record_gives_the_hash_and_size_of_everything() -> None:
    archive = opened(retagged(packed(wheel_files(files={"a, b.py": b"x"}))))

    rows = list(csv.reader(io.StringIO(archive.read(f"{DIST_INFO}/RECORD").decode())))

    expected = []
    for name in archive.namelist()[:-1]:
        digest = hashlib.sha256(archive.read(name)).digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        expected.append([name, f"sha256={encoded}", str(len(archive.read(name)))])
    assert rows == [*expected, [f"{DIST_INFO}/RECORD", "", ""]]


@pytest.mark.parametrize(
    ("mode", "kept"), [(0o600, 0o644), (0o664, 0o644), (0o744, 0o755), (0o711, 0o755)]
)
def test_of_a_mode_only_the_executable_bit_is_kept(mode: int, kept: int) -> None:
    archive = opened(retagged(packed(wheel_files(), mode=mode)))

    assert archive.getinfo("demo/__init__.py").external_attr >> 16 == 0o100000 | kept
    assert archive.getinfo(f"{DIST_INFO}/RECORD").external_attr >> 16 == 0o100644


@pytest.mark.parametrize(
    ("epoch", "moment"),
    [
        (EPOCH, (2020, 9, 13, 12, 26, 40)),
        (0, (1980, 1, 1, 0, 0, 0)),
        (-5, (1980, 1, 1, 0, 0, 0)),
        (EARLIEST, (1980, 1, 1, 0, 0, 0)),
        (10**12, (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_every_member_has_the_time_of_the_sources(
    epoch: int, moment: tuple[int, int, int, int, int, int]
) -> None:
    archive = opened(retagged(packed(wheel_files()), epoch=epoch))

    assert {info.date_time for info in archive.infolist()} == {moment}


def test_a_signature_of_the_old_record_goes() -> None:
    files = wheel_files() | {f"{DIST_INFO}/RECORD.jws": b"{}"}

    archive = opened(retagged(packed(files)))

    assert f"{DIST_INFO}/RECORD.jws" not in archive.namelist()
    assert b"jws" not in archive.read(f"{DIST_INFO}/RECORD")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"A: 1\nTag: x\n", b"A: 1\nTag: x\nBuild: 1affineur\n"),
        (b"A: 1\nTag: x", b"A: 1\nTag: x\nBuild: 1affineur\n"),
        (b"A: 1\nTag: x\n\n\n", b"A: 1\nTag: x\nBuild: 1affineur\n"),
        (b"A: 1\r\nbuild: 7\r\nTag: x\r\n", b"A: 1\r\nTag: x\r\nBuild: 1affineur\r\n"),
        (b"A: 1\nBUILD : 7\n  more\nTag: x\n", b"A: 1\nTag: x\nBuild: 1affineur\n"),
        (b"Builder: me\nBuild: 7", b"Builder: me\nBuild: 1affineur\n"),
    ],
)
def test_the_wheel_document_names_the_build_once(document: bytes, expected: bytes) -> None:
    assert tagged_wheel_document(document, "1affineur") == expected


part = st.from_regex(r"[A-Za-z0-9_.]{1,8}", fullmatch=True)


@given(
    name=part,
    version=part,
    tag=st.tuples(part, part, part),
    build=st.integers(1),
    old=st.integers(1),
)
def test_a_tag_replaces_the_one_before(
    name: str, version: str, tag: tuple[str, str, str], build: int, old: int
) -> None:
    plain = f"{name}-{version}-{'-'.join(tag)}.whl"

    tagged = tagged_filename(tagged_filename(plain, f"{old}x"), f"{build}affineur")

    assert tagged == f"{name}-{version}-{build}affineur-{'-'.join(tag)}.whl"
    assert untagged_filename(tagged) == plain
