"""What a wheel should hold and does not."""

import pytest

from builds.domain.extensions import Kin, extension_names, lack_by_kin, lack_by_log
from builds.domain.runpaths import stays
from builds.domain.siblings import choose_siblings
from builds.domain.targets import parse_target

HEADER = "src/_yaml.c:271:12: fatal error: longintrepr.h: No such file or directory"
FALLS_BACK = f"""\
building '_yaml' extension
gcc -pthread -fPIC -I/usr/include -c ext/_yaml.c -o build/ext/_yaml.o
{HEADER}
  271 |   #include "longintrepr.h"
compilation terminated.
Error compiling module, falling back to pure Python
"""
OPTIONAL = """\
building 'pkg._speed' extension
gcc -pthread -fPIC -c speed.c -o speed.o
gcc -shared speed.o -o pkg/_speed.so
building 'pkg._extra' extension
gcc -pthread -fPIC -c extra.c -o extra.o
extra.c:1:10: fatal error: extra.h: No such file or directory
building extension "pkg._extra" failed: command '/usr/bin/gcc' failed with exit code 1
"""
WITHOUT_NAMES = f"""\
cc -O2 -fPIC -c accelerate.c -o accelerate.o
{HEADER}
WARNING: The C extension could not be compiled, speedups are not enabled.
"""
SILENT = """\
building 'pkg._speed' extension
gcc -pthread -fPIC -c speed.c -o speed.o
creating build/bdist.linux-x86_64/wheel
"""
PROBING = """\
gcc -pthread -c _configtest.c -o _configtest.o
_configtest.c:1:10: fatal error: sunmath.h: No such file or directory
conftest.c:1:10: fatal error: vms.h: No such file or directory
"""
ON_PURPOSE = """\
running build_py
PyPy or a new Python: falling back to pure Python
"""


@pytest.mark.parametrize(
    ("log", "held", "names", "evidence"),
    [
        (FALLS_BACK, [], ("_yaml",), HEADER),
        (
            OPTIONAL,
            ["pkg._speed"],
            ("pkg._extra",),
            "extra.c:1:10: fatal error: extra.h: No such file or directory",
        ),
        (WITHOUT_NAMES, [], (), HEADER),
        (SILENT, [], ("pkg._speed",), "building 'pkg._speed' extension"),
        (
            "gcc -c a.c\nerror: command '/usr/bin/gcc' failed with exit code 1\n",
            [],
            (),
            "error: command '/usr/bin/gcc' failed with exit code 1",
        ),
    ],
)
def test_what_a_build_began_belongs_in_its_wheel(
    log: str, held: list[str], names: tuple[str, ...], evidence: str
) -> None:
    lack = lack_by_log(log, extensions=frozenset(held))

    assert lack is not None
    assert (lack.names, lack.evidence) == (names, evidence)


@pytest.mark.parametrize(
    ("log", "held"),
    [
        ("running build_py\ncopying pkg/__init__.py\n", []),
        (ON_PURPOSE, []),
        (PROBING, []),
        (SILENT, ["pkg._speed"]),
        # Named without the package that it goes into.
        ("building '_speed' extension\n", ["pkg._speed"]),
        # Put elsewhere by the project's own hand.
        ("building 'native._speed' extension\n", ["pkg._speed"]),
        # A feature that was tried, beside an extension that came out.
        (f"{SILENT}{PROBING}", ["pkg._speed"]),
    ],
)
def test_a_wheel_with_all_that_its_build_wanted_is_whole(log: str, held: list[str]) -> None:
    assert lack_by_log(log, extensions=frozenset(held)) is None


def test_an_optional_extension_may_be_missing() -> None:
    held = frozenset({"pkg._speed"})

    assert lack_by_log(OPTIONAL, extensions=held, optional=("pkg._extra",)) is None
    assert lack_by_log(FALLS_BACK, extensions=frozenset(), optional=("_yaml",)) is None


def kin(*names: str, release: bool = True, machine: bool = True) -> list[Kin]:
    return [Kin("demo.whl", release, machine, frozenset(names))]


