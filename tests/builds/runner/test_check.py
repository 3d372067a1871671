"""Reading a wheel without running it."""

import hashlib
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from builds.domain.outcomes import Outcome
from builds.domain.targets import parse_target
from builds.runner.check import WheelLimits, check_wheel, importable, read_wheel
from builds.runner.problems import WheelProblem
from tests.builds.runner.wheels import ELF, linked, make_wheel, pack, record_of, wheel_files

FILENAME = "demo-1.0-py3-none-any.whl"
DIST_INFO = "demo-1.0.dist-info"
TARGET = parse_target("cp313-manylinux_2_36_x86_64")
DEMO = canonicalize_name("demo")
AARCH64 = 183
I386 = 3


def native(member: str, content: bytes, tag: str = "cp313-cp313") -> dict[str, Any]:
    """A wheel for one platform with one member of machine code."""
    files = {"demo/__init__.py": b"", member: content}
    return {"tag": f"{tag}-manylinux_2_17_x86_64", "files": files}


def rerecorded(files: dict[str, bytes]) -> dict[str, bytes]:
    record = f"{DIST_INFO}/RECORD"
    rest = {name: content for name, content in files.items() if name != record}
    return rest | {record: record_of(rest, record)}


def test_a_sound_wheel_is_read(tmp_path: Path) -> None:
    path = make_wheel(
        tmp_path,
        files={
            "demo/__init__.py": b"",
            "_speed.cpython-313-x86_64-linux-gnu.so": ELF,
            f"{DIST_INFO}/entry_points.txt": b"[console_scripts]\nDemo = demo:main\n",
            f"{DIST_INFO}/LICENSE": b"do as you like",
        },
        metadata="Requires-Python: >=3.9\nRequires-Dist: other>1\nLicense-File: LICENSE\n",
    )

    facts = read_wheel(path)

    assert facts.project == "demo"
    assert facts.version == Version("1.0")
    assert facts.requires_python == ">=3.9"
    assert facts.requires_dist == ("other>1",)
    assert facts.modules == ("_speed", "demo")
    assert tuple(facts.elf) == ("_speed.cpython-313-x86_64-linux-gnu.so",)
    assert facts.scripts == (("Demo", "demo:main"),)
    assert facts.licence_files == (f"{DIST_INFO}/LICENSE",)
    assert facts.metadata.startswith(b"Metadata-Version: 2.1\nName: demo\n")
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts.size == path.stat().st_size


def test_a_file_name_in_an_old_spelling_is_read(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, name="Demo_Thing", files={"demo.py": b""})

    assert read_wheel(path).project == "demo-thing"


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["pkg/__init__.py", "pkg/tests/__init__.py"], ("pkg",)),
        (["single.py", "__main__.py"], ("single",)),
        (["quick.abi3.so"], ("quick",)),
        (["pkg/__init__.cpython-313-x86_64-linux-gnu.so"], ("pkg",)),
        (["ns/part/__init__.py", "ns/loose.py", "other.py"], ("ns.part", "other")),
        (["ns/loose.py"], ("ns.loose",)),
        (["tests/__init__.py", "pkg/__init__.py"], ("pkg",)),
        (["tests/__init__.py"], ("tests",)),
        (["demo-1.0.data/platlib/deep/__init__.py"], ("deep",)),
        (["demo-1.0.data/scripts/run.py"], ()),
        (["demo-stubs/__init__.pyi", "demo.libs/libz.so.1"], ()),
        ([f"{DIST_INFO}/odd.py"], ()),
    ],
)
def test_modules_come_from_the_files(files: list[str], modules: tuple[str, ...]) -> None:
    assert importable(files, DIST_INFO) == modules


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../outside.py", "leaves the wheel"),
        ("/etc/outside.py", "leaves the wheel"),
        ("demo/../../outside.py", "leaves the wheel"),
        ("demo//twice.py", "leaves the wheel"),
        ("C:/outside.py", "leaves the wheel"),
        ("demo\\outside.py", "character"),
        ("demo/new\nline.py", "character"),
        ("demo/__init__.py/below.py", "where a folder must be"),
        ("other-1.0.dist-info/METADATA", "exactly one .dist-info"),
        ("other-1.0.data/scripts/run", ".data folder"),
    ],
)
def test_a_path_that_does_not_belong_is_refused(tmp_path: Path, name: str, said: str) -> None:
    path = pack(tmp_path / FILENAME, rerecorded({name: b"x", **wheel_files()}))

    with pytest.raises(WheelProblem, match=said) as caught:
        read_wheel(path)

    assert caught.value.outcome is Outcome.WHEEL_MALFORMED


