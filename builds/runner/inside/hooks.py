"""Calls one hook of a build backend (PEP 517). Runs inside the sandbox, on the target's Python.

`hooks.py HOOK BACKEND BACKEND_PATH RESULT ARGUMENT...`: BACKEND_PATH is a JSON list of folders
below the sources, which are the working directory; RESULT is the file that what the hook returns
is written to, as JSON. Standard library only, and nothing newer than Python 3.6 knows.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any


def find_backend(reference: str, backend_path: "list[str]") -> Any:
    """Import the object that `build-backend` refers to."""
    # A backend of the sources' own comes before one that is installed.
    sources = Path.cwd()
    sys.path[:0] = [str(sources / folder) for folder in backend_path]
    module, _, attributes = reference.partition(":")
    backend: Any = importlib.import_module(module)
    if backend_path:
        found = Path(str(backend.__file__)).resolve()
        if sources.resolve() not in found.parents:
            raise ImportError(f"build-backend {reference!r} is not below backend-path")
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def main(hook: str, reference: str, backend_path: str, result: str, *arguments: str) -> None:
    os.umask(0o022)
    # The folder of this file is no place for a project to import from.
    del sys.path[0]
    backend = find_backend(reference, json.loads(backend_path))
    function = getattr(backend, hook, None)
    if function is None and hook == "get_requires_for_build_wheel":
        returned = []
    elif function is None:
        raise AttributeError(f"the build backend {reference!r} has no hook {hook!r}")
    else:
        returned = function(*arguments)
    with Path(result).open("w") as file:
        json.dump(returned, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
