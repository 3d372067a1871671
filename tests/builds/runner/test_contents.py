"""Exact look-up of files in a distribution's list of them."""

import subprocess
from pathlib import Path

import pytest

from builds.runner.contents import WANTED, Contents, Owned

TRIPLET = "x86_64-linux-gnu"
LINES = """\
etc/rind.conf                                           misc/librind1
usr/bin/crust-config                                    utils/crust
usr/include/Rind                                        libdevel/librind-dev
usr/include/a/many.h                                    libdevel/a-dev
usr/include/b/many.h                                    libdevel/b-dev
usr/include/b/c/many.h                                  libdevel/b-dev
usr/include/near/far/once.h                             libdevel/far-dev
usr/include/near/once.h                                 libdevel/near-dev
usr/include/not-rind.h                                  libdevel/not-dev
usr/include/rind.h\t\tlibdevel/librind-dev,universe/libdevel/librind2-dev
usr/include/x86_64-linux-gnu/exact.h                    libdevel/exact-dev
usr/include/other/exact.h                               libdevel/other-dev
usr/include/with space/rind.h                           libdevel/space-dev
usr/lib/private/lib/pkgconfig/rind.pc                   misc/private
usr/lib/x86_64-linux-gnu/librind.so                     libdevel/librind-dev
usr/lib/x86_64-linux-gnu/librind.so.1                   libs/librind1
usr/lib/x86_64-linux-gnu/sub/libcurd.so                 libdevel/curd-dev
usr/lib/x86_64-linux-gnu/sub/sub/libcurd.so             libdevel/deep-dev
usr/share/doc/rind.h                                    doc/rind-doc
usr/share/pkgconfig/rind.pc                             libdevel/librind-dev
"""


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    kept = subprocess.run(
        ["grep", "-E", WANTED], input=LINES, capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "index").write_text(kept)
    return Contents(tmp_path / "index", TRIPLET)


@pytest.mark.parametrize(
    ("file", "owned"),
    [
        ("rind.h", [Owned("usr/include/rind.h", ("librind-dev", "librind2-dev"))]),
        ("exact.h", [Owned(f"usr/include/{TRIPLET}/exact.h", ("exact-dev",))]),
        ("near/far/once.h", [Owned("usr/include/near/far/once.h", ("far-dev",))]),
        ("far/once.h", [Owned("usr/include/near/far/once.h", ("far-dev",))]),
        ("once.h", [Owned("usr/include/near/once.h", ("near-dev",))]),
        ("many.h", []),
        ("c/many.h", [Owned("usr/include/b/c/many.h", ("b-dev",))]),
        ("Rind", [Owned("usr/include/Rind", ("librind-dev",))]),
        ("rind.pc", [Owned("usr/share/pkgconfig/rind.pc", ("librind-dev",))]),
        ("librind.so", [Owned(f"usr/lib/{TRIPLET}/librind.so", ("librind-dev",))]),
        ("libcurd.so", [Owned(f"usr/lib/{TRIPLET}/sub/libcurd.so", ("curd-dev",))]),
        ("crust-config", [Owned("usr/bin/crust-config", ("crust",))]),
        ("rind.conf", []),
        ("ind.h", []),
        ("rind", []),
        ("rin..h", []),
        ("", []),
        (".pc", []),
        ("a/../rind.h", []),
        ("rind.h\n", []),
    ],
)
def test_a_file_is_what_a_build_can_mean_by_it(
    contents: Contents, file: str, owned: list[Owned]
) -> None:
    assert contents.owners(file) == owned


def test_a_list_without_a_line_has_no_owner(tmp_path: Path) -> None:
    (tmp_path / "index").touch()

    assert Contents(tmp_path / "index", TRIPLET).owners("rind.h") == []
