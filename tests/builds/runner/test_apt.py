"""The real apt, on a small archive of our own."""

import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builds.runner.apt import Apt
from builds.runner.origins import UnpackedPackages, trace
from builds.runner.packages import Found, MirrorError, NotInstallableError
from builds.runner.problems import LeaseGoneError
from tests.data.debian import TRIPLET, Archive, Deb, architecture

pytestmark = pytest.mark.skipif(not Apt.is_here(), reason="apt is not here")

LIBRARIES = f"usr/lib/{TRIPLET}"
RIND = Deb("librind1", {f"lib/{TRIPLET}/librind.so.1": "rind"})
RIND_DEV = Deb(
    "librind-dev",
    {
        "usr/include/rind/rind.h": "",
        "usr/include/rindscrape.h": "",
        f"{LIBRARIES}/librind.so": "-> librind.so.1",
        f"{LIBRARIES}/pkgconfig/rind.pc": "",
        "usr/bin/rind-config": "",
    },
    depends="librind1 (= 1.0-1), libc6",
)
RIND_COMPAT = Deb("librind-compat-dev", {"usr/include/crust": "-> rind"}, depends="librind-dev")
OTHER = Deb("librind-lesser-dev", {"usr/bin/rind-config": "", "usr/include/other/rindscrape.h": ""})
CURDS = Deb(
    "libcurds-reference-dev",
    {f"{LIBRARIES}/reference/libcurds.so": "", f"{LIBRARIES}/reference/libcurds.so.3": ""},
    depends="librind-compat-dev",
)
FAST_CURDS = Deb("libcurds-fast-dev", {f"{LIBRARIES}/fast/libcurds.so": ""})
CAVE = Deb("cave", {"usr/include/cave/deep.h": ""}, depends="libcurds-reference-dev")
EVERY = (RIND, RIND_DEV, RIND_COMPAT, OTHER, CURDS, FAST_CURDS, CAVE)


def yes() -> bool:
    return True


@pytest.fixture(scope="module")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Apt:
    folder = tmp_path_factory.mktemp("debian")
    return Apt(folder / "apt", sources=Archive(folder / "archive", *EVERY).sources)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", RIND)


@pytest.fixture
def own_apt(tmp_path: Path, archive: Archive) -> Apt:
    return Apt(tmp_path / "apt", sources=archive.sources)


@pytest.mark.parametrize(
    ("file", "path", "packages"),
    [
        ("rind/rind.h", "usr/include/rind/rind.h", ("librind-dev",)),
        ("rind.pc", f"{LIBRARIES}/pkgconfig/rind.pc", ("librind-dev",)),
        ("librind.so", f"{LIBRARIES}/librind.so", ("librind-dev",)),
        ("rind-config", "usr/bin/rind-config", ("librind-dev", "librind-lesser-dev")),
        ("rindscrape.h", "usr/include/rindscrape.h", ("librind-dev",)),
        ("crust/rind.h", "usr/include/crust", ("librind-compat-dev",)),
    ],
)
def test_the_owner_of_a_file_is_found(
    apt: Apt, file: str, path: str, packages: tuple[str, ...]
) -> None:
    assert apt.find(file, is_live=yes) == Found(file, path, packages)


def test_of_libraries_that_stand_for_each_other_the_most_needed_is_chosen(apt: Apt) -> None:
    found = apt.find("libcurds.so", is_live=yes)

    assert found == Found(
        "libcurds.so",
        f"{LIBRARIES}/reference/libcurds.so",
        ("libcurds-reference-dev", "libcurds-fast-dev"),
    )


def test_a_header_where_compilers_do_not_look_comes_with_its_folder(apt: Apt) -> None:
    found = apt.find("deep.h", is_live=yes)

    assert found == Found("deep.h", "usr/include/cave/deep.h", ("cave",), "usr/include/cave")


def test_what_the_host_has_is_asked_of_nobody(tmp_path: Path) -> None:
    alone = Apt(tmp_path, sources=tmp_path / "none.list")

    assert alone.find("sh", is_live=yes) == Found("sh", "usr/bin/sh")


@pytest.mark.parametrize("file", ["not-there.h", "not-there.pc", "../rind.h", "-x", "/etc/passwd"])
def test_what_nobody_owns_is_not_found(apt: Apt, file: str) -> None:
    assert apt.find(file, is_live=yes) is None


