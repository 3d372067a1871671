"""Machine code, read and not run."""

import io
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds.runner.elf import Elf, ElfError, ElfKind, read_elf

MODULE = """\
const char *getenv(const char *);
const char *home(void) { return getenv("HOME"); }
int PyInit__speed(void) { return 0; }
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "a.c").write_text(MODULE)
    flags = ["-shared", "-fPIC", "-g0", "-Wl,-rpath,/opt/lib:$ORIGIN/b", "-Wl,-soname,liba.so.1"]
    subprocess.run(["cc", *flags, "a.c", "-o", "a.so"], cwd=folder, check=True)
    return (folder / "a.so").read_bytes()


def read(content: bytes) -> Elf:
    return read_elf(io.BytesIO(content))


def test_a_library_says_what_it_is_and_needs(library: bytes) -> None:
    elf = read(library)

    assert (elf.kind, elf.soname, elf.needed) == (ElfKind.LIBRARY, "liba.so.1", ("libc.so.6",))
    assert elf.runpath == ("/opt/lib", "$ORIGIN/b")
    assert elf.is_module
    assert not elf.has_loader


def test_a_program_names_its_loader() -> None:
    elf = read(Path("/bin/sh").read_bytes())

    assert (elf.kind, elf.has_loader, elf.is_module) == (ElfKind.PROGRAM, True, False)
    assert "libc.so.6" in elf.needed


def test_what_nothing_loads_is_let_be(library: bytes) -> None:
    relocatable = bytearray(library)
    relocatable[16] = 1

    assert read(bytes(relocatable)) == Elf(ElfKind.OTHER)
    assert read(b"\x7fELF" + bytes(60)) == Elf(ElfKind.OTHER)


@pytest.mark.parametrize("length", [5, 40, 100, 600])
def test_a_library_that_is_cut_off_is_refused(library: bytes, length: int) -> None:
    with pytest.raises(ElfError):
        read(library[:length])


def test_headers_beyond_bounds_are_refused(library: bytes) -> None:
    spoilt = bytearray(library)
    spoilt[56:58] = b"\xff\xff"

    with pytest.raises(ElfError, match="65535 program headers"):
        read(bytes(spoilt))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_harm_ends_soon_and_with_a_name(library: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(library)
    # Where the headers are, and anywhere.
    places = st.one_of(st.integers(0, 900), st.integers(0, len(library) - 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=12)):
        spoilt[place] = data.draw(st.integers(0, 255))
    began = time.process_time()

    with suppress(ElfError):
        read(bytes(spoilt))

    assert time.process_time() - began < 1