@pytest.mark.parametrize(
    ("member", "content", "said"),
    [
        ("demo/__init__.py", b"changed", "hash that its RECORD gives"),
        ("demo/unnamed.py", b"", "RECORD does not name"),
        (f"{DIST_INFO}/RECORD", b"", "RECORD does not name"),
        (f"{DIST_INFO}/RECORD", b"one,two\n", "three fields"),
        (f"{DIST_INFO}/RECORD", b"gone.py,sha256=x,1\n", "does not hold"),
        (f"{DIST_INFO}/RECORD", b"demo/__init__.py,md5=x,0\n", "good enough"),
        (f"{DIST_INFO}/RECORD", b"demo/__init__.py,,\n", "good enough"),
    ],
)
def test_record_must_be_true_of_every_file(
    tmp_path: Path, member: str, content: bytes, said: str
) -> None:
    path = pack(tmp_path / FILENAME, wheel_files() | {member: content})

    with pytest.raises(WheelProblem, match=said):
        read_wheel(path)


@pytest.mark.parametrize(
    ("member", "content", "said"),
    [
        ("METADATA", b"Name: other\nVersion: 1.0\n", "another release"),
        ("METADATA", b"Name: demo\nVersion: 1.1\n", "another release"),
        ("METADATA", b"Name: demo\nVersion: soon\n", "another release"),
        ("METADATA", b"Name: demo\nVersion: 1.0\nRequires-Python: three\n", "Requires-Python"),
        (
            "METADATA",
            b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-File: LICENSE\n",
            "licence file",
        ),
        ("WHEEL", b"Wheel-Version: 2.0\nTag: py3-none-any\n", "Wheel-Version"),
        ("WHEEL", b"Wheel-Version: 1.0\nTag: py2-none-any\n", "other tags"),
        ("WHEEL", b"Wheel-Version: 1.0\nTag: py3-none-any\nBuild: 1\n", "another build"),
        ("entry_points.txt", b"console_scripts\n", "entry_points.txt"),
    ],
)
def test_a_document_that_does_not_fit_is_refused(
    tmp_path: Path, member: str, content: bytes, said: str
) -> None:
    files = rerecorded(wheel_files() | {f"{DIST_INFO}/{member}": content})
    path = pack(tmp_path / FILENAME, files)

    with pytest.raises(WheelProblem, match=said):
        read_wheel(path)


@pytest.mark.parametrize("member", ["METADATA", "WHEEL", "RECORD"])
def test_a_wheel_without_a_document_is_refused(tmp_path: Path, member: str) -> None:
    files = wheel_files()
    del files[f"{DIST_INFO}/{member}"]
    path = pack(tmp_path / FILENAME, files if member == "RECORD" else rerecorded(files))

    with pytest.raises(WheelProblem, match=f"it has no {member}"):
        read_wheel(path)


def test_a_name_held_twice_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("demo/__init__.py", b"the second")

    with pytest.raises(WheelProblem, match="one name twice"):
        read_wheel(path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    link = zipfile.ZipInfo("demo/link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")

    with pytest.raises(WheelProblem, match="link or a device"):
        read_wheel(path)


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("demo/odd.py", b"")

    with pytest.raises(WheelProblem, match="packed in a way"):
        read_wheel(path)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (WheelLimits(size=100), "larger than 100 bytes"),
        (WheelLimits(members=3), "more than 3 members"),
        (WheelLimits(unpacked=1000), "more than 1000 bytes"),
        (WheelLimits(ratio=10, ratio_from=1000), "more than 10 times"),
        (WheelLimits(document=10), "document of it is larger"),
    ],
)
def test_a_bomb_is_refused_before_it_is_opened(
    tmp_path: Path, limits: WheelLimits, said: str
) -> None:
    path = make_wheel(tmp_path, files={"demo.py": bytes(100_000)})

    with pytest.raises(WheelProblem, match=said):
        read_wheel(path, limits)


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo.py": bytes(5000)})
    content = path.read_bytes()
    assert content.count(struct.pack("<I", 5000)) == 2
    path.write_bytes(content.replace(struct.pack("<I", 5000), struct.pack("<I", 50)))

    with pytest.raises(WheelProblem, match="not a sound zip"):
        read_wheel(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / FILENAME
    path.write_bytes(content)

    with pytest.raises(WheelProblem):
        read_wheel(path)


def test_something_before_the_archive_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())

    with pytest.raises(WheelProblem, match="before the archive"):
        read_wheel(path)


