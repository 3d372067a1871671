"""Programs that are not to be in our own environment: each has one of its own, under `var/`.

`python -m tests.environments` makes those that the tests use; the others are made when they are
asked for. What is pinned here is the newest that the tests were run with.
"""

import fcntl
import subprocess
import sys
from pathlib import Path

VAR = Path(__file__).parent.parent / "var"
CLIENTS = {
    "bandersnatch": ("bandersnatch==8.2.0",),
    # Its own lock: it allows newer libraries than it runs with.
    "pdm": ("pdm[locked]==2.29.3",),
    "poetry": ("poetry==2.5.1",),
}
PEERS = {
    # It imports pkg_resources, which later setuptools do not have.
    "devpi": ("devpi-server==6.20.3", "setuptools<81"),
    "proxpi": ("proxpi==1.3.1", "gunicorn==23.0.0"),
}


class EnvironmentUnavailableError(Exception):
    """uv could not make it; the message has its last words."""


def environment(name: str) -> Path:
    """The folder of its programs; made at the first call, and anew when its pins change."""
    requirements = (CLIENTS | PEERS)[name]
    folder = VAR / "environments" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder / "made-of"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists() or made.read_text() != "\n".join(requirements):
            _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            python = str(folder / "bin" / "python")
            _uv("pip", "install", "--quiet", "--python", python, *requirements)
            made.write_text("\n".join(requirements))
    return folder / "bin"


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    done = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentUnavailableError(done.stderr[-1000:])


if __name__ == "__main__":
    for client in CLIENTS:
        environment(client)
