"""Tries what a user of a wheel would, one thing after another. Runs inside the sandbox.

`imports.py PLAN`: a JSON object of
"modules", names that must import;
"extensions", names of extension modules, which must load, whatever else they may miss: a package
that falls back on slower code when its extension is broken would hide it;
"own", the top-level names of the wheel;
"scripts", pairs of an entry point's name and its object reference, which must resolve;
"programs", paths of machine code below the folder of scripts ("scripts/NAME") or site-packages;
"emulator", what runs them where they are another machine's: qemu-user with its options, or none.
All of it happens in one child, so that a crash is told with the name of what crashed.
Standard library only, and nothing newer than Python 3.6 knows.
"""

import importlib
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any

REFERENCE = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<attributes>[\w.]+)\s*(?P<extras>\[.*\])?\s*")
"""As the entry points specification has them."""
BROKEN = re.compile(
    r"\.so\b|undefined symbol|\bELF\b|shared object"
    r"|multiarray failed to import|binary incompatib"
)
"""What the dynamic loader says, and what extensions say of others that they do not fit."""


LONGEST = 1024


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def import_module(name: str, programs: "list[str]") -> None:
    """Import it, unless it needs the very program of the wheel that it runs in."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Repair may have put a program elsewhere, and a script that starts it in its place.
        if error.name not in [program.rpartition("/")[2] for program in programs]:
            raise
        say(f"skipping {name}: it is for use inside the program {error.name}")


def import_extension(name: str, own: "list[str]") -> None:
    """Import it; what it lacks from elsewhere is its users' choice, to be broken is not."""
    try:
        importlib.import_module(name)
    except SystemError:
        raise
    except Exception as error:
        said = str(error)
        if isinstance(error, ModuleNotFoundError):
            is_broken = str(error.name).partition(".")[0] in own
        else:
            is_import = said.startswith("cannot import name")
            is_broken = not is_import and BROKEN.search(said) is not None
        if is_broken:
            raise
        say(f"skipping {name}: {type(error).__name__}: {said}")


def resolve_script(name: str, reference: str) -> None:
    match = REFERENCE.fullmatch(reference.strip())
    if match is None:
        raise ImportError(f"{name} = {reference} is no object reference")
    try:
        found: Any = importlib.import_module(match.group("module"))
    except ModuleNotFoundError as error:
        if match.group("extras") is None:
            raise
        say("skipping {}: it is for {}: {}".format(name, match.group("extras"), error))
        return
    for attribute in match.group("attributes").split("."):
        found = getattr(found, attribute)


def load_program(path: str, emulator: "list[str]") -> None:
    """Have the dynamic loader say what the program needs and does not find (ldd(1))."""
    head, _, rest = path.partition("/")
    is_script = head == "scripts"
    place = Path(
        sysconfig.get_path("scripts" if is_script else "platlib"), rest if is_script else path
    )
    trace = {"LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes", "LD_BIND_NOW": "yes"}
    command, environment = [str(place)], {**os.environ, **trace}
    if emulator:
        # The emulator has a loader of its own, which is not asked.
        told = [part for name in trace for part in ("-E", name + "=" + trace[name])]
        command, environment = [*emulator, *told, *command], dict(os.environ)
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    for line in lines:
        if "not found" in line or "undefined symbol" in line:
            raise ImportError(line.strip())
    if done.returncode:
        raise ImportError(f"{path} cannot be loaded: status {done.returncode}")


def try_all(plan: "dict[str, Any]", now: "mmap.mmap") -> int:
    """Try it all; `now` holds what is being tried. Returns 1 after the first that fails."""
    kinds = (
        ("module", import_module, [(name, plan["programs"]) for name in plan["modules"]]),
        ("extension", import_extension, [(name, plan["own"]) for name in plan["extensions"]]),
        ("script", resolve_script, plan["scripts"]),
        ("program", load_program, [(name, plan["emulator"]) for name in plan["programs"]]),
    )
    for kind, function, calls in kinds:
        for arguments in calls:
            what = f"{kind} {arguments[0]}"
            say("trying " + what)
            now.seek(0)
            now.write(what.encode()[:LONGEST].ljust(LONGEST))
            try:
                function(*arguments)
            except BaseException:  # noqa: BLE001 - a module may even leave by SystemExit
                say("cannot use " + what)
                traceback.print_exc()
                return 1
    return 0


def main(path: str) -> int:
    plan = json.loads(Path(path).read_text())
    now = mmap.mmap(-1, LONGEST)
    child = os.fork()
    if child == 0:
        return try_all(plan, now)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        return os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        # Nobody's crash: whoever looks on shall see what happened.
        os.kill(os.getpid(), signal.SIGKILL)
    what = now[:].rstrip().decode(errors="replace")
    say(f"CrashError: cannot use {what}: killed by {signal.Signals(number).name}")
    return 1


if __name__ == "__main__":
    # The folder of this file is no place for a project to import from.
    del sys.path[0]
    sys.exit(main(*sys.argv[1:]))