def test_packages_are_told_from_names_that_are_none(apt: Apt) -> None:
    asked = ["cave", "no-such-package", "--help", "librind-dev"]

    assert apt.known(asked, is_live=yes) == ["cave", "librind-dev"]


def test_a_package_comes_with_what_it_needs_and_the_host_has_not(apt: Apt) -> None:
    root = apt.unpack(["librind-dev"], is_live=yes)

    assert root.folder is not None
    assert [package.name for package in root.packages] == ["librind-dev", "librind1"]
    # What a package has beside /usr is where the host has it: there, by a link.
    library = root.folder / "usr" / "lib" / TRIPLET / "librind.so"
    assert library.read_text() == "rind"
    assert (root.folder / "usr/bin/rind-config").exists()
    assert not (root.folder / "usr/lib64").exists()


def test_packages_are_told_with_the_hash_of_the_file_they_came_in(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", RIND)

    (told,) = (
        Apt(tmp_path / "apt", sources=archive.sources).unpack(["librind1"], is_live=yes).packages
    )

    assert (told.name, told.version) == ("librind1", "1.0-1")
    assert told.sha256 == hashlib.sha256(archive.path_of(RIND).read_bytes()).hexdigest()
    assert told.filename == archive.path_of(RIND).name


def test_a_copy_of_an_unpacked_library_is_traced_to_its_package(tmp_path: Path) -> None:
    name = f"{LIBRARIES}/librind.so.1"
    notes = "Format: DEP-5\n\nLicense: Zlib\n"
    rind = Deb("librind1", {name: "rind", "usr/share/doc/librind1/copyright": notes})
    archive = Archive(tmp_path / "archive", rind)
    root = Apt(tmp_path / "apt", sources=archive.sources).unpack(["librind1"], is_live=yes)
    assert root.folder is not None
    packages = UnpackedPackages(root.folder, root.packages, "debian-12")
    digest = hashlib.sha256(b"rind").hexdigest()[:8]

    (library,) = trace([f"demo.libs/librind-{digest}.so.1"], [packages])

    assert library.package is not None
    assert library.package.purl == f"pkg:deb/debian/librind1@1.0-1?arch={architecture()}"
    assert library.package.licence_names == ("Zlib",)


def test_a_library_that_others_stand_for_is_where_linkers_look(apt: Apt) -> None:
    root = apt.unpack(["libcurds-reference-dev"], is_live=yes)

    assert root.folder is not None
    links = {name: root.folder / LIBRARIES / name for name in ("libcurds.so", "libcurds.so.3")}
    assert {name: str(link.readlink()) for name, link in links.items()} == {
        name: f"reference/{name}" for name in links
    }


def test_what_was_unpacked_is_used_again_without_the_archive(
    own_apt: Apt, archive: Archive
) -> None:
    first = own_apt.unpack(["librind1"], is_live=yes)
    archive.folder.rename(archive.folder.with_name("away"))

    assert own_apt.unpack(["librind1"], is_live=yes) == first


def test_the_same_packages_are_unpacked_once_whatever_was_asked_for(apt: Apt) -> None:
    asked = (["librind-dev"], ["librind1", "librind-dev"])

    first, second = (apt.unpack(names, is_live=yes) for names in asked)

    assert first == second


def test_no_script_runs_and_no_program_gets_rights(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    program = "usr/bin/takes-over"
    deb = Deb("takes-over", {program: ""}, postinst=f"touch {mark}", modes={program: 0o6777})
    archive = Archive(tmp_path / "archive", deb)

    before = os.umask(0o077)
    root = Apt(tmp_path / "apt", sources=archive.sources).unpack(["takes-over"], is_live=yes)
    os.umask(before)

    assert root.folder is not None
    assert (root.folder / program).stat().st_mode & 0o7777 == 0o755
    assert not mark.exists()


def test_a_package_of_another_content_than_announced_is_not_unpacked(
    own_apt: Apt, archive: Archive
) -> None:
    other = Deb(RIND.name, {"usr/bin/evil": ""})
    announced = shutil.copytree(archive.dist, archive.folder / "announced")
    archive.publish(other)
    shutil.copytree(announced, archive.dist, dirs_exist_ok=True)

    with pytest.raises(MirrorError, match="packages of"):
        own_apt.unpack(["librind1"], is_live=yes)


def test_what_a_newer_package_replaced_is_looked_for_in_newer_lists(
    own_apt: Apt, archive: Archive
) -> None:
    assert own_apt.known(["librind1"], is_live=yes) == ["librind1"]
    archive.publish(Deb("librind1", RIND.files, version="1.0-2"))

    (told,) = own_apt.unpack(["librind1"], is_live=yes).packages

    assert told.version == "1.0-2"


def test_what_nobody_used_for_long_is_removed(
    own_apt: Apt, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 24 * 3600
    archive.publish(*(Deb(name, {f"usr/share/{name}": ""}) for name in ("old", "spare", "busy")))
    roots = {name: own_apt.unpack([name], is_live=yes).folder for name in ("old", "spare", "busy")}
    for name, age in (("old", 8 * day), ("spare", day), ("busy", 60)):
        aged = time.time() - age
        os.utime(str(roots[name]), (aged, aged))
    monkeypatch.setattr("builds.runner.apt.KEPT_BYTES", 1)
    (own_apt.root / "part-left").mkdir()

    own_apt.unpack(["librind1"], is_live=yes)

    left = {name for name, folder in roots.items() if folder and folder.exists()}
    assert left == {"busy"}
    assert own_apt.unpack(["spare"], is_live=yes).folder == roots["spare"]
    assert list(own_apt.root.glob("part-*")) == []


def test_other_sources_are_read_at_once(own_apt: Apt, archive: Archive, tmp_path: Path) -> None:
    assert own_apt.find("rind.pc", is_live=yes) is None
    other = Archive(tmp_path / "other", RIND_DEV)

    found = Apt(own_apt.root, sources=other.sources).find("rind.pc", is_live=yes)

    assert found is not None


@pytest.mark.parametrize("name", ["no-such-package", "--reinstall", "librind1=0.1", "librind1-"])
def test_a_package_that_is_none_is_not_installable(own_apt: Apt, name: str) -> None:
    with pytest.raises(NotInstallableError, match=name):
        own_apt.unpack([name], is_live=yes)


def test_a_package_that_needs_what_nobody_has_is_not_installable(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", Deb("hungry", {}, depends="no-such-package"))

    with pytest.raises(NotInstallableError, match="cannot install hungry"):
        Apt(tmp_path / "apt", sources=archive.sources).unpack(["hungry"], is_live=yes)


def test_an_archive_that_is_away_says_nothing_about_files(tmp_path: Path) -> None:
    sources = tmp_path / "sources.list"
    sources.write_text(f"deb [trusted=yes] file:{tmp_path}/away tests main\n")
    apt = Apt(tmp_path / "apt", sources=sources)

    with pytest.raises(MirrorError, match="not whole"):
        apt.find("rind.h", is_live=yes)
    with pytest.raises(MirrorError, match="not whole"):
        apt.unpack(["librind1"], is_live=yes)


def test_of_two_archives_the_one_that_answers_is_used(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", RIND_DEV)
    with archive.sources.open("a") as sources:
        sources.write(f"deb [trusted=yes] file:{tmp_path}/away tests main\n")
    apt = Apt(tmp_path / "apt", sources=archive.sources)

    assert apt.find("rind.pc", is_live=yes) is not None
    with pytest.raises(MirrorError, match="not whole"):
        apt.find("not-there.pc", is_live=yes)


def test_an_archive_that_nobody_signed_is_not_trusted(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive", RIND, options="")
    apt = Apt(tmp_path / "apt", sources=archive.sources)

    with pytest.raises(MirrorError, match="not signed"):
        apt.unpack(["librind1"], is_live=yes)


@pytest.fixture
def held(own_apt: Apt) -> Iterator[None]:
    """Another process gets the lists."""
    with (own_apt.root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_build_whose_lease_is_gone_waits_for_nobody(own_apt: Apt, held: None) -> None:
    gone = threading.Event()
    threading.Timer(0.3, gone.set).start()

    with pytest.raises(LeaseGoneError):
        own_apt.find("rind.pc", is_live=lambda: not gone.is_set())