def missing(
    others: list[Kin], held: tuple[str, ...], sources: tuple[str, ...] = (), **options: object
) -> tuple[str, ...]:
    lack = lack_by_kin(others, extensions=frozenset(held), sources=frozenset(sources), **options)
    return lack.names if lack else ()


def test_the_same_release_has_the_same_extensions() -> None:
    assert missing(kin("a", "pkg.b"), ("a",)) == ("pkg.b",)
    assert missing(kin("a", "pkg.b"), ("a", "pkg.b", "c")) == ()
    assert missing(kin("a", "pkg.b"), ("a",), optional=("pkg.b",)) == ()


@pytest.mark.parametrize("other", [{"release": False}, {"machine": False}])
def test_another_release_or_machine_proves_less(other: dict[str, bool]) -> None:
    near = kin("a", "pkg.b", **other)

    # All are gone, and there is something to compile.
    assert missing(near, (), ("src/a.c",)) == ("a", "pkg.b")
    # All are gone with their sources: a project may leave C, or come to it later.
    assert missing(near, ()) == ()
    # One is gone, and its source is still there, or is not.
    assert missing(near, ("a",), ("demo-1.0/src/pkg/b.pyx",)) == ("pkg.b",)
    assert missing(near, ("a",), ("demo-1.0/src/other/b.pyx",)) == ()


def test_extensions_are_known_by_what_they_are_imported_as() -> None:
    members = [
        "pkg/_a.cpython-39-x86_64-linux-gnu.so",
        "pkg/sub/_b.cp312-win_amd64.pyd",
        "_c.abi3.so",
        "demo-1.0.data/purelib/_d.so",
        "demo-1.0.data/scripts/tool.so",
        "demo.libs/libz-1234abcd.so",
        "pkg/libz.so.1",
        "pkg/data.json",
    ]

    assert extension_names(members) == {"pkg._a", "pkg.sub._b", "_c", "_d"}


def test_the_nearest_wheels_for_linux_are_chosen() -> None:
    names = [
        "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "demo-1.1-cp312-cp312-win_amd64.whl",
        "demo-1.1-cp38-cp38-manylinux_2_17_aarch64.whl",
        "demo-1.1-cp27-cp27mu-manylinux1_x86_64.whl",
        "demo-1.1-py3-none-any.whl",
        "demo-0.9-cp312-cp312-manylinux_2_17_x86_64.whl",
        "demo-1.1-cp311-cp311-musllinux_1_1_x86_64.whl",
        "demo-1.1-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "no wheel at all.whl",
    ]
    target = parse_target("cp312-manylinux_2_36_x86_64")

    assert choose_siblings(names, version="1.1", target=target) == [
        "demo-1.1-cp311-cp311-musllinux_1_1_x86_64.whl",
        "demo-1.1-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    ]
    assert choose_siblings(names, version="0.9.1", target=target) == [
        "demo-0.9-cp312-cp312-manylinux_2_17_x86_64.whl",
        "demo-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
    ]


@pytest.mark.parametrize(
    ("entry", "folder"),
    [
        ("$ORIGIN", []),
        ("${ORIGIN}/../demo.libs", ["demo"]),
        ("$ORIGIN/.././/demo.libs/", ["demo"]),
        ("$ORIGIN/../../other/lib", ["demo", "sub"]),
    ],
)
def test_an_entry_stays_in_the_wheel(entry: str, folder: list[str]) -> None:
    assert stays(entry, folder)


@pytest.mark.parametrize(
    ("entry", "folder"),
    [
        ("$ORIGIN/..", []),
        ("$ORIGIN/lib/../..", []),
        ("$ORIGIN/../../../lib", ["demo", "sub"]),
        ("$ORIGINAL/lib", []),
        ("$ORIGIN/$LIB", []),
        ("/usr/local/lib", ["demo"]),
        ("lib", ["demo"]),
        ("", ["demo"]),
    ],
)
def test_an_entry_leads_out_of_the_wheel(entry: str, folder: list[str]) -> None:
    assert not stays(entry, folder)
