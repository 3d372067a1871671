"""Extension modules: which a wheel holds, and which a good one would hold besides. Pure.

What a good one holds is told by its own build's log, and by wheels of the same release, or of a
neighbouring one, for another target.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from builds.domain.diagnosis import telling_line
from builds.domain.evidence import is_compiler_error

EXTENSION = re.compile(r"(?P<name>[^.]+)(?P<abi>(\.[A-Za-z0-9_-]+)*)\.(so|pyd)")
SOURCES = (".c", ".cc", ".cpp", ".cxx", ".pyx", ".rs")
"""Endings of what extension modules are made of."""

_BEGUN = re.compile(r"building '([^']+)' extension")
_GIVEN_UP = re.compile(r"(building extension \"|[Bb]uild optional Rust extension )(?P<name>[\w.]+)")
_ATTEMPT = re.compile(
    r"^(building '[^']+' extension|error: command .* failed|(\S*/)?(\w+-)*(gcc|g\+\+|cc|c\+\+"
    r"|clang|clang\+\+)(-\d+)? .*-c )",
    re.MULTILINE,
)
"""Whether the build called a compiler at all."""
_FALLBACK = re.compile(
    r"(compil\w+ of .*fail"
    r"|(can ?not|can't|could not|couldn't|unable to|failed to) (be )?(compile|build)"
    r"|(extension|accelerat\w*|speedups?|module)\b.*(could not|cannot|can't|failed to) be"
    r" (compiled|built)"
    r"|(error|failed|failure) (compiling|building)"
    r"|(falling back to|fall back to|building a|installing|trying) (a )?(pure|plain)[ -]python"
    r"|^error: command .* failed)",
    re.IGNORECASE,
)
"""What builds say that go on without an extension."""
_PROBES = re.compile(r"(^|/)(_configtest|conftest)\.|^/tmp/")
"""Files that builds compile to see whether they can (distutils' `config`, autoconf)."""


@dataclass(frozen=True, slots=True)
class Kin:
    """A wheel upstream whose release or target is another."""

    filename: str
    is_same_release: bool
    is_same_machine: bool
    extensions: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lack:
    """What a wheel should hold and does not: extension modules, or it is not known which."""

    names: tuple[str, ...]
    reason: str
    """How it is known, as the end of a sentence that begins with what lacks."""
    evidence: str


def installed_parts(name: str, dist_info: str = "") -> list[str]:
    """Where a member of a wheel lands below site-packages; nothing when it lands elsewhere."""
    parts = name.split("/")
    if dist_info and parts[0] == dist_info:
        return []
    if parts[0].endswith(".data"):
        return parts[2:] if parts[1:2] in (["purelib"], ["platlib"]) else []
    return parts


def extension_name(member: str) -> str | None:
    """Return the dotted name that a member of a wheel is imported by, if it is an extension's.

    >>> extension_name("pkg/_speed.cpython-39-x86_64-linux-gnu.so"), extension_name("_a.abi3.so")
    ('pkg._speed', '_a')
    >>> extension_name("demo-1.0.data/platlib/pkg/_speed.cp39-win_amd64.pyd")
    'pkg._speed'
    >>> extension_name("demo.libs/libz-1234.so"), extension_name("pkg/libz.so.1")
    (None, None)
    """
    *folders, last = installed_parts(member) or [""]
    match = EXTENSION.fullmatch(last)
    if match is None:
        return None
    names = [*folders, match["name"]]
    return ".".join(names) if all(name.isidentifier() for name in names) else None


def extension_names(members: Iterable[str]) -> frozenset[str]:
    """Dotted names of the extension modules among a wheel's members."""
    return frozenset(name for member in members if (name := extension_name(member)) is not None)


def lack_by_log(
    log: str, *, extensions: frozenset[str], optional: Sequence[str] = ()
) -> Lack | None:
    """Say what a build began and did not bring to its end, by its log.

    A wheel without any extension is also judged by what compilers and builds say that name none.
    What the build did not try, on purpose, it does not lack.
    """
    begun = {**dict.fromkeys(_given_up(log), log), **dict(_begun(log))}
    missing = {
        name: said
        for name, said in begun.items()
        if not _is_held(name, said, extensions) and not _is_among(name, optional)
    }
    if missing:
        evidence = next(
            (line for said in missing.values() if (line := _compiler_line(said))),
            _compiler_line(log) or _fallback_line(log) or f"building '{min(missing)}' extension",
        )
        return Lack(tuple(sorted(missing)), "which its build began", evidence)
    if extensions or begun:
        return None
    evidence = _compiler_line(log) or (_fallback_line(log) if _ATTEMPT.search(log) else "")
    return Lack((), "for its compiler failed and the build went on", evidence) if evidence else None


def lack_by_kin(
    kin: Iterable[Kin],
    *,
    extensions: frozenset[str],
    sources: frozenset[str],
    optional: Sequence[str] = (),
) -> Lack | None:
    """Say what wheels of its kin hold and this one lacks; `sources` are paths in the sdist.

    The same release, for the same kind of machine, has the same extensions. Others prove less:
    only that there should be some, or those whose sources are still there.
    """
    for other in kin:
        theirs = {name for name in other.extensions if not _is_among(name, optional)}
        missing = theirs - extensions
        if not (other.is_same_release and other.is_same_machine):
            are_all_gone = bool(sources) and not extensions
            missing = missing if are_all_gone else {n for n in missing if _has_source(n, sources)}
        if missing:
            names = tuple(sorted(missing))
            return Lack(
                names,
                f"which {other.filename} has",
                f"{', '.join(names)}: in {other.filename}, and not in this wheel",
            )
    return None


def _begun(log: str) -> Iterator[tuple[str, str]]:
    """Extensions that a build began, each with what was said until the next."""
    _, *parts = _BEGUN.split(log)
    for name, said in zip(parts[::2], parts[1::2], strict=True):
        yield name.replace("/", "."), said


def _given_up(log: str) -> Iterator[str]:
    for line in log.splitlines():
        if "failed" in line and (match := _GIVEN_UP.search(line)):
            yield match["name"]


def _is_among(name: str, known: Iterable[str]) -> bool:
    # A log may leave out the package that the extension goes into.
    return any(other == name or other.endswith(f".{name}") for other in known)


def _is_held(name: str, said: str, extensions: frozenset[str]) -> bool:
    """Whether it is in the wheel; one that compiled may also have been put elsewhere."""
    places = {other.rpartition(".")[2] for other in extensions}
    was_moved = name.rpartition(".")[2] in places and not _compiler_line(said)
    return was_moved or _is_among(name, extensions)


def _has_source(name: str, sources: frozenset[str]) -> bool:
    path = "/" + name.replace(".", "/")
    return any(f"/{source.rpartition('.')[0]}".endswith(path) for source in sources)


def _compiler_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines()]
    errors = [line for line in lines if is_compiler_error(line) and not _PROBES.search(line)]
    return telling_line("\n".join(errors), stage="build") if errors else ""


def _fallback_line(log: str) -> str:
    lines = (line.strip() for line in log.splitlines())
    return next((line for line in lines if _FALLBACK.search(line)), "")
