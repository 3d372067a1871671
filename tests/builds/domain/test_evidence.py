"""The line that tells most."""

import pytest

from builds.domain.evidence import evidence_line

GCC = """\
building 'x' extension
gcc -c x.c
x.c:3:10: fatal error: zlib.h: No such file or directory
    3 | #include <zlib.h>
compilation terminated.
error: command '/usr/bin/gcc' failed with exit code 1
Traceback (most recent call last):
  File "hooks.py", line 1
subprocess.CalledProcessError: Command returned non-zero exit status 1.
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "setup.py", line 1, in <module>
ModuleNotFoundError: No module named 'numpy'
"""
UV = """\
  \u00d7 No solution found when resolving dependencies:
  \u2570\u2500\u25b6 Because nothing was found in the package registry
"""
LINKER = """\
/usr/bin/ld: x.o: in function `f':
x.c:(.text+0x5): undefined reference to `g'
collect2: error: ld returned 1 exit status
error: command '/usr/bin/gcc' failed with exit code 1
"""


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (GCC, "x.c:3:10: fatal error: zlib.h: No such file or directory"),
        (TRACEBACK, "ModuleNotFoundError: No module named 'numpy'"),
        (UV, "\u00d7 No solution found when resolving dependencies:"),
        (LINKER, "x.c:(.text+0x5): undefined reference to `g'"),
        ("error[E0433]: failed to resolve: use of undeclared crate", "error[E0433]: failed to res"),
        ("one\ntwo\n", "two"),
        ("error: command 'gcc' failed with exit code 1\n", "error: command 'gcc' failed"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_the_line_that_tells_most_is_found(log: str, line: str) -> None:
    assert evidence_line(log).startswith(line)


def test_a_long_line_is_cut() -> None:
    assert len(evidence_line("x" * 10_000)) == 500
