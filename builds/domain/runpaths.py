"""Where a wheel's libraries look for others: within the wheel, or they are told not to. Pure."""

from collections.abc import Iterable, Sequence

ORIGINS = ("$ORIGIN", "${ORIGIN}")
"""How the dynamic loader is told "where this file lies" (ld.so(8))."""


def stays(entry: str, folder: Sequence[str]) -> bool:
    """Whether an entry of DT_RUNPATH leads below the folder that wheels are unpacked in.

    `folder` are the names from there to where the library lies. An empty entry means the working
    directory of whoever starts the program.

    >>> stays("$ORIGIN/../demo.libs", ["demo"]), stays("$ORIGIN/../../lib", ["demo"])
    (True, False)
    >>> stays("/usr/local/lib", ["demo"]), stays("", ["demo"]), stays("${ORIGIN}", [])
    (False, False, True)
    """
    origin, _, rest = entry.partition("/")
    if origin not in ORIGINS or "$" in rest:
        return False
    depth = len(folder)
    for part in rest.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return True


def strays(entries: Iterable[str], folder: Sequence[str]) -> list[str]:
    """Those that lead out."""
    return [entry for entry in entries if not stays(entry, folder)]