def test_a_name_that_is_no_wheels_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path)

    with pytest.raises(WheelProblem, match="filename"):
        read_wheel(path.rename(tmp_path / "demo.whl"))


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        ({"name": "other"}, Outcome.WHEEL_OTHER_PROJECT),
        ({"version": "1.1"}, Outcome.WHEEL_OTHER_PROJECT),
        ({"tag": "cp312-cp312-linux_x86_64"}, Outcome.WHEEL_OTHER_TARGET),
        ({"tag": "cp312-cp312-manylinux_2_17_x86_64"}, Outcome.WHEEL_OTHER_TARGET),
        ({"tag": "cp313-cp313-manylinux_2_39_x86_64"}, Outcome.WHEEL_OTHER_TARGET),
        ({"tag": "py2-none-any"}, Outcome.WHEEL_OTHER_TARGET),
        ({"metadata": "Requires-Python: <3.13\n"}, Outcome.WHEEL_OTHER_TARGET),
        ({"files": {"demo/_speed.so": ELF}}, Outcome.WHEEL_MALFORMED),
        (native("demo.abi3.so", linked(machine=AARCH64)), Outcome.WHEEL_OTHER_TARGET),
        (native("demo/data.so", linked(machine=I386)), Outcome.WHEEL_OTHER_TARGET),
        (native("demo.abi3.so", linked(runpath="/usr/lib")), Outcome.WHEEL_MALFORMED),
        (native("demo/_a.so", linked(runpath="$ORIGIN/../../lib")), Outcome.WHEEL_MALFORMED),
        (native("demo/_a.abi3.so", linked(runpath="$ORIGIN:")), Outcome.WHEEL_MALFORMED),
        (native("demo.cpython-39-x86_64-linux-gnu.so", linked()), Outcome.WHEEL_OTHER_TARGET),
        (native("demo.cpython-313t-x86_64-linux-gnu.so", linked()), Outcome.WHEEL_OTHER_TARGET),
        (
            native("demo.cpython-313-x86_64-linux-gnu.so", linked(), tag="cp39-abi3"),
            Outcome.WHEEL_MALFORMED,
        ),
        (native("demo/_speed.so", linked(), tag="py3-none"), Outcome.WHEEL_MALFORMED),
    ],
)
def test_a_wheel_of_something_else_is_refused(
    tmp_path: Path, made: dict[str, str], outcome: Outcome
) -> None:
    facts = read_wheel(make_wheel(tmp_path, **made))

    with pytest.raises(WheelProblem) as caught:
        check_wheel(facts, project=DEMO, version=Version("1.0"), target=TARGET)

    assert caught.value.outcome is outcome


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"tag": "cp39-abi3-manylinux_2_17_x86_64", "files": {"demo.abi3.so": ELF}},
        {"tag": "cp313-cp313-manylinux_2_36_x86_64"},
        {"metadata": "Requires-Python: >=3.13.1\n"},
        native("demo/_a.so", linked(runpath="$ORIGIN/../demo.libs:$ORIGIN")),
        native("demo.cpython-313-x86_64-linux-gnu.so", linked()),
        native("demo/libdemo.so", linked(symbol="demo"), tag="py3-none"),
        native("demo/_speed.abi3.so", linked(), tag="py3-none"),
        native("demo-1.0.data/scripts/tool", linked(symbol="main"), tag="py3-none"),
        # Not for loading: tests of a debugger, say.
        native("demo/other.o", linked(machine=I386, kind=1)),
    ],
)
def test_a_wheel_for_the_target_is_accepted(tmp_path: Path, made: dict[str, str]) -> None:
    facts = read_wheel(make_wheel(tmp_path, **made))

    check_wheel(facts, project=DEMO, version=Version("1.0"), target=TARGET)


