"""Installs what a build requires, before cibuildwheel builds. Runs inside its container.

`prepare.py PLAN RESULT FILTERS`, in the folder of the sources, on the target's Python: PLAN is a
JSON file of ours with "requires", "regenerate", "backend", "backend_path" and "compilers"; RESULT
is the file that what is installed is written to; FILTERS a folder that comes first in PATH.
Standard library only, and nothing newer than Python 3.6 knows.
"""

import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

DIST_INFO = re.compile(r"(.+?)-([^-]+)(-py[^-]*)?\.(?:dist|egg)-info$")
PROGRAMS = Path(__file__).resolve().parent


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*argv: str) -> None:
    code = subprocess.run([sys.executable, *argv], check=False).returncode
    if code:
        sys.exit(code if code > 0 else 1)


def installed() -> "list[dict[str, str]]":
    """What is installed beside pip: name and version each."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["purelib"]).iterdir()):
        match = DIST_INFO.match(path.name)
        if match and match.group(1) != "pip":
            found.append({"name": match.group(1), "version": match.group(2)})
    return found


def install(requirements: "list[str]") -> None:
    if requirements:
        say("installing " + ", ".join(requirements))
        run("-m", "pip", "install", "--quiet", "--", *requirements)


def asked_for(plan: "dict[str, Any]", folder: Path) -> "list[str]":
    """What the build backend asks for besides (PEP 517)."""
    say("calling get_requires_for_build_wheel of {}".format(plan["backend"]))
    asked = folder / "requires.json"
    run(
        str(PROGRAMS / "hooks.py"),
        "get_requires_for_build_wheel",
        plan["backend"],
        json.dumps(plan["backend_path"]),
        str(asked),
    )
    return [str(requirement) for requirement in json.loads(asked.read_text())]


def filter_compilers(pattern: str, filters: Path) -> None:
    """Stand before the image's compilers, so that none compiles for the very machine."""
    filters.mkdir()
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        for path in folder.iterdir() if folder.is_dir() else ():
            place = filters / path.name
            if re.fullmatch(pattern, path.name) and not place.is_symlink():
                place.symlink_to(PROGRAMS / "compiler")


def main(plan_file: str, result: str, filters: str) -> None:
    os.umask(0o022)
    plan = json.loads(Path(plan_file).read_text())
    filter_compilers(plan["compilers"], Path(filters))
    # What an image happens to have must not stand in for what the sources forgot to declare.
    others = [item["name"] for item in installed()]
    if others:
        run("-m", "pip", "uninstall", "--quiet", "--yes", *others)
    install(plan["requires"])
    if plan["regenerate"]:
        say("making the C of Cython sources anew")
        run(str(PROGRAMS / "regenerate.py"))
    install(asked_for(plan, Path(result).parent))
    facts = {"python": platform.python_version(), "installed": installed()}
    Path(result).write_text(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
