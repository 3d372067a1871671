"""Sdists are unpacked as if they meant harm, and read without running them."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from builds.domain.outcomes import Outcome
from builds.runner.inspect import EARLIEST, SdistFacts, SdistLimits, read_sdist, unpack
from builds.runner.problems import JobProblem
from tests.data import sdists
from tests.data.sdists import MTIME, Sdist, pack

LIMITS = SdistLimits()


def member(name: str, content: bytes = b"", **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mtime = MTIME
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes], file_format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=file_format) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if content else None)
    return gzip.compress(buffer.getvalue())


def zipped(*members: tuple[str, bytes, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name, (2017, 7, 14, 2, 40, 0))
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def opened(folder: Path, content: bytes, limits: SdistLimits = LIMITS) -> tuple[str, int]:
    archive = folder / "archive"
    archive.write_bytes(content)
    into = folder / "into"
    into.mkdir()
    return unpack(archive, into, filename="demo-1.0.tar.gz", limits=limits)


def read(folder: Path, sdist: Sdist) -> SdistFacts:
    top, epoch = opened(folder, pack(sdist))
    return read_sdist(
        folder / "into",
        top=top,
        epoch=epoch,
        project=sdist.name,
        version=sdist.version,
        limits=LIMITS,
    )


@pytest.mark.parametrize("sdist", [sdists.LEGACY, sdists.BZIPPED, sdists.ZIPPED])
def test_every_kind_of_archive_is_read_alike(tmp_path: Path, sdist: Sdist) -> None:
    facts = read(tmp_path, sdist)

    assert facts.folder == "legacy-demo-1.0"
    assert facts.source_date_epoch == MTIME
    assert facts.backend == "setuptools.build_meta:__legacy__"
    assert facts.requires == ("setuptools>=40.8.0",)
    assert (tmp_path / "into/legacy-demo-1.0/legacy_demo.py").is_file()


def test_an_xz_archive_is_read(tmp_path: Path) -> None:
    content = lzma.compress(gzip.decompress(pack(sdists.LEGACY)))

    assert opened(tmp_path, content) == ("legacy-demo-1.0", MTIME)


def test_modes_and_times_are_settled(tmp_path: Path) -> None:
    read(tmp_path, sdists.PURE)

    package = tmp_path / "into/pure-demo-1.0/pure_demo"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in package.iterdir()}
    assert modes == {"__init__.py": 0o644, "tool.py": 0o755}
    assert stat.S_IMODE(package.stat().st_mode) == 0o755
    assert (package / "tool.py").stat().st_mtime == MTIME


def test_the_newest_member_dates_the_sdist(tmp_path: Path) -> None:
    content = tar(member("demo-1.0/old", mtime=MTIME - 5), member("demo-1.0/new", mtime=MTIME + 5))

    assert opened(tmp_path, content) == ("demo-1.0", MTIME + 5)


def test_an_sdist_without_times_is_dated_as_early_as_zip_archives_know(tmp_path: Path) -> None:
    assert opened(tmp_path, tar(member("demo-1.0/file", mtime=0))) == ("demo-1.0", EARLIEST)


def test_links_that_stay_inside_are_kept(tmp_path: Path) -> None:
    opened(
        tmp_path,
        tar(
            member("./demo-1.0/src/real.txt", b"real"),
            member("demo-1.0/link.txt", type=tarfile.SYMTYPE, linkname="src/real.txt"),
            member("demo-1.0/src/up", type=tarfile.SYMTYPE, linkname="../link.txt"),
            member("demo-1.0/hard.txt", type=tarfile.LNKTYPE, linkname="demo-1.0/src/real.txt"),
        ),
    )

    top = tmp_path / "into/demo-1.0"
    assert [(top / name).read_text() for name in ("link.txt", "src/up", "hard.txt")] == ["real"] * 3
    assert (top / "link.txt").is_symlink()
    assert (top / "hard.txt").stat().st_ino != (top / "src/real.txt").stat().st_ino


def test_what_macos_writes_beside_the_top_folder_is_passed_over(tmp_path: Path) -> None:
    content = tar(member("._demo-1.0", b"x"), member("demo-1.0/setup.py", b"x"))

    assert opened(tmp_path, content)[0] == "demo-1.0"


def test_of_one_name_the_last_member_counts(tmp_path: Path) -> None:
    opened(
        tmp_path,
        tar(
            member("demo-1.0/twice", type=tarfile.SYMTYPE, linkname="elsewhere"),
            member("demo-1.0/twice", b"last"),
        ),
    )

    assert (tmp_path / "into/demo-1.0/twice").read_text() == "last"
    assert not (tmp_path / "into/demo-1.0/elsewhere").exists()


HOSTILE = {
    "absolute": tar(member("/etc/evil", b"x")),
    "parent": tar(member("demo-1.0/../../evil", b"x")),
    "drive": tar(member("C:/evil", b"x")),
    "link out": tar(member("demo-1.0/l", type=tarfile.SYMTYPE, linkname="../../etc")),
    "absolute link": tar(member("demo-1.0/l", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "empty link": tar(member("demo-1.0/l", type=tarfile.SYMTYPE, linkname="")),
    "hard link out": tar(member("demo-1.0/l", type=tarfile.LNKTYPE, linkname="../../etc/passwd")),
    "absolute hard link": tar(member("demo-1.0/l", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "through a link": tar(
        member("demo-1.0/sub/file"),
        member("demo-1.0/l", type=tarfile.SYMTYPE, linkname="sub"),
        member("demo-1.0/l/evil", b"x"),
    ),
    "device": tar(member("demo-1.0/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "pipe": tar(member("demo-1.0/pipe", type=tarfile.FIFOTYPE)),
    "deep": tar(member("demo-1.0/" + "a/" * 70 + "file")),
    "long name": tar(member("demo-1.0/" + "a" * 300)),
    "long header": tar(member("demo-1.0/x", pax_headers={"comment": "x" * (5 << 20)})),
    "zip parent": zipped(("demo-1.0/../../evil", b"x", 0o644)),
    "zip absolute": zipped(("/evil", b"x", 0o644)),
    "zip link out": zipped(("demo-1.0/l", b"/etc/passwd", stat.S_IFLNK | 0o777)),
    "zip pipe": zipped(("demo-1.0/pipe", b"", stat.S_IFIFO | 0o644)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_means_harm_is_hostile_and_writes_nothing_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobProblem) as caught:
        opened(tmp_path, HOSTILE[name])

    assert caught.value.outcome is Outcome.SDIST_HOSTILE
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "into"}
    assert not Path("/etc/evil").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(tar(*(member(f"demo-1.0/{n}") for n in range(101))), id="members"),
        pytest.param(tar(member("demo-1.0/big", bytes(30_000))), id="ratio"),
        pytest.param(zipped(("demo-1.0/big", bytes(30_000), 0o644)), id="zip ratio"),
        pytest.param(zipped(*((f"d/{n}", b"", 0o644) for n in range(101))), id="zip members"),
        pytest.param(
            tar(member("demo-1.0/big", os.urandom(200_000))), id="bytes that do not compress"
        ),
    ],
)
def test_a_bomb_is_hostile(tmp_path: Path, content: bytes) -> None:
    limits = SdistLimits(members=100, unpacked=100_000, ratio=10, ratio_from=10_000)

    with pytest.raises(JobProblem) as caught:
        opened(tmp_path, content, limits)

    assert caught.value.outcome is Outcome.SDIST_HOSTILE
    held = sum(path.stat().st_size for path in (tmp_path / "into").rglob("*") if path.is_file())
    assert held <= limits.unpacked


def test_a_hundred_thousand_members_are_hostile(tmp_path: Path) -> None:
    headers = (tarfile.TarInfo(f"demo-1.0/{n}").tobuf(tarfile.USTAR_FORMAT) for n in range(100_000))

    with pytest.raises(JobProblem, match="more than 20000 members") as caught:
        opened(tmp_path, gzip.compress(b"".join(headers), 1))

    assert caught.value.outcome is Outcome.SDIST_HOSTILE


def test_padding_after_the_last_member_is_not_unpacked_for_ever(tmp_path: Path) -> None:
    small = SdistLimits(members=10, unpacked=10_000, ratio=10, ratio_from=10_000)
    info = tarfile.TarInfo("demo-1.0/sparse")
    info.size = 50_000_000
    content = gzip.compress(info.tobuf() + bytes(5_000_000))

    with pytest.raises(JobProblem) as caught:
        opened(tmp_path, content, small)

    assert caught.value.outcome is Outcome.SDIST_HOSTILE


MALFORMED = {
    "nothing": b"",
    "noise": b"this is no archive",
    "empty tar": tar(),
    "broken gzip": gzip.compress(b"x" * 2000)[:-12],
    "cut short": pack(sdists.EXTENSION)[:300],
    "not a tar": gzip.compress(b"x" * 2000),
    "broken zip": pack(sdists.ZIPPED)[:-30],
    "broken bzip2": bz2.compress(b"x" * 2000)[:-4],
    "two tops": tar(member("a/setup.py", b"x"), member("b/setup.py", b"x")),
    "a file on top": tar(member("setup.py", b"x")),
    "file as folder": tar(member("demo-1.0/a", b"x"), member("demo-1.0/a/b", b"x")),
    "folder as file": tar(member("demo-1.0/a/b", b"x"), member("demo-1.0/a", b"x")),
    "link to nothing": tar(member("demo-1.0/l", type=tarfile.LNKTYPE, linkname="demo-1.0/no")),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_read_is_malformed(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobProblem) as caught:
        opened(tmp_path, MALFORMED[name])

    assert caught.value.outcome is Outcome.SDIST_MALFORMED


@pytest.mark.parametrize(
    "pyproject",
    [
        "[build-system",
        "[build-system]\nbuild-backend = 'x'\n",
        "build-system = 3\n",
        "[build-system]\nrequires = 'setuptools'\n",
        "[build-system]\nrequires = [3]\n",
        "[build-system]\nrequires = []\nbuild-backend = 'os; import evil'\n",
        "[build-system]\nrequires = []\nbuild-backend = 3\n",
    ],
)
def test_a_pyproject_that_makes_no_sense_is_malformed(tmp_path: Path, pyproject: str) -> None:
    sdist = replace(sdists.PURE, files={"pyproject.toml": pyproject, "setup.py": ""})

    with pytest.raises(JobProblem) as caught:
        read(tmp_path, sdist)

    assert caught.value.outcome is Outcome.SDIST_MALFORMED


def test_an_sdist_that_cannot_be_built_in_any_way_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(JobProblem, match=r"neither pyproject\.toml nor setup\.py"):
        read(tmp_path, replace(sdists.PURE, files={"README": ""}))


def test_a_build_backend_is_read(tmp_path: Path) -> None:
    facts = read(tmp_path, sdists.OWN)

    assert (facts.backend, facts.backend_path, facts.requires) == ("backend", (".",), ())


EXTERNAL = """\
[external]
build-requires = ["dep:generic/a"]
host-requires = ["dep:generic/b"]
dependencies = ["dep:generic/a", "dep:generic/c"]
optional-host-requires = 3
"""


@pytest.mark.parametrize("system", ["", sdists.SETUPTOOLS])
@pytest.mark.parametrize(
    ("table", "external"),
    [
        ("", ()),
        (EXTERNAL, ("dep:generic/a", "dep:generic/b", "dep:generic/c")),
        ("external = 3\n", ()),
        ('[external]\nhost-requires = "dep:generic/a"\n', ()),
        ('[external]\nhost-requires = [3, {}, "dep:generic/a"]\n', ("dep:generic/a",)),
        (f"[external]\nhost-requires = ['{'x' * 201}']\n", ()),
        (f"[external]\nhost-requires = {[*map(str, range(99))]}\n", tuple(map(str, range(50)))),
    ],
)
def test_what_is_needed_beside_python_packages_is_read(
    tmp_path: Path, system: str, table: str, external: tuple[str, ...]
) -> None:
    sdist = replace(sdists.PURE, files={"pyproject.toml": table + system})

    assert read(tmp_path, sdist).external == external


@pytest.mark.parametrize(
    "metadata",
    [
        "Name: other\nVersion: 1.0\n",
        "Name: pure-demo\nVersion: 1.1\n",
        "Name: pure-demo\nVersion: latest\n",
        "Version: 1.0\n",
    ],
)
def test_metadata_of_another_release_is_refused(tmp_path: Path, metadata: str) -> None:
    with pytest.raises(JobProblem) as caught:
        read(tmp_path, replace(sdists.PURE, metadata=metadata))

    assert caught.value.outcome is Outcome.SDIST_OTHER_PROJECT


def test_metadata_in_another_spelling_is_the_same_release(tmp_path: Path) -> None:
    facts = read(tmp_path, replace(sdists.PURE, metadata="Name: Pure_Demo\nVersion: 1.0.0\n"))

    assert facts.metadata == {"Name": "Pure_Demo", "Version": "1.0.0"}


def test_a_document_that_is_a_link_is_not_read(tmp_path: Path) -> None:
    content = tar(
        member("demo-1.0/setup.py", b""),
        member("demo-1.0/PKG-INFO", type=tarfile.SYMTYPE, linkname="setup.py"),
    )
    top, epoch = opened(tmp_path, content)

    with pytest.raises(JobProblem) as caught:
        read_sdist(
            tmp_path / "into",
            top=top,
            epoch=epoch,
            project="demo",
            version="1.0",
            limits=LIMITS,
        )

    assert caught.value.outcome is Outcome.SDIST_MALFORMED
