"""Imports the modules it is given, one after another. Runs inside the sandbox.

Standard library only, and nothing newer than Python 3.6 knows.
"""

import importlib
import sys
import traceback


def main(names: "list[str]") -> int:
    for name in names:
        try:
            importlib.import_module(name)
        except BaseException:  # noqa: BLE001 - a module may even leave by SystemExit
            sys.stdout.write(f"cannot import {name}\n")
            sys.stdout.flush()
            traceback.print_exc()
            return 1
        sys.stdout.write(f"imported {name}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    # The folder of this file is no place for a project to import from.
    del sys.path[0]
    sys.exit(main(sys.argv[1:]))
