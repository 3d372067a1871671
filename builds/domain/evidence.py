"""Which line of a log shows what went wrong. Pure."""

import re

LONGEST = 500
"""Letters of an evidence line that are kept."""

# A requirement's own build has a log of its own, with errors that are not the project's.
_REQUIREMENT = re.compile(r"^\u00d7 Failed to (build|download and build) ")
_COMPILER = re.compile(r"^\S.*?:\d+(:\d+)?: (fatal error|error): \S")
_LINKER = re.compile(r"(undefined reference to|cannot find -l|undefined symbol)")
_RUST = re.compile(r"^error(\[E\d+\])?: \S")
_CYTHON = re.compile(r"^Error compiling Cython file")
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|NotFound|Interrupt)(: |$)")
# uv begins what it has to say with a multiplication sign.
_OTHER = re.compile(r"\b(error|fatal): \S|^\u00d7 \S", re.IGNORECASE)
# These say only that something else, named before, went wrong.
_SECOND_HAND = re.compile(
    r"CalledProcessError|CompileError: command|LinkError: command|command .* failed with exit"
    r"|\bwarning: |^\s*SystemExit|error: aborting due to|could not compile"
)


def is_compiler_error(line: str) -> bool:
    """Whether a compiler says that it gave up on a file.

    >>> is_compiler_error("a.c:1:10: fatal error: Python.h: No such file"), is_compiler_error("ok")
    (True, False)
    """
    return _COMPILER.search(line) is not None


def evidence_line(log: str) -> str:
    r"""Return the line that tells most; empty for a log without words.

    A compiler's first error causes its later ones, a traceback's last line says what it is
    about; a report that a command failed says least.

    >>> evidence_line("a.c:1:10: fatal error: Python.h: No such file\nerror: command 'gcc' failed")
    'a.c:1:10: fatal error: Python.h: No such file'
    >>> evidence_line("Traceback (most recent call last):\nImportError: no\n")
    'ImportError: no'
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if not _SECOND_HAND.search(line)]
    for pattern in (_REQUIREMENT, _COMPILER, _LINKER, _RUST, _CYTHON):
        for line in telling:
            if pattern.search(line):
                return line[:LONGEST]
    for pattern in (_EXCEPTION, _OTHER):
        for line in reversed(telling):
            if pattern.search(line):
                return line[:LONGEST]
    return (telling or lines or [""])[-1][:LONGEST]
