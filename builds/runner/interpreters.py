"""Which Python interpreters a builder has: found by configuration, each probed once."""

import glob
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from builds.domain.targets import Target
from builds.executors.base import Mount
from builds.runner.emulation import Emulation, emulation_of

USUAL_PLACES = (
    "~/.local/share/uv/python/cpython-*/bin/python3",
    "~/.pyenv/versions/*/bin/python3",
    "/opt/python/cp*/bin/python3",
    "/usr/local/bin/python3",
    "/usr/local/bin/python3.*",
    "/usr/bin/python3",
    "/usr/bin/python3.*",
)
"""Where interpreters are when an operator names none."""
PROBE_SECONDS = 20
SYSTEM = Path("/usr")
# Runs on interpreters as old as 3.6.
PROBE = """
import json, os, platform, sys, sysconfig
base = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({
    "executable": os.path.realpath(sys.executable),
    "base": os.path.realpath(base),
    "prefix": os.path.realpath(sys.base_prefix),
    "implementation": sys.implementation.name,
    "version": platform.python_version(),
    "tag": "cp%d%d%s" % (sys.version_info[0], sys.version_info[1],
                         "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
    "soabi": sysconfig.get_config_var("SOABI") or "",
    "platform": sysconfig.get_platform(),
    "libc": " ".join(platform.libc_ver()),
    "headers": sysconfig.get_paths()["include"],
    "has_headers": os.path.isfile(
        os.path.join(sysconfig.get_paths()["include"], "Python.h")),
    "configuration": os.path.join(
        sysconfig.get_paths()["stdlib"], sysconfig._get_sysconfigdata_name() + ".py"),
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter that builds can use. `tag` is "cp312", or "cp313t" for a free-threaded one."""

    path: Path
    prefix: Path
    tag: str
    version: str
    soabi: str
    machine: str
    libc: str

    @property
    def system(self) -> Path:
        """Where the distribution that it may be of has what it installs."""
        return SYSTEM

    @property
    def needed(self) -> tuple[Path, ...]:
        """What it runs on."""
        return (self.prefix,)

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What a sandbox must show for it to run, beside the system."""
        return tuple(Mount(path, path) for path in self.needed if not path.is_relative_to(SYSTEM))

    @property
    def micro(self) -> tuple[int, ...]:
        """For order: the numbers of its version."""
        return tuple(int(part) for part in self.version.split(".") if part.isdecimal())


@dataclass(frozen=True, slots=True)
class ForeignInterpreter(Interpreter):
    """An interpreter of another machine, which runs here by emulation.

    `configuration` is the module that its `sysconfig` reads.
    """

    emulation: Emulation
    headers: Path
    configuration: Path

    @property
    def system(self) -> Path:
        return self.emulation.root / "usr"

    @property
    def needed(self) -> tuple[Path, ...]:
        return (self.emulation.root, self.emulation.emulator)


def find_smoke_interpreters(patterns: Sequence[str]) -> tuple[Interpreter, ...]:
    """Probe what the patterns match, to run wheels on and not to build them: headers or not."""
    found = (probe(path, needs_headers=False) for path in _matches(patterns))
    return tuple(interpreter for interpreter in found if interpreter is not None)


def find_interpreters(
    patterns: Sequence[str] = (), *, uv: Path | None = None
) -> tuple[Interpreter, ...]:
    """Probe what the patterns match, or what is in the usual places and what uv knows.

    One interpreter is named once, however many paths lead to it. Those without headers are left
    out: an extension cannot be built with them, and the fault would look like the project's.
    """
    places = list(patterns) or [*USUAL_PLACES, *_known_to_uv(uv)]
    found: dict[Path, Interpreter] = {}
    for path in _matches(places):
        interpreter = probe(path)
        if interpreter is not None:
            found.setdefault(interpreter.path, interpreter)
    return tuple(sorted(found.values(), key=lambda found: (found.micro, found.path)))


def probe(path: Path, *, needs_headers: bool = True) -> Interpreter | None:
    """Run the interpreter at `path` once; None for what is no usable CPython, or a shim of one.

    One of another machine runs by emulation where it can.
    """
    emulation = emulation_of(path)
    try:
        answer = subprocess.run(
            [*(emulation.command if emulation else ()), path, "-I", "-c", PROBE],
            capture_output=True,
            check=True,
            timeout=PROBE_SECONDS,
            env={"PATH": os.defpath},
        )
        facts = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    is_shim = facts["executable"] != os.path.realpath(path)
    if is_shim or facts["implementation"] != "cpython":
        return None
    if needs_headers and not facts["has_headers"]:
        return None
    found = Interpreter(
        path=Path(facts["base"]),
        prefix=Path(facts["prefix"]),
        tag=facts["tag"],
        version=facts["version"],
        soabi=facts["soabi"],
        machine=facts["platform"].partition("-")[2].replace("-", "_"),
        libc=facts["libc"],
    )
    if emulation is None:
        return found
    headers, configuration = Path(facts["headers"]), Path(facts["configuration"])
    return ForeignInterpreter(
        **asdict(found), emulation=emulation, headers=headers, configuration=configuration
    )


def choose(interpreters: Iterable[Interpreter], target: Target) -> Interpreter | None:
    """Return the newest interpreter that is `target`'s, and runs here; None without one."""
    own = choose_own(interpreters, target)
    return own if own and target.platform.endswith(f"_{own.machine}") else None


def choose_own(interpreters: Iterable[Interpreter], target: Target) -> Interpreter | None:
    """Return the newest of `target`'s Python that is this machine's, whichever the target's is."""
    machine = platform.machine()
    return _newest(each for each in _of_python(interpreters, target) if each.machine == machine)


def choose_foreign(
    interpreters: Iterable[Interpreter], target: Target
) -> ForeignInterpreter | None:
    """Return the newest interpreter that is `target`'s, and runs here by emulation."""
    return _newest(
        each
        for each in _of_python(interpreters, target)
        if isinstance(each, ForeignInterpreter)
        and target.platform.startswith("manylinux")
        and target.platform.endswith(f"_{each.machine}")
    )


def _of_python(interpreters: Iterable[Interpreter], target: Target) -> Iterator[Interpreter]:
    tag = target.interpreter + ("t" if target.abi.endswith("t") else "")
    return (interpreter for interpreter in interpreters if interpreter.tag == tag)


def _newest[Found: Interpreter](interpreters: Iterable[Found]) -> Found | None:
    return max(interpreters, key=lambda interpreter: interpreter.micro, default=None)


def _matches(patterns: Iterable[str]) -> list[Path]:
    paths: dict[Path, None] = {}
    for pattern in patterns:
        for match in sorted(glob.glob(os.path.expanduser(pattern))):  # noqa: PTH111, PTH207 - a pattern, not a path
            # One probe for all names of one file.
            paths.setdefault(Path(os.path.realpath(match)))
    return [path for path in paths if os.access(path, os.X_OK) and "-config" not in path.name]


def _known_to_uv(uv: Path | None) -> list[str]:
    if uv is None:
        return []
    command = [
        str(uv),
        "python",
        "list",
        "--only-installed",
        "--output-format",
        "json",
        "--no-config",
    ]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=PROBE_SECONDS)
        return [glob.escape(known["path"]) for known in json.loads(answer.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return []
