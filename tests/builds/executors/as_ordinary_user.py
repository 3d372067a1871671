"""Become a user without any privilege, and run pytest with the arguments given.

    python -m tests.builds.executors.as_ordinary_user tests/builds/executors

To be started by root. Interpreter and checkout stay reachable by their own paths even below a
home that is closed to others, by mounts that nobody else sees.
"""

import os
import stat
import sys
from pathlib import Path

from builds.executors.launcher import MS_BIND, MS_PRIVATE, MS_REC, become, mount

NOBODY = 65534
CHECKOUT = Path(__file__).resolve().parents[3]


def keep_reachable(folders):
    os.unshare(os.CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    opened = {folder: os.open(folder, os.O_PATH) for folder in folders}
    closed = {parent for folder in folders for parent in folder.parents if is_closed(parent)}
    for folder in sorted(closed):
        if is_closed(folder):
            mount("tmpfs", str(folder), "tmpfs", 0, "mode=0755")
    for folder, descriptor in opened.items():
        if not folder.exists():
            folder.mkdir(parents=True)
            mount(f"/proc/self/fd/{descriptor}", str(folder), None, MS_BIND | MS_REC)


def is_closed(folder):
    return folder.exists() and not folder.stat().st_mode & stat.S_IXOTH


def main():
    keep_reachable({CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)})
    become(NOBODY)
    os.chdir(CHECKOUT)
    argv = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *sys.argv[1:]]
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    os.execve(argv[0], argv, kept | {"HOME": "/nonexistent"})  # noqa: S606


if __name__ == "__main__":
    main()
