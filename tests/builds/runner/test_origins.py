"""Where a grafted library comes from, on a small distribution."""

import hashlib
import json
from pathlib import Path

import pytest

from builds.domain.sbom import sbom_document
from builds.runner.origins import DpkgPackages, trace

LIBRARY = b"bytes of the library"
COPYRIGHT = """\
Format: https://distribution.example/copyright-format/1.0/

Files: *
License: LGPL-2.1+
 On Debian systems, the full text is in /usr/share/common-licenses/LGPL-2.1.
"""


def grafted(content: bytes, name: str = "libdemo") -> str:
    return f"demo.libs/{name}-{hashlib.sha256(content).hexdigest()[:8]}.so.1.2"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "usr/lib/x/libdemo.so.1.2": LIBRARY,
        "opt/libdemo.so.1.2": b"another library of that name",
        "usr/share/doc/libdemo1/copyright": COPYRIGHT.encode(),
        "usr/share/common-licenses/LGPL-2.1": b"GNU LESSER GENERAL PUBLIC LICENSE",
        "etc/os-release": b'NAME="Small"\nID=small\n',
        "var/lib/dpkg/status": (
            b"Package: libdemo1\nArchitecture: i386\nVersion: 0.9\n\n"
            b"Package: libdemo1\nArchitecture: amd64\nVersion: 1:2-3\n"
            b"\nPackage: other\nArchitecture: all\nVersion: 9\n"
        ),
        "var/lib/dpkg/info/libdemo1:amd64.list": b"/.\n/usr/lib/x\n/usr/lib/x/libdemo.so.1.2\n",
        "var/lib/dpkg/info/other.list": b"/opt\n/opt/libdemo.so.1.2\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_a_copy_is_traced_to_the_package_of_the_very_file(root: Path) -> None:
    (library,) = trace([grafted(LIBRARY)], [DpkgPackages(root)])

    assert library.package is not None
    assert library.package.purl == "pkg:deb/small/libdemo1@1%3A2-3?arch=amd64"
    assert library.package.licence_names == ("LGPL-2.1+",)
    assert [licence.name for licence in library.package.licences] == [
        "libdemo1 copyright",
        "LGPL-2.1",
    ]
    assert library.to_json() == {
        "name": grafted(LIBRARY),
        "soname": "libdemo.so.1.2",
        "package": "libdemo1",
        "version": "1:2-3",
        "licences": ["LGPL-2.1+"],
    }


def test_a_version_before_the_ending_is_part_of_the_name(root: Path) -> None:
    (root / "usr/lib/x/libdemo-2.5.so.0").write_bytes(LIBRARY)
    with (root / "var/lib/dpkg/info/libdemo1:amd64.list").open("a") as listing:
        listing.write("/usr/lib/x/libdemo-2.5.so.0\n")
    digest = hashlib.sha256(LIBRARY).hexdigest()[:8]

    (library,) = trace([f"demo.libs/libdemo-2-{digest}.5.so.0"], [DpkgPackages(root)])

    assert library.package is not None
    assert library.soname == "libdemo-2.5.so.0"


@pytest.mark.parametrize("member", [grafted(b"changed"), grafted(LIBRARY, "libelse"), "a/b.so"])
def test_what_no_package_has_is_said_to_be_unknown(root: Path, member: str) -> None:
    (library,) = trace([member], [DpkgPackages(root)])

    assert library.package is None
    assert library.to_json()["package"] == ""


def test_packages_that_a_build_was_shown_besides_are_asked_too(root: Path, tmp_path: Path) -> None:
    nothing = DpkgPackages(tmp_path / "nowhere")

    (library,) = trace([grafted(LIBRARY)], [nothing, DpkgPackages(root)])

    assert library.package is not None


def test_the_document_is_the_same_for_the_same_libraries(root: Path) -> None:
    found = trace([grafted(LIBRARY), "demo.libs/own.so"], [DpkgPackages(root)])

    first = sbom_document(project="demo", version="1.0", grafted=found)
    second = sbom_document(project="demo", version="1.0", grafted=reversed(found))

    assert first == second
    document = json.loads(first)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert {"serialNumber", "timestamp"}.isdisjoint({*document, *document["metadata"]})
    named, unnamed = document["components"]
    assert {item["license"]["name"] for item in named["licenses"]} == {
        *("LGPL-2.1+", "LGPL-2.1", "libdemo1 copyright"),
    }
    assert (unnamed["name"], "purl" in unnamed) == ("own.so", False)