@pytest.mark.parametrize(
    "member",
    [
        # pip gives each of these a place in site-packages of its own.
        "demo-1.0.data/purelib/pip-99.dist-info/METADATA",
        "demo-1.0.data/platlib/PIP-99.DIST-INFO/METADATA",
        "pip-99.egg-info/PKG-INFO",
        "pip.egg-link",
        "DEMO-1.0.DIST-INFO/METADATA",
    ],
)
def test_a_wheel_does_not_describe_another_distribution(tmp_path: Path, member: str) -> None:
    path = make_wheel(tmp_path, files={"demo.py": b"", member: b"Name: pip\n"})

    with pytest.raises(WheelProblem) as raised:
        read_wheel(path)

    assert raised.value.outcome is Outcome.WHEEL_MALFORMED


def test_an_egg_info_of_its_own_is_let_be(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo.py": b"", "demo.egg-info/PKG-INFO": b""})

    assert read_wheel(path).project == "demo"


@pytest.mark.parametrize(
    "member",
    [
        "demo-1.0.data",
        "demo-1.0.data/purelib",
        "demo-1.0.data/stdlib/os.py",
        "/".join(["d"] * 2000),
        "n" * 5000,
    ],
)
def test_a_member_without_a_place_is_malformed(tmp_path: Path, member: str) -> None:
    path = make_wheel(tmp_path, files={"demo.py": b"", member: b""})

    with pytest.raises(WheelProblem) as raised:
        read_wheel(path)

    assert raised.value.outcome is Outcome.WHEEL_MALFORMED


def test_a_line_of_tags_does_not_fill_the_memory(tmp_path: Path) -> None:
    many = ".".join(f"a{number}" for number in range(2000))
    files = wheel_files()
    wheel = f"{DIST_INFO}/WHEEL"
    files[wheel] += f"Tag: {many}-{many}-{many}\n".encode()
    path = pack(tmp_path / FILENAME, rerecorded(files))

    with pytest.raises(WheelProblem, match="too many tags"):
        read_wheel(path)


@pytest.mark.parametrize("group", ["console_scripts", "gui_scripts"])
@pytest.mark.parametrize("name", ["../../bin/sh", "/bin/sh", "..", "a\\b", "-rf"])
def test_a_script_stays_in_its_folder(tmp_path: Path, group: str, name: str) -> None:
    points = f"[{group}]\n{name} = demo:main\n".encode()
    path = make_wheel(tmp_path, files={f"{DIST_INFO}/entry_points.txt": points})

    with pytest.raises(WheelProblem, match="leaves its folder"):
        read_wheel(path)


@pytest.mark.parametrize(
    "metadata",
    [
        "Requires-Python: >=3.9\nRequires-Python: <3\n",
        "Name: other\n",
        "Version: 2.0\n",
        f"Requires-Python: {','.join(['!=3.0'] * 100)}\n",
        "Requires-Python: ===3\x00\n",
    ],
)
def test_metadata_that_can_be_read_in_two_ways_is_malformed(tmp_path: Path, metadata: str) -> None:
    path = make_wheel(tmp_path, metadata=metadata)

    with pytest.raises(WheelProblem) as raised:
        read_wheel(path)

    assert raised.value.outcome is Outcome.WHEEL_MALFORMED


@pytest.mark.parametrize("tag", ["py3-none-any.a b", "py3-none-any.<i>", "py3-none-any.\x1b[31m"])
def test_a_filename_holds_what_filenames_hold(tmp_path: Path, tag: str) -> None:
    path = make_wheel(tmp_path, tag=tag)

    with pytest.raises(WheelProblem, match="filename"):
        read_wheel(path)


@pytest.mark.parametrize(
    ("tag", "outcome"),
    [
        ("cp313-cp313-manylinux_2_17_x86_64.win_amd64", Outcome.WHEEL_OTHER_TARGET),
        ("py3-none-manylinux_2_17_x86_64.any", Outcome.WHEEL_MALFORMED),
    ],
)
def test_machine_code_is_for_the_platform_it_was_built_on(
    tmp_path: Path, tag: str, outcome: Outcome
) -> None:
    facts = read_wheel(make_wheel(tmp_path, tag=tag, files={"demo.abi3.so": ELF}))

    with pytest.raises(WheelProblem) as raised:
        check_wheel(facts, project=DEMO, version=Version("1.0"), target=TARGET)

    assert raised.value.outcome is outcome
